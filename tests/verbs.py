"""Every public method that blocks, in one table, and a scene on which each can be called.

Whatever must hold for all of them (Ctrl-C, silence, handlers, a client that was disconnected) is tested over this
table. :func:`blocking` finds by their parameters those that there are; a test fails when one has no row here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import relay_sync
from relay_sync import Call, Message
from relay_sync.calling.action import Action
from relay_sync.calling.future import ActionFuture
from tests.calling.moves import begin
from tests.calling.test_every_command import COMMANDS as OPERATIONS
from tests.calling.test_every_reply import COMMANDS as REPLIES
from tests.stage import URL, Stage
from tests.support import in_thread, until
from tests.words import chosen

DEVICE = {"to_number": "+15550102"}
RTP = ("both", "rtp", "192.0.2.10", 4000)


class Scene:
    """A connected client with whatever a verb is called on, made fresh where an earlier one would be in the way."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.client = stage.client
        self._numbers = iter(range(10_000))
        self._offered: list[Call] = []

    def call(self) -> Call:
        """An answered call with nothing on it."""
        return self.stage.call(f"call-{next(self._numbers)}")

    def undialled(self) -> Call:
        return self.stage.new_call()

    def inbound(self) -> Call:
        """A call that was offered and is not answered."""
        if "office" not in self.client.contexts:
            with in_thread(lambda: self.client.calling.receive(["office"], self._offered.append)) as receiving:
                self.stage.relay.accept_command("signalwire.receive")
            receiving.result()
        known = len(self._offered)
        self.stage.inbound(f"offered-{next(self._numbers)}")
        until(lambda: len(self._offered) > known, "that the call was offered")
        return self._offered[-1]

    def action(self, kind: str) -> Action[Any]:
        """A running action of this class, on a call of its own."""
        call = self.call()
        return begin(self.stage, lambda: _STARTS[kind](call))

    def message(self) -> Message:
        """A message that was accepted and not delivered."""

        def send() -> Any:
            return self.client.messaging.send(
                context="office", from_number="+15550100", to_number="+15550101", body="hello"
            )

        with in_thread(send) as sending:
            frame = self.stage.relay.take_any()
            self.stage.relay.answer(frame, {"code": "200", "message": "OK", "message_id": f"m-{next(self._numbers)}"})
        message = sending.result().sent
        assert isinstance(message, Message)
        return message


_STARTS: dict[str, Callable[[Call], Action[Any]]] = {
    "PlayAction": lambda call: call.play_audio_async(URL),
    "PromptAction": lambda call: call.prompt_audio_async("digits", URL, digits_max=4),
    "RecordAction": lambda call: call.record_async(),
    "DetectAction": lambda call: call.detect_async("machine"),
    "FaxAction": lambda call: call.fax_receive_async(),
    "TapAction": lambda call: call.tap_async(*RTP),
    "SendDigitsAction": lambda call: call.send_digits_async("12"),
    "ReferAction": lambda call: call.refer_async("sip:desk@b.example"),
    "ConnectAction": lambda call: call.connect_async(DEVICE),
    "CollectAction": lambda call: call.collect_async(digits={"max": 4}),
    "StreamAction": lambda call: call.stream_async("wss://media.example/in"),
    "PayAction": lambda call: call.pay_async("https://pay.example/c"),
    "TranscribeAction": lambda call: call.transcribe_async(),
    "AIAction": lambda call: call.ai_async(),
    "QueueAction": lambda call: call.queue_enter_async("support"),
    "GenericAction": lambda call: call.start("calling.something", {}, sub_commands=("stop",)),
}


@dataclass(frozen=True)
class Verb:
    """One row.

    Attributes:
        owner: the class it belongs to.
        name: the method.
        prepare: makes what it is called on, and returns the call, which takes the limit as keyword.
        sends: whether it sends a command, whose answer ``request_timeout`` bounds without any limit given.
        limit: its keyword for a limit in seconds.
    """

    owner: str
    name: str
    prepare: Callable[[Scene], Callable[..., object]]
    sends: bool = True
    limit: str = "wait_timeout"

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def named(self) -> str:
        return str(self)


def _call_verbs() -> Iterator[Verb]:
    def on_call(name: str, *arguments: Any, **more: Any) -> Verb:
        def prepare(scene: Scene) -> Callable[..., object]:
            return partial(getattr(scene.call(), name), *arguments, **more)

        return Verb("Call", name, prepare)

    families: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "play": (([{"type": "silence", "duration": 1}],), {}),
        "play_audio": ((URL,), {}),
        "play_tts": (("hello",), {}),
        "play_silence": ((1,), {}),
        "play_ringtone": (("us",), {}),
        "prompt": (("digits", [{"type": "tts", "text": "?"}]), {"digits_max": 4}),
        "prompt_audio": (("digits", URL), {"digits_max": 4}),
        "prompt_tts": (("digits", "?"), {"digits_max": 4}),
        "prompt_silence": (("digits", 1), {"digits_max": 4}),
        "prompt_ringtone": (("digits", "us"), {"digits_max": 4}),
        "record": ((), {}),
        "detect": (("machine",), {}),
        "detect_answering_machine": ((), {}),
        "amd": ((), {}),
        "detect_fax": ((), {}),
        "detect_digit": ((), {}),
        "fax_send": ((URL,), {}),
        "fax_receive": ((), {}),
        "tap": (RTP, {}),
        "send_digits": (("12",), {}),
        "refer": (("sip:desk@b.example",), {}),
        "connect": ((DEVICE,), {}),
    }
    later = ("collect", "stream", "pay", "transcribe", "ai", "queue_enter")
    families |= {one.verb: (one.arguments, one.keywords) for one in OPERATIONS if one.verb in later}
    for name, (arguments, more) in families.items():
        yield on_call(name, *arguments, **more)
        yield on_call(f"{name}_async", *arguments, **more)
    for reply in REPLIES:
        yield on_call(reply.verb, *reply.arguments, **reply.keywords)
    yield on_call("start", "calling.something", {"a": 1})
    yield on_call("hangup")
    yield Verb("Call", "disconnect", _bridged)
    yield Verb("Call", "dial", lambda scene: scene.undialled().dial)
    yield Verb("Call", "answer", lambda scene: scene.inbound().answer)
    yield Verb("Call", "pass_", lambda scene: scene.inbound().pass_)
    for state in ("ringing", "answered", "ending", "ended"):
        name = f"wait_for_{state}"
        prepare = _waits_on_undialled(name)
        yield Verb("Call", name, prepare, sends=False, limit="timeout")
    yield Verb("Call", "wait_for", _waits_on_undialled("wait_for", "ended"), sends=False, limit="timeout")
    yield Verb("Call", "events", lambda scene: _stepping(scene.call()), sends=False, limit="timeout")


def _waits_on_undialled(name: str, *arguments: Any) -> Callable[[Scene], Callable[..., object]]:
    def prepare(scene: Scene) -> Callable[..., object]:
        return partial(getattr(scene.undialled(), name), *arguments)

    return prepare


def _bridged(scene: Scene) -> Callable[..., object]:
    """A call that is connected to another: otherwise nothing would be sent."""
    call = scene.call()
    begin(scene.stage, lambda: call.connect_async(DEVICE))
    peer = {"call_id": f"peer-{call.id}", "node_id": "node-1", "device": {"type": "phone", "params": {}}}
    scene.stage.relay.tell(
        "calling.call.connect", call_id=call.id, node_id="node-1", connect_state="connected", peer=peer
    )
    scene.stage.settle()
    return call.disconnect


def _stepping(thing: Any) -> Callable[..., object]:
    return lambda **limit: next(thing.events(**limit))


def _action_verbs() -> Iterator[Verb]:
    controls: dict[str, dict[str, tuple[Any, ...]]] = {
        "PlayAction": {"pause": (), "resume": (), "volume": (3,), "stop": ()},
        "PromptAction": {"volume": (3,), "stop": ()},
        "RecordAction": {"pause": (), "resume": (), "stop": ()},
        "DetectAction": {"stop": ()},
        "FaxAction": {"stop": ()},
        "TapAction": {"stop": ()},
        "CollectAction": {"start_input_timers": (), "stop": ()},
        "StreamAction": {"stop": ()},
        "PayAction": {"stop": ()},
        "TranscribeAction": {"stop": ()},
        "AIAction": {"stop": ()},
        "QueueAction": {"leave": ()},
        "GenericAction": {"control": ("stop",)},
    }
    good = {"PromptAction": "successful", "ReferAction": "success", "ConnectAction": "connected"}
    good |= {"CollectAction": "successful", "QueueAction": "dequeue", "PayAction": "payment-completed"}
    for kind in _STARTS:
        for name, arguments in controls.get(kind, {}).items():
            yield Verb(kind, name, _on_action(kind, name, *arguments))
        yield Verb(kind, "wait", _on_action(kind, "wait"), sends=False, limit="timeout")
        yield Verb(
            kind,
            "wait_for_state",
            _on_action(kind, "wait_for_state", good.get(kind, "finished")),
            sends=False,
            limit="timeout",
        )
        yield Verb(kind, "events", lambda scene, kind=kind: _stepping(scene.action(kind)), sends=False, limit="timeout")  # type: ignore[misc]


def _on_action(kind: str, name: str, *arguments: Any) -> Callable[[Scene], Callable[..., object]]:
    def prepare(scene: Scene) -> Callable[..., object]:
        return partial(getattr(scene.action(kind), name), *arguments)

    return prepare


def _registers(service: str, name: str) -> Callable[[Scene], Callable[..., object]]:
    def prepare(scene: Scene) -> Callable[..., object]:
        verb = getattr(getattr(scene.client, service), name)
        context = f"context-{next(scene._numbers)}"  # one that is registered already is not asked for again
        return partial(verb, [context], print)

    return prepare


def _service_verbs() -> Iterator[Verb]:
    def dial(scene: Scene) -> Callable[..., object]:
        numbers = {"from_number": "+15550100", "to_number": "+15550101"}
        return partial(scene.client.calling.dial, **numbers)

    def send(scene: Scene) -> Callable[..., object]:
        numbers = {"from_number": "+15550100", "to_number": "+15550101"}
        return partial(scene.client.messaging.send, context="office", body="hello", **numbers)

    yield Verb("Calling", "dial", dial)
    yield Verb("Messaging", "send", send)
    yield Verb("Calling", "receive", _registers("calling", "receive"))
    yield Verb("Messaging", "receive", _registers("messaging", "receive"))
    yield Verb("Messaging", "state_change", _registers("messaging", "state_change"))
    yield Verb("Tasking", "receive", _registers("tasking", "receive"))
    yield Verb("Message", "wait", lambda scene: scene.message().wait, sends=False, limit="timeout")
    if chosen() == "flat":  # in Blade nothing is sent
        yield Verb("Client", "unreceive", lambda scene: partial(scene.client.unreceive, ["never"]))
    yield Verb("Client", "execute", lambda scene: partial(scene.client.execute, "test.verb", {}))


def table() -> list[Verb]:
    """A row for each verb, in the dialect that is spoken when it is called."""
    return [*_call_verbs(), *_action_verbs(), *_service_verbs()]


VERBS: list[Verb] = table()

# Those that have no parameter to be found by, or whose limit is another thing; each has tests of its own.
APART = {
    "Client.connect": "connect_timeout bounds it",
    "Client.__enter__": "connect_timeout bounds it",
    "Client.__exit__": "request_timeout bounds the hanging up, where that is asked for",
    "Client.disconnect": "it is over in two seconds at most",
    "Client.run": "blocks until disconnect()",
    "Client.drain": "returns how many are left",
    "Client.unreceive": "sends nothing in Blade; in Flat it has a row",
    "Client.reauthenticate": "for clients that authenticate otherwise than that of the scene",
    "Pipeline.execute": "keeps what went wrong apart, by command; it has tests of its own",
    "Calling.new_call": "timeout is that of the ringing; it does not block",
    "Consumer.run": "blocks until stop()",
    "Consumer.stop": "returns how many were cut",
    "Task.deliver": "needs no connection",
    "EventStream.__next__": "the limit is that of events()",
    "ActionFuture.result": "the standard library's, whose errors it raises",
    "ActionFuture.exception": "likewise",
}

# Those that never wait for Relay, nor for another thread but for the moment that a lock is held.
INSTANT = {
    "ActionFuture": "add_done_callback set_result",
    "Call": "on off",
    "Calling": "find",
    "Client": "on off pipeline",
    "Consumer": "setup ready teardown on_incoming_call on_incoming_message on_message_state_change on_task",
    "EventStream": "close __iter__ __enter__ __exit__",
    "Pipeline": "pause resume volume stop hangup command reset __enter__ __exit__",
    "Result": "of unsent raise_for_status",
    "ConferenceResult": "of",
    "ExecuteResult": "of",
    "ReplyResult": "of",
}


def public_methods() -> dict[str, Callable[..., object]]:
    """Every method of ours that a user can call, of whatever class he can get hold of; by its class and name."""
    found: dict[str, Callable[..., object]] = {}
    classes = [getattr(relay_sync, name) for name in relay_sync.__all__]
    for owner in [*filter(inspect.isclass, classes), ActionFuture]:
        if issubclass(owner, BaseException):
            continue
        for name, method in inspect.getmembers(owner, callable):
            ours = str(getattr(method, "__module__", "")).startswith("relay_sync")
            if ours and (not name.startswith("_") or name in ("__enter__", "__exit__", "__iter__", "__next__")):
                found[f"{owner.__name__}.{name}"] = method
    return found


def unsorted() -> set[str]:
    """The public methods of which this module does not say whether they block."""
    instant = {f"{owner}.{name}" for owner, names in INSTANT.items() for name in names.split()}
    said = {str(verb) for verb in VERBS} | set(APART) | instant
    return {name for name, method in public_methods().items() if not {name, method.__qualname__} & said}


def blocking() -> set[str]:
    """Every public method that has a limit among its parameters."""
    limits = {"wait_timeout", "timeout"}
    return {name for name, method in public_methods().items() if limits & set(inspect.signature(method).parameters)}


def new_actions() -> Iterator[str]:
    """Every class of actions that there is."""
    for name in relay_sync.__all__:
        if name.endswith("Action"):
            yield name
