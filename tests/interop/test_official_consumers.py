"""What the official v2 clients are told in a context, and leave there: text messages and tasks."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import trustme

from relay_sync.emulator import Emulator
from tests.interop.official import LIMIT, Official, TlsFront, codes
from tests.interop.program import Program

PICTURE = "https://media.example/cat.jpg"
CALLER = "+15550100100"
ENDINGS: dict[str, Literal["delivered", "undelivered", "failed"]] = {
    "+15550100001": "delivered",
    "+15550100002": "undelivered",
    "+15550100003": "failed",
}


def test_an_official_client_sends_messages_follows_their_states_and_receives_one(
    relay: Emulator, start: Callable[..., Program]
) -> None:
    for number, ending in ENDINGS.items():
        relay.phone(number, message_state=ending, message_after=1.0)
    phone = relay.phones["+15550100001"]
    with start("messages", *ENDINGS) as program:
        program.says("ready")
        for count, (number, ending) in enumerate(ENDINGS.items(), 1):
            relay.journal.wait_for_command("messaging.send", count, answered=True)
            relay.clock.advance(1.0)
            sent = program.says("sent")
            way = ["queued", "initiated", "sent", ending]
            if ending == "failed":
                way.remove("sent")
            last = sent.pop("last")
            assert sent == {"successful": True, "own": True, "states": way}
            reason = last.pop("reason")
            assert bool(reason) == (ending != "delivered")
            assert last == {
                "context": "office",
                "from_number": CALLER,
                "to_number": number,
                "direction": "outbound",
                "state": ending,
                "body": "Hello",
                "media": [PICTURE],
                "tags": ["vip"],
                "segments": 1,
            }
        assert program.says("refused") == {"successful": False, "id": None}
        phone.text("+15550100999", "Hello back", context="office", media=[PICTURE])
        assert program.says("incoming") == {
            "context": "office",
            "from_number": phone.number,
            "to_number": "+15550100999",
            "direction": "inbound",
            "state": "received",
            "body": "Hello back",
            "media": [PICTURE],
            "tags": ["message", "inbound", "MMS"],
            "segments": 1,
            "reason": None,
        }
        program.ends_well()
    send = ("messaging.send", "200")
    assert codes(relay.journal.commands()) == [("signalwire.receive", "200"), send, send, send, (send[0], "400")]
    assert [message.body for message in phone.messages] == ["Hello"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def front(relay: Emulator, authority: trustme.CA) -> Iterator[TlsFront]:
    front = TlsFront(relay.port, authority)
    yield front
    front.close()


def post_task(relay: Emulator, context: str, message: object) -> int:
    """Leave a task as anybody may who speaks HTTP; return the status of the answer."""
    login = f"{relay.credentials['project']}:{relay.credentials['token']}".encode()
    request = urllib.request.Request(
        f"{relay.http_url}/api/relay/rest/tasks",
        json.dumps({"context": context, "message": message}).encode(),
        {"Authorization": f"Basic {base64.b64encode(login).decode()}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=LIMIT) as answer:
        status: int = answer.status
    return status


def test_an_official_client_delivers_a_task_and_receives_tasks(
    relay: Emulator,
    official: Official,
    start: Callable[..., Program],
    front: TlsFront,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    file = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(file)
    trusting = {"SSL_CERT_FILE": file, "NODE_EXTRA_CA_CERTS": file, "no_proxy": "127.0.0.1"}
    with start("tasks", f"127.0.0.1:{front.port}", **trusting) as program:
        # The client's own task comes by another way than the answer to its delivery, before or after it.
        said = [program.says_something() for _ in range(2)]
        assert sorted(step for step, _ in said) == ["delivered", "task"]
        facts = dict(said)
        assert facts["delivered"] == {"right": True, "wrong": False}
        word = "ü" if official.name == "python" else "u"
        assert facts["task"] == {"message": {"number": 7, "nested": {"list": [1, None, word]}}}
        assert post_task(relay, "office", {"from": "elsewhere"}) == 204
        assert program.says("task") == {"message": {"from": "elsewhere"}}
        program.ends_well()
    delivered = relay.journal.commands("POST /api/relay/rest/tasks")
    assert [command.code for command in delivered] == ["204", "401", "204"]
