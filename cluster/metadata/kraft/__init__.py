"""KRaft: a quorum of controllers keeps the metadata."""
