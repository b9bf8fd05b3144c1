"""What runs on the target host: this package, shipped as one content-addressed zip, standard library only."""
