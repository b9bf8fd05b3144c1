"""HOW: the engine. It knows hosts, resources and plans, and no role by name."""
