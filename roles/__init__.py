"""What a host needs: one package per role, and the table of which role applies where (`site.py`)."""
