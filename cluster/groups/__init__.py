"""Consumer groups: where each is, and where a reset moves it."""
