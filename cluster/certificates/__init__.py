"""The certificates of a closed cluster, as they are on its hosts and as its processes show them."""
