"""How hosts are reached: SSH, the agent on the other side, and many hosts at once."""
