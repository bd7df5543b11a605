"""The command line: ``relay-sync``, and ``python -m relay_sync``.

Needs the extra ``relay-sync[cli]``; the commands that run the emulator need ``relay-sync[emulator]`` too. This module
imports neither, so that one without the other, or without both, ends in a sentence and not in a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

# Where each of these is missing, one command installs them all.
_NEEDED = ("click", "rich")
INSTALL = "pip install 'relay-sync[all]'"

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 is success; 1 a :class:`relay_sync.RelayError`, or a result that was not successful; 2 wrong usage, bad
    configuration or something that is not installed; 130 Ctrl-C.

    Args:
        arguments: what follows ``relay-sync``; those of the process where None.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(f"relay-sync needs {' and '.join(missing)}: {INSTALL}", file=sys.stderr)
        return USAGE
    from relay_sync.cli.program import run

    return run(arguments)
