"""`python -m durascope` is the `durascope` command."""

import sys

from durascope.cli import main

sys.exit(main())
