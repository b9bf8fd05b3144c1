"""How answers are laid out for people, and as JSON for machines."""
