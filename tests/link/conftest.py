"""Connections that are closed with the test that made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.link.support import Link

MakeLink = Callable[..., Link]


@pytest.fixture
def make_link() -> Iterator[MakeLink]:
    """Make links, each with a clock, limits and so on of its own."""
    made: list[Link] = []

    def make(**settings: object) -> Link:
        made.append(Link(**settings))  # type: ignore[arg-type]  # passed on as they are
        return made[-1]

    yield make
    for link in made:
        link.connection.stop()


@pytest.fixture
def link(make_link: MakeLink) -> Link:
    """A connection that has not been started."""
    return make_link()


@pytest.fixture
def ready(link: Link) -> Link:
    """A connection that is ready."""
    link.make_ready()
    return link
