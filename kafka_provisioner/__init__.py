"""What `pip install` puts into site-packages: this one package, with the project's own packages inside it.

A clone needs nothing of this; there `invoke` finds tasks.py. docs/architecture.md says how the two fit together.
"""

__version__ = "0.1.0"
