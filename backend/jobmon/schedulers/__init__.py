"""Talk to batch systems."""
