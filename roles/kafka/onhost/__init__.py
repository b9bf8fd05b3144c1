"""What the kafka role runs on the host itself: Python 3.8, standard library and the pure-Python kafka client."""
