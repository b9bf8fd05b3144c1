"""A running cluster in numbers: what each broker's host sees again and again, and the picture that they make."""

# The bytes by which the control machine asks for a sample, and for one with the quorum in it.
NOW, QUORUM = b".", b"q"
