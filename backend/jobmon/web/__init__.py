"""Serve the page, the published files and the daemon's own state over HTTP."""
