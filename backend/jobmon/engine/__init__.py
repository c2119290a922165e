"""Hold what several capabilities need in order to act; it knows none of them, and none of their tables."""
