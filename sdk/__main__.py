"""`python -m densepose_mobile`: the command line, in the form that torchrun starts."""

import sys

from densepose_mobile.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
