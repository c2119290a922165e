"""Offer the services that several files of this folder need, one of each per session."""

from slurm_cluster import slurm

__all__ = ["slurm"]
