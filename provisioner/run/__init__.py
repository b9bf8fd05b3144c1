"""What a run does: preflight, plan, apply, roll, and the way back."""
