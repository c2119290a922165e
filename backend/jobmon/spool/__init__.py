"""Write, find and age gzipped JSON files that readers never lock."""
