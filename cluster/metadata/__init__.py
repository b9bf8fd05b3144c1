"""Who keeps the cluster's metadata: who leads, who may be spared, what is handed over before a stop."""
