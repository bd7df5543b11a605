"""What belongs to no call: contexts that a session receives, and messages."""

from __future__ import annotations

from relay_sync.emulator.checks import Field, some_texts, string, text, texting_number, texts
from relay_sync.emulator.desk import Command, Desk, Params, ok
from relay_sync.emulator.envelope import Accepted
from relay_sync.emulator.session import Session


def unreceive(desk: Desk, session: Session, params: Params) -> Accepted:
    """``signalwire.unreceive``: no more work of these contexts for this session."""
    for context in params["contexts"]:
        session.contexts.pop(str(context), None)
    return ok("Unreceiving", {})


def send_message(desk: Desk, session: Session, params: Params) -> Accepted:
    """``messaging.send``: a text message to a phone."""
    if not params.get("body") and not params.get("media"):
        desk.bad("messaging.send needs body or media")
    return ok("Message accepted", {"message_id": desk.messages.send(params)})


COMMANDS: dict[str, Command] = {
    "signalwire.receive": Command(Desk.receive, (Field("contexts", texts, False), Field("context", text, False))),
    "signalwire.unreceive": Command(unreceive, (Field("contexts", texts),)),
    "messaging.send": Command(
        send_message,
        (
            Field("context", text),
            Field("from_number", texting_number),
            Field("to_number", texting_number),
            Field("body", string, False),
            Field("media", some_texts, False),
            Field("tags", some_texts, False),
            Field("region", text, False),
        ),
    ),
}
