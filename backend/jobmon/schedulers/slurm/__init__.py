"""Read Slurm through pyslurm, its command line or slurmrestd."""
