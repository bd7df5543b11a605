"""How a command ends: exit codes, and the sentence that goes with each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from relay_sync.cli import INSTALL, USAGE
from relay_sync.cli.output import Output
from relay_sync.errors import ConfigurationError, RelayError

FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_EXTRAS = frozenset({"aiohttp", "numpy", "rich", "soundfile", "soxr"})


class Failure(Exception):
    """Something outside of Relay went wrong: the message says what, and the exit code is 1."""


@contextmanager
def reported(output: Output) -> Iterator[None]:
    """Turn what the block raises into a sentence and an exit code; what nobody expected passes through.

    Raises:
        SystemExit: with the code of :func:`relay_sync.cli.main`.
    """
    try:
        yield
    except KeyboardInterrupt:
        output.error("KeyboardInterrupt", "stopped by Ctrl-C")
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        output.error(type(error).__name__, error.message)
        sys.exit(USAGE)
    except RelayError as error:
        output.error(type(error).__name__, error.message, error.code)
        sys.exit(FAILED)
    except Failure as error:
        output.error(type(error).__name__, str(error))
        sys.exit(FAILED)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRAS:
            raise
        output.error(type(error).__name__, f"this command needs {error.name}: {INSTALL}")
        sys.exit(USAGE)
