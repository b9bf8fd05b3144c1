"""Topics: their actual state, their wanted state, and the changes between the two."""
