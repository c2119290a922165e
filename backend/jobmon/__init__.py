"""Show the people of an HPC cluster what their jobs are doing."""

__version__ = "0.1.0"
