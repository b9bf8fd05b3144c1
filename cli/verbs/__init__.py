"""The command line of each verb, by area: flags, their help, and the call of what does the work. No logic."""
