"""What the zookeeper role runs on the host itself: Python 3.8, standard library."""
