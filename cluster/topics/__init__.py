"""Topics: as they are, as they are wanted, and the way from one to the other."""
