"""``python -m relay_sync``: the same as the command ``relay-sync``."""

from __future__ import annotations

import sys

from relay_sync.cli import main

if __name__ == "__main__":
    sys.exit(main())
