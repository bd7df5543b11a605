"""What the emulator serves over HTTP besides the socket: recordings, and faxes it has received."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

_KEPT = 1000  # files; the oldest go first


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    content: bytes
    content_type: str


class Files:
    """The files of one running emulator, by path. They are kept in memory and go with it.

    ``base`` returns the address of the server, such as ``http://127.0.0.1:8080``.
    """

    def __init__(self, base: Callable[[], str]) -> None:
        self._base = base
        self._files: dict[str, File] = {}
        self._folders: set[str] = set()

    def reserve(self, folder: str, ending: str) -> str:
        """Return a URL that nothing is served at yet: ``BASE/folder/<uuid>.ending``."""
        self._folders.add(folder)
        return f"{self._base()}/{folder}/{uuid.uuid4()}.{ending}"

    def put(self, url: str, content: bytes, content_type: str) -> None:
        """Serve ``content`` at a URL of :meth:`reserve` from now on."""
        self._files[url.removeprefix(self._base())] = File(content, content_type)
        while len(self._files) > _KEPT:
            del self._files[next(iter(self._files))]

    def get(self, path: str) -> File | None:
        """Return the file at ``path``, which begins with a slash."""
        return self._files.get(path)

    def reserved(self, path: str) -> bool:
        """Is ``path``, which begins with a slash, in a folder of :meth:`reserve`?"""
        return path.split("/")[1] in self._folders
