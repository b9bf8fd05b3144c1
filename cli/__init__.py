"""What the verbs of tasks.py do: inventory, roles and engine put together; imported by the task that runs."""
