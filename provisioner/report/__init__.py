"""What a run tells the person who started it: live on a terminal, plain lines elsewhere."""
