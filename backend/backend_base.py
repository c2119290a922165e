"""Offer the base class of site back ends under its public name: `from backend_base import BackendBase`."""

from jobmon.backends.base import BackendBase

__all__ = ["BackendBase"]
