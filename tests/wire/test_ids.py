"""Ids that the client makes."""

from __future__ import annotations

import uuid

from relay_sync.wire.ids import new_uuid


def test_an_id_is_a_random_uuid_as_the_standard_library_writes_one() -> None:
    made = {new_uuid() for _ in range(500)}
    assert len(made) == 500
    for text in made:
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 4, uuid.RFC_4122)
