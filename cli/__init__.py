"""What the verbs of tasks.py do: inventory, roles and engine put together. Imported by the task that runs, not by --list."""
