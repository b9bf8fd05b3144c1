"""Real hosts on this machine: containers that boot systemd and sshd, for the quick start, the tests and molecule.

>>> from lab.lab import Lab
>>> lab = Lab("default")
>>> lab.up(["single1"])
>>> lab.exec("single1", ["uname", "-r"]).stdout
"""
