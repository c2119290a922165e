"""Read the options of sbatch as sbatch does, and let through what leaves a job in jobmon's hands."""

from jobmon.schedulers.slurm.options.reading import Chosen, canonical, is_dated, read, too_new_or_old

__all__ = ["Chosen", "canonical", "is_dated", "read", "too_new_or_old"]
