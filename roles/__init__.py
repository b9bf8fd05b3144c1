"""What a host needs: one package per role, and the table of roles and groups (`site.py`)."""
