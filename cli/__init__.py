"""What the verbs of cli/verbs/ do: inventory, roles and engine put together; imported by the task that runs."""

import sys

# Invoke forbids Python to keep what it compiles, and compiling the toolkit was a quarter of a no-op's CPU time.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
