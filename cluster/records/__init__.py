"""Records written and read, and how fast that goes."""
