"""Refs: names of calls and actions, short and safe in JSON, for what can't hold the live object (design.md 7).

A ref says what a command needs: node, call, and for an action its control id and the command that its
controls hang on. It grants nothing and holds no secret: whoever has it still needs a connected client.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from relay_sync.showing import shown

MOST = 512  # bytes, of which ids as Relay is known to give them take a third

_FORM = "relay1"  # changes with the form of what follows
_CALL = "call"


class Ref(NamedTuple):
    """What a ref names.

    Attributes:
        node_id, call_id: of the call, as they go with every command (protocol.md 8).
        control_id: of the operation; None where the ref names a call.
        command: what the operation's controls hang on, such as ``calling.play``; None likewise.
    """

    node_id: str
    call_id: str
    control_id: str | None = None
    command: str | None = None

    @property
    def text(self) -> str | None:
        """The ref, ASCII without blanks and quotes; None where the ids are longer than a ref may be, or no text."""
        names = (self.command or _CALL, self.node_id, self.call_id, self.control_id)
        try:
            text = ":".join((_FORM, *(quote(name, safe="@") for name in names if name is not None)))
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can carry
            return None
        return text if len(text) <= MOST else None

    @classmethod
    def parse(cls, text: object) -> Ref:
        """What a ref names.

        Raises:
            TypeError, ValueError: it is none, or of a form that this version doesn't know.
        """
        if not isinstance(text, str):
            raise TypeError(f"ref={shown(text)}: give the ref of a call or of an action, a string")
        form, *names = text.split(":") if len(text) <= MOST else ("",)
        kind, node_id, call_id, *control = [unquote(name) for name in names] if len(names) > 2 else ("", "", "")
        if form != _FORM or not call_id or len(control) != (kind != _CALL) or not all(control):
            start = text if len(text) <= 80 else f"{text[:80]}…"
            raise ValueError(f"ref={start!r} names nothing: give call.ref or action.ref as this version makes it")
        return cls(node_id, call_id, control[0], kind) if control else cls(node_id, call_id)
