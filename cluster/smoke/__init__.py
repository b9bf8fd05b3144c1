"""The smoke check: records are written, read back and compared through every listener."""
