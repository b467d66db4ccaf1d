"""``python -m amiproxy`` is ``ami-proxy``."""

import sys

from amiproxy.cli import main

if __name__ == "__main__":
    sys.exit(main())
