"""For type checkers alone: the handlers that ``call.on`` takes, and those that it doesn't (tox -e types)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay_sync import Call
from relay_sync.payloads import DetectorPayload, DetectPayload, PlayPayload, RecordPayload


def plain(event: dict[str, Any]) -> None: ...
def any_mapping(event: Mapping[str, object]) -> None: ...
def play(event: PlayPayload) -> None: ...
def record(event: RecordPayload) -> None: ...
def whole(event: DetectPayload) -> None: ...
def part(event: DetectorPayload) -> None: ...


def taken(call: Call, name: str) -> None:
    call.on("play.finished", plain).on("play.finished", any_mapping).on("play.finished", play)
    call.on("calling.call.play", play).on(name, plain).on("calling.comes_next", plain)
    call.on("detect.update", part).on("calling.call.detect", whole)
    call.on("record.finished", lambda event: print(event["state"]))
    call.off("play.finished", play).off("play.finished", plain).off("play.finished")


def refused(call: Call, name: str) -> None:
    call.on("play.finished", record)  # type: ignore[arg-type]  # the point, as in the next
    call.on("detect.update", whole)  # type: ignore[arg-type]
    call.on(name, play)  # type: ignore[arg-type]
