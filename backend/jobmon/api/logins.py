"""Say what a person can be called."""

import re

MOST = 255
LOGIN = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._@+\\-]{0,254}")
"""A login, also with a realm or a domain, which belongs to the name: ada, ada@SITE.ORG, SITE\\ada. Each is somebody
else, and so is Ada. What is joined by commas, encoded or not ASCII is no login."""
FORM = "ASCII letters, digits and . _ - + @ \\"
