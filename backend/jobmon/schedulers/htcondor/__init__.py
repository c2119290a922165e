"""Submit to HTCondor."""
