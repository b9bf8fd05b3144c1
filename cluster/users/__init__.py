"""Users of a cluster, their passwords, and what each may do."""
