"""Tasks, left by HTTP or from Python and handed to one consumer (protocol.md 15)."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import requests

from relay_sync.emulator import Assumptions, Emulator
from relay_sync.emulator.rest import METHOD, PATH
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient
from tests.support import in_thread

LIMIT = 10.0
TASK = {"context": "office", "message": {"action": "call", "to": "+15550103"}}


@pytest.fixture
def client(relay: Emulator, connect: Connect) -> RawClient:
    return connect(relay, "office")


def post(relay: Emulator, body: Any = TASK, *, path: str = PATH, **more: Any) -> requests.Response:
    """Post a task as v2 clients do."""
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    options = {"auth": (relay.project, relay.token), "headers": {"Content-Type": "application/json"}, **more}
    return requests.post(relay.http_url + path, data=data, timeout=LIMIT, **options)


def tasks(client: RawClient) -> list[Any]:
    """The messages of the tasks that came since the last look."""
    client.drain()
    came = [outer["params"]["message"] for outer in client.events if outer["event"] == "queuing.relay.tasks"]
    client.events.clear()
    return came


class TestDelivery:
    def test_a_task_is_accepted_with_an_empty_204_and_handed_to_a_consumer(
        self, relay: Emulator, client: RawClient
    ) -> None:
        response = post(relay)
        assert (response.status_code, response.content) == (204, b"")
        client.drain()
        (outer,) = client.events
        assert outer["event"] == "queuing.relay.tasks"
        timestamp = outer["params"].pop("timestamp")
        assert isinstance(timestamp, float)
        assert outer["params"] == {"space_id": "emulator", "project_id": relay.project, **TASK}

    def test_each_goes_to_one_consumer_in_turn(self, relay: Emulator, connect: Connect) -> None:
        both = [connect(relay, "office"), connect(relay, "office")]
        other = connect(relay, "sales")
        for number in range(4):
            assert post(relay, {"context": "office", "message": {"n": number}}).status_code == 204
        assert [tasks(client) for client in both] == [[{"n": 0}, {"n": 2}], [{"n": 1}, {"n": 3}]]
        assert tasks(other) == []

    def test_any_text_arrives_as_it_was(self, relay: Emulator, client: RawClient) -> None:
        message = {"text": "Grüße, 世界 🙂", "deep": [1, 2.5, None, {"a": [True]}]}
        assert post(relay, {"context": "office", "message": message}).status_code == 204
        assert tasks(client) == [message]

    def test_it_can_be_left_from_python(self, relay: Emulator, client: RawClient) -> None:
        assert relay.deliver_task("office", {"n": 1})
        assert not relay.deliver_task("sales", {"n": 2})
        assert tasks(client) == [{"n": 1}]

    @pytest.mark.parametrize(
        ("context", "message", "error"),
        [("", {}, ValueError), (None, {}, ValueError), ("office", "x", TypeError), ("office", {"a": {1}}, TypeError),
         ("office", {"a": float("nan")}, ValueError)],
    )  # fmt: skip
    def test_what_is_no_task_is_refused_from_python(
        self, relay: Emulator, client: RawClient, context: Any, message: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            relay.deliver_task(context, message)
        assert tasks(client) == []

    @pytest.mark.parametrize("fate", ["dropped", "kept"])
    def test_work_without_consumer(self, connect: Connect, fate: Any) -> None:
        assumptions = Assumptions(work_without_consumer=fate)
        with Emulator(stepped=True, ping_interval=None, assumptions=assumptions) as relay:
            assert post(relay).status_code == 204
            late = connect(relay, "office")
            assert tasks(late) == ([TASK["message"]] if fate == "kept" else [])


class TestRefusals:
    @pytest.mark.parametrize(
        "more",
        [
            {"auth": None},
            {"auth": ("emulator-project", "wrong")},
            {"auth": ("wrong", "PT-emulator-token")},
            {"auth": None, "headers": {"Authorization": "Basic !!!"}},
            {"auth": None, "headers": {"Authorization": "Basic bm9jb2xvbg=="}},
            {"auth": None, "headers": {"Authorization": "Bearer PT-emulator-token"}},
        ],
    )
    def test_wrong_credentials_are_401(self, relay: Emulator, client: RawClient, more: dict[str, Any]) -> None:
        response = post(relay, **more)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Basic realm="Relay"'
        assert response.json()["code"] == "401"
        assert tasks(client) == []

    @pytest.mark.parametrize(
        "body",
        [
            "no json",
            "[]",
            '"text"',
            json.dumps(TASK)[:-3],  # what Node sends when a character has several bytes
            {"message": {}},
            {"context": "", "message": {}},
            {"context": 5, "message": {}},
            {"context": "office"},
            {"context": "office", "message": "text"},
            {**TASK, "colour": "red"},
            '{"context": "office", "message": {"n": NaN}}',
        ],
    )
    def test_a_wrong_body_is_400(self, relay: Emulator, client: RawClient, body: Any) -> None:
        response = post(relay, body)
        assert response.status_code == 400
        assert response.json()["message"]
        assert tasks(client) == []

    def test_strict_wants_json_by_name(self, relay: Emulator) -> None:
        assert post(relay, headers={"Content-Type": "text/plain"}).status_code == 400

    def test_bytes_that_are_no_text_are_400(self, relay: Emulator) -> None:
        assert post(relay, b"\xff\xfe").status_code == 400

    def test_not_strict_takes_any_message(self, connect: Connect) -> None:
        with Emulator(stepped=True, ping_interval=None, strict=False) as relay:
            client = connect(relay, "office")
            body = {"context": "office", "message": "text", "colour": "red"}
            assert post(relay, body, headers={}).status_code == 204
            assert tasks(client) == ["text"]

    def test_another_path_is_404(self, relay: Emulator) -> None:
        assert post(relay, path="/api/relay/rest/calls").status_code == 404

    def test_another_verb_is_405(self, relay: Emulator) -> None:
        assert requests.put(relay.http_url + PATH, timeout=LIMIT).status_code == 405

    def test_a_refusal_on_request(self, relay: Emulator, client: RawClient) -> None:
        relay.refuse_next("tasks", "429", "Slow down")
        assert (post(relay).status_code, post(relay).status_code) == (429, 204)
        relay.refuse_next("tasks", "-32000")
        assert post(relay).status_code == 500
        assert len(tasks(client)) == 1

    def test_refused_connections_are_503(self, relay: Emulator) -> None:
        relay.refuse_connections()
        assert post(relay).status_code == 503

    def test_a_held_reply_comes_when_it_is_released(self, relay: Emulator, client: RawClient) -> None:
        relay.hold_reply("tasks", 1)
        with in_thread(lambda: post(relay)) as posting:
            relay.wait_for(lambda relay: relay.held_replies == ("tasks",))
            assert tasks(client) == [TASK["message"]]  # it was carried out
            assert relay.release("tasks") == 1
            assert posting.result().status_code == 204

    def test_a_lost_reply_never_comes_and_the_emulator_stops_all_the_same(
        self, relay: Emulator, client: RawClient
    ) -> None:
        relay.lose_reply("tasks")

        def fails() -> None:
            with pytest.raises(requests.ConnectionError):
                post(relay)

        with in_thread(fails) as posting:
            client.wait_event("queuing.relay.tasks")
            relay.stop()
            posting.result()

    def test_a_client_that_goes_away_in_the_midst_harms_nothing(self, relay: Emulator, client: RawClient) -> None:
        with socket.create_connection(("127.0.0.1", relay.port), timeout=LIMIT) as sock:
            sock.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert post(relay).status_code == 204
        assert tasks(client) == [TASK["message"]]


class TestJournal:
    def test_a_delivery_and_its_answer_are_in_the_journal_without_the_token(
        self, relay: Emulator, client: RawClient
    ) -> None:
        post(relay)
        (command,) = relay.journal.commands(METHOD)
        assert (command.params, command.code) == (TASK, "204")
        post(relay, {"context": ""})
        assert [one.code for one in relay.journal.commands(METHOD)] == ["204", "400"]
        assert all(relay.token not in frame.text for frame in relay.journal.frames)

    def test_its_arrival_is_an_event(self, relay: Emulator, client: RawClient) -> None:
        post(relay)
        event = relay.journal.wait_for_event("queuing.relay.tasks")
        assert event.params["message"] == TASK["message"]

    def test_a_token_in_a_task_is_masked(self, relay: Emulator, client: RawClient) -> None:
        post(relay, {"context": "office", "message": {"note": relay.token}})
        assert all(relay.token not in frame.text for frame in relay.journal.frames)
        assert relay.journal.commands(METHOD)[0].params["message"] == {"note": "***"}
