"""Run the command line as ``python -m mbnas``."""

import sys

from mbnas.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
