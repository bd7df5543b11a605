"""Whatever a client sends, the emulator answers or ignores it, logs no mistake of its own, and goes on."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from relay_sync.emulator import Emulator
from relay_sync.emulator.commands import COMMANDS
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient, phone, silence

ODD: list[Any] = [
    None, True, 0, -1, 10**400, 0.5, "", "x", "\ud800", [], [[]], {}, {"type": "phone"}, [None], "a" * 5000
]  # fmt: skip


def right(client: RawClient, call: dict[str, Any]) -> dict[str, Any]:
    """Return params that hold every field there is, all of them right."""
    objects = {
        "collect": {"digits": {"max": 2, "terminators": "#"}, "speech": {"hints": ["yes"]}, "initial_timeout": 2},
        "audio": {"beep": True, "terminators": "#", "initial_timeout": 2, "format": "wav"},
        "digits": "1w2",
        "behavior": "silence",
        "speech": {"hints": ["no"]},
        "partial_results": True,
        "continuous": True,
        "send_start_of_input": True,
        "initial_timeout": 1,
        "direction": "both",
        "loop": 0,
        "url": "ws://127.0.0.1:9/",
        "codec": "L16",
        "track": "both_tracks",
        "custom_parameters": {"k": "v"},
        "payment_connector_url": "https://pay.example/c",
        "parameters": [{"name": "order", "value": "7"}],
        "prompt": "Hello",
        "params": {"play": [silence(1)]},
        "role": "user",
        "message_text": "hello",
        "timeout": "5",
        "action": {"start": {}},
        "name": "standup",
        "beep": "true",
        "max_participants": 3,
        "record": "record-from-start",
        "wait_url": "welcome.mp3",
        "queue_name": "support",
        "event": "x",
        "bind_method": "calling.play",
        "max_triggers": 1,
        "realm": "menu",
        "dest": "context:office",
    }
    more = {"contexts": ["office"], "tag": "t", "device": phone("+15550101"), "devices": [[phone("+15550102")]]}
    return {**call, "control_id": "p", "play": [silence(5)], "volume": 1.0, "reason": "hangup", **objects, **more}


def spoil(generator: random.Random, value: Any) -> Any:
    """Return the value with something in it replaced by something odd."""
    if isinstance(value, dict) and value and generator.random() < 0.8:
        name = generator.choice(list(value))
        return {**value, name: spoil(generator, value[name])}
    if isinstance(value, list) and value and generator.random() < 0.8:
        return [spoil(generator, item) for item in value]
    return generator.choice(ODD)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("strict", [True, False])
def test_spoilt_frames_do_no_harm(connect: Connect, caplog: pytest.LogCaptureFixture, seed: int, strict: bool) -> None:
    generator = random.Random(seed)
    with Emulator(stepped=True, strict=strict) as relay:
        client = connect(relay)
        call = client.answered()
        for number in range(150):
            if number % 10 == 9:
                call = client.answered()
            method = generator.choice([*COMMANDS, "setup", "calling.levitate"])
            params = right(client, call)
            if method == "calling.record":
                params["record"] = {"audio": params["audio"]}
            if method in ("calling.echo", "calling.detect"):
                params["timeout"] = 5
            if method in COMMANDS:
                params = {field.name: params[field.name] for field in COMMANDS[method].fields if field.name in params}
            frame = {"jsonrpc": "2.0", "id": f"id-{number}", **client.wrapped(method, params)}
            client.send_text(json.dumps(spoil(generator, frame)))
            relay.clock.advance(generator.choice([0, 0.5, 40]))
        client.drain()
        assert client.answered()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
