"""What the emulator does where no source says what Relay does (protocol.md 17 and 19).

Each field is one open question with the answers that can be chosen. The defaults are what the official clients get
along with best; code that should be right whatever Relay does is tested with the other answers too::

    Emulator(assumptions=Assumptions(plays_at_call_end="never"))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The open questions about Relay, answered. Each is tested both ways in ``tests/emulator/test_assumptions.py``."""

    plays_at_call_end: Literal["before", "after", "never"] = "before"
    """When a call ends with playbacks running: does each get ``finished`` before the call's ``ending``, after its
    ``ended``, or not at all? (protocol.md 17: order and existence of these events are not documented.)"""

    ending_event: bool = True
    """Does ``ending`` precede ``ended``? (States may be skipped: protocol.md 10.1.)"""

    pause_of_paused: Literal["200", "409"] = "200"
    """The answer to a pause of a playback that is paused. ``200`` sends no second ``paused`` event."""

    resume_of_playing: Literal["200", "409"] = "200"
    """The answer to a resume of a playback that is not paused. ``200`` sends no second ``playing`` event."""

    volume_while_paused: Literal["200", "409"] = "200"
    """May the volume of a paused playback be set?"""

    play_before_answer: Literal["400", "409"] = "409"
    """The code that refuses ``calling.play`` on a call that is not answered yet."""

    answer_of_answered: Literal["200", "409"] = "409"
    """The answer to ``calling.answer`` on a call that is answered already."""

    bad_params: Literal["400", "-32602"] = "400"
    """A missing or wrong field: refused inside the result with ``400``, or as a JSON-RPC error -32602? (protocol.md 7
    knows both.)"""

    other_session: Literal["409", "404", "200"] = "409"
    """The answer to a command for a call that belongs to another session of the project (protocol.md 7: 409 is
    "controlled by another client"). With ``200`` it is carried out; the events still go to the owner."""

    begin_reply_has_ids: bool = True
    """Does the reply to ``calling.begin`` hold ``call_id`` and ``node_id``? (By schema yes; v2 clients don't look:
    protocol.md 10.3.)"""

    dial_event_first: bool = False
    """Does ``calling.call.dial`` ``answered`` come before the winner's own ``answered`` state event?"""

    dial_winner_is_text: bool = False
    """Is ``dial_winner`` the text ``"true"`` instead of a boolean? (protocol.md 10.4)"""

    receive_state: Literal["created", "ringing"] = "created"
    """The ``call_state`` of ``calling.call.receive`` (protocol.md 19: fixtures against the web page)."""

    replay_missed_events: bool = False
    """Are the events that a session missed while its connection was lost sent after the resume?"""

    resume_window: float = 60.0
    """For how many real seconds after the loss of its connection a session can be resumed."""

    contexts_survive_resume: bool = False
    """Does a resumed session still receive its contexts without asking again?"""

    close_refused_login: bool = False
    """Does the server close the socket after it has refused the credentials?"""

    ping_echoes: bool = True
    """Does the reply to a client's ping echo its ``timestamp`` and ``payload``, or is it ``{}``? (protocol.md 19)"""
