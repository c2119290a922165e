"""Show what jobs and nodes are doing now, what they did, and what could start."""
