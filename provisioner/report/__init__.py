"""What a run shows the person who started it: live on a terminal, plain lines elsewhere."""
