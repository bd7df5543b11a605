"""Every kind of fault at every moment that it can strike at, in each of its forms: as a value, as data, as words."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import websocket

from relay_sync.emulator import KINDS, Emulator, Fault
from relay_sync.emulator.fault import Moment, command_line
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient, phone

NAMES = {"command": "calling.begin", "reply": "calling.begin", "event": "calling.call.state:created"}
GIVEN: dict[str, dict[str, Any]] = {
    "send": {"what": "not-json"},
    "jump": {"seconds": 5.0},
    "refuse": {"code": "402", "message": "No credit"},
    "delay": {"seconds": 0.01},
    **{kind: {"seconds": 0.05} for kind in ("restart", "refuse-tcp", "silence")},
}


def each() -> Iterator[Fault]:
    for kind, taken in KINDS.items():
        for when, what in taken.moments:
            given = GIVEN.get(kind, {})
            if kind == "garble":
                given = {"what": "state-null" if what == "event" else "code-list"}
            name = "calling.play" if kind == "fail" else NAMES.get(what, "")  # a dial can only be refused
            yield Fault(kind=kind, moment=Moment(when, what, name, seconds=0.01 if when == "in" else 0.0), **given)


@pytest.mark.parametrize("fault", [*each()], ids=str)
def test_its_forms_say_the_same(fault: Fault) -> None:
    assert Fault.parse(str(fault)) == fault
    assert Fault.from_dict(json.loads(json.dumps(fault.as_dict()))) == fault
    option, words = shlex.split(command_line([fault]))
    assert (option, Fault.parse(words)) == ("--fault", fault)


@pytest.mark.parametrize("fault", [*each()], ids=str)
def test_it_strikes_there_and_its_block_ends_it(
    relay: Emulator, client: RawClient, connect: Connect, fault: Fault
) -> None:
    with relay.faults.add(str(fault)) as injected:
        with suppress(OSError, websocket.WebSocketException, AssertionError):  # as many of them are cut
            if fault.moment.what == "connect":
                connect(relay, ready=False)
            elif fault.kind == "fail":
                command = {"control_id": "c-1", "play": [{"type": "silence", "params": {"duration": 1}}]}
                assert client.command("calling.play", {**client.answered(), **command})["code"] == "200"
            elif fault.moment.what:
                client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
        injected.wait()
    assert injected.struck == 1
    assert relay.faults.active == ()
    relay.clear_faults()
    assert connect(relay).begin("+15550102")["code"] == "200"  # it serves whoever comes next
