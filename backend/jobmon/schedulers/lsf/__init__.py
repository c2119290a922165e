"""Submit to IBM Spectrum LSF."""
