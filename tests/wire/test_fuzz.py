from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay_sync.wire.events import Answer, Answered
from tests.wire.support import INTERVAL, PROTOCOL, FlatTable, Table

# A busy machine is no failure.
UNHURRIED = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("jsonrpc", "id", "method", "params", "result", "error")
METHODS = (
    "blade.broadcast", "blade.ping", "blade.netcast", "blade.connect", "blade.execute", "calling.play",
    "signalwire.event", "signalwire.ping", "signalwire.connect",
)  # fmt: skip


def an_object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


EVENT_TYPES = st.sampled_from(["calling.call.play", "queuing.relay.tasks", "signalwire.authorization.state"])
EVENT = an_object(event_type=JSON | EVENT_TYPES, params=JSON, timestamp=JSON, context=JSON)
BROADCAST = an_object(
    protocol=st.just(PROTOCOL) | JSON, channel=JSON, event=st.just("queuing.relay.tasks") | JSON, params=EVENT | JSON
)
PING = an_object(timestamp=JSON, payload=JSON)
RESULT = an_object(result=an_object(code=JSON, message=JSON, protocol=JSON | st.just(PROTOCOL)) | JSON, code=JSON)
ERROR = an_object(code=JSON, message=JSON)


def frames(idents: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Texts from noise to nearly right, in about equal parts."""
    shaped = an_object(
        id=idents,
        method=st.sampled_from(METHODS) | JSON,
        params=BROADCAST | EVENT | PING | JSON,
    ) | an_object(id=idents, result=RESULT | JSON, error=ERROR | JSON)
    loose = st.dictionaries(st.sampled_from(KEYS), JSON)
    # allow_nan lets infinity through as the word that Python's own reader would accept.
    written = (shaped | loose | JSON).map(json.dumps)
    return st.text() | written | written.map(lambda text: text[:-1])


@UNHURRIED
@given(data=st.data())
def test_nothing_received_raises_and_a_normal_answer_still_works(data: st.DataObject) -> None:
    table = Table()
    table.make_ready()
    asked = [table.ask("calling.play", token)[0] for token in range(3)]
    mine, _ = table.ask("calling.play", "mine")
    for text in data.draw(st.lists(frames(JSON | st.sampled_from(asked)), max_size=8)):
        for outcome in table.session.receive(text, table.now):
            assert not (isinstance(outcome, Answered) and outcome.token == "mine")
    for text in table.session.outgoing():
        json.loads(text)
    (answered,) = table.accept_inner(mine, code="200", message="OK")
    assert answered == Answered("mine", Answer(True, "200", "OK", {"code": "200", "message": "OK"}))


@UNHURRIED
@given(data=st.data())
def test_whatever_answers_the_handshake_the_next_one_can_succeed(data: st.DataObject) -> None:
    table = Table()
    table.session.add_contexts(["office"])
    table.session.open(table.now, 20.0)
    for _ in range(6):
        idents = [frame["id"] for frame in table.sent()]
        text = data.draw(frames(st.sampled_from(idents) if idents else JSON))
        table.session.receive(text, table.now)
    table.lose()
    table.session.forget_session()
    table.make_ready()
    assert table.session.ready


@UNHURRIED
@given(data=st.data())
def test_nothing_received_raises_in_flat_either_and_the_next_handshake_can_succeed(data: st.DataObject) -> None:
    table = FlatTable()
    table.session.open(table.now, 20.0)
    for _ in range(3):
        idents = [frame["id"] for frame in table.sent() if "method" in frame]
        table.session.receive(data.draw(frames(st.sampled_from(idents) if idents else JSON)), table.now)
    table.lose()
    table.session.forget_session()
    table.ready()
    mine, _ = table.ask("calling.play", "mine")
    for text in data.draw(st.lists(frames(JSON), max_size=8)):
        table.session.receive(text, table.now)
    for text in table.session.outgoing():
        json.loads(text)
    (answered,) = table.accept(mine, code="200", message="OK")
    assert answered == Answered("mine", Answer(True, "200", "OK", {"code": "200", "message": "OK"}))


@UNHURRIED
@given(
    steps=st.lists(st.tuples(st.floats(min_value=0, max_value=1e5), st.sampled_from(["tick", "hear", "bye"]))),
    start=st.floats(min_value=0, max_value=1e9),
)
def test_after_any_tick_the_next_timer_lies_ahead(steps: list[tuple[float, str]], start: float) -> None:
    table = Table()
    table.now = start
    table.make_ready()
    for seconds, what in steps:
        table.now += seconds
        if what == "hear":
            table.session.receive("noise", table.now)
        elif what == "bye" and seconds > 10 * INTERVAL:
            table.say(id="srv-1", method="blade.disconnect")
        table.session.tick(table.now)
        timer = table.session.next_timer()
        assert timer is None or timer > table.now
        assert len(table.sent()) <= 2
