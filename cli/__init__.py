"""What the verbs of cli/verbs/ do: inventory, roles and engine put together; imported by the task that runs."""
