"""Back ends: what answers the daemon's questions about a cluster. README.md in this folder tells how to write one."""
