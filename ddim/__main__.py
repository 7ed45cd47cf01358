"""The command line, as `python -m ddim`."""

import sys

from ddim.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
