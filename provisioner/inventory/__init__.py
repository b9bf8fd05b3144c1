"""WHERE: an inventory file read, its variables merged, rendered, typed and checked, before any connection."""
