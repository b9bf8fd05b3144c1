"""Records: written, read, and measured."""
