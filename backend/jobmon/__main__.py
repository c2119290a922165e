"""Run the command line: `python -m jobmon`."""

from jobmon.cli import main

raise SystemExit(main())
