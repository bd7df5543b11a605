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
    """When a call ends with playbacks or other operations running: does each get its final event before the call's
    ``ending``, after its ``ended``, or not at all? (protocol.md 17: order and existence are not documented.)"""

    ending_event: bool = True
    """Does ``ending`` precede ``ended``? (States may be skipped: protocol.md 10.1.)"""

    pause_of_paused: Literal["200", "409"] = "200"
    """The answer to a pause of a playback or recording that is paused. ``200`` sends no second ``paused`` event."""

    resume_of_playing: Literal["200", "409"] = "200"
    """The answer to a resume of a playback or recording that is not paused. ``200`` sends no second event."""

    volume_while_paused: Literal["200", "409"] = "200"
    """May the volume of a paused playback be set?"""

    play_before_answer: Literal["400", "409"] = "409"
    """The code that refuses ``calling.play`` on a call that is not answered yet."""

    initial_timeout_from: Literal["prompt_end", "prompt_start"] = "prompt_end"
    """From when on does the ``initial_timeout`` of a prompt run?"""

    initial_timeout_zero: Literal["never", "at_once"] = "never"
    """What does an ``initial_timeout`` of 0 of a prompt mean: no limit, as for recordings (protocol.md 16.3), or that
    the time is up at once?"""

    input_stops_prompt: bool = True
    """Does the first key or word stop the playback of a prompt, or only the end of the prompt?"""

    prompt_stopped: Literal["no_input", "error", "nothing"] = "no_input"
    """The result of a prompt or collect that is stopped, or whose call ends (then when and if ``plays_at_call_end``
    says so). (protocol.md 11.2: not documented.)"""

    words_not_hinted_at: Literal["speech", "no_match"] = "speech"
    """The result when speech has none of the ``hints`` of a prompt in it."""

    collect_timers_run: bool = False
    """Does the ``initial_timeout`` of ``calling.collect`` run from the command on, where that doesn't say
    ``start_input_timers``?"""

    collect_state: bool = True
    """Do the events of ``calling.collect`` hold ``state`` (``collecting``, ``finished``, ``error``) besides ``final``?
    (protocol.md 11.2, 11.3: one example has it.)"""

    start_of_input: Literal["start_of_input", "start_of_speech"] = "start_of_input"
    """What the event that ``send_start_of_input`` asks for is called. (protocol.md 19: two clients disagree.)"""

    long_wait: Literal["W", "w"] = "W"
    """Which of ``w`` and ``W`` waits for 1 s in ``calling.send_digits``; the other for 0.5 s. (protocol.md 11.8: the
    sources disagree.)"""

    record_end: Literal["trimmed", "kept"] = "trimmed"
    """Is the key, or the silence, that ended a recording left out of it?"""

    record_result_nested: bool = False
    """Are ``url``, ``duration`` and ``size`` of a recording inside ``record``, or at the top level of the event?
    (protocol.md 11.4 and 19.)"""

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

    connect_before_answer: Literal["400", "409"] = "409"
    """The code that refuses ``calling.connect`` on a call that is not answered yet."""

    connected_event_first: bool = False
    """Does ``calling.call.connect`` ``connected`` come before the peer's own ``answered`` state event?"""

    disconnected_for_peer: bool = False
    """When a bridge is over, is ``disconnected`` sent for the peer's call too, or only for the call that was connected?
    (protocol.md 10.7)"""

    hangup_of_bridged: Literal["other_lives", "both_end"] = "other_lives"
    """When one of two bridged calls ends, does the other live on by itself, or end with ``hangup``? (protocol.md 10.7:
    "both calls may live on".)"""

    message_states_go_to: Literal["all", "one"] = "all"
    """Is the news of a message told to every consumer of the context given in ``messaging.send``, or to one of them in
    turn, as calls are?"""

    work_without_consumer: Literal["dropped", "kept"] = "dropped"
    """What becomes of a task, or of a message of a phone, whose context nobody receives: is it lost, or kept for the
    first who does? (A task is answered with 204 in either case.)"""

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

    refusal_word: str | None = None
    """Is there a word in ``error.data.signalwire_error_code`` of refused credentials, such as ``AUTH_REQUIRED``? (The
    vendor's test server has one; protocol.md 7.)"""

    expired_login: Literal["refused", "closed", "ignored"] = "refused"
    """What becomes of a session whose JWT has expired (``Emulator(jwt_lifetime=)``): is all it asks refused with -32002
    until it reauthenticates, is its connection closed, or does it go on?"""

    stale_resume: Literal["ignored", "-32003"] = "ignored"
    """When a client of Flat sends a protocol and authorization state that resume nothing, does it get a new session, or
    is it refused with -32003? (protocol.md 6.3: the guide against JS.)"""

    protocol_alone_resumes: bool = True
    """Does a client of Flat resume its session with the protocol, if it has no authorization state to send?"""

    newest_state_only: bool = False
    """Does only the newest authorization state resume a session, or any that it was given?"""

    redeliver_after: float | None = None
    """After how many real seconds is an event of Flat sent again that a client with ``event_acks`` has not acknowledged
    (on the next connection too, if the session is resumed); None for never. (protocol.md 6.2: not documented.)"""

    unspoken_dialect: Literal["-32601", "silence", "closed"] = "-32601"
    """What answers the first method of a dialect that is not spoken (``Emulator(dialects=)``): an error, nothing, or is
    the connection closed?"""

    unreachable_tap: Literal["finished", "tapping"] = "finished"
    """What a tap or stream does whose WebSocket can't be opened, or is closed by the other side: ``finished`` (and
    ``tapping`` or ``streaming`` only once it is open), or it goes on as if somebody listened. Of RTP nobody knows
    whether it arrives."""

    stream_framing: Literal["json", "bare"] = "json"
    """What a stream sends: texts of JSON with the sound in base64 (``start``, ``media``, ``stop``), or binary frames of
    the bare codec, as a tap does?"""

    stream_byte_order: Literal["little", "big"] = "little"
    """Which byte of an ``L16`` sample of a stream comes first: the low one, or the high one as in RTP (RFC 3551)?"""

    transcript: Literal["text", "wav"] = "text"
    """What is at the ``url`` of a transcription: a text of what the phone said, or a recording of it?"""

    pay_event: Literal["both", "state", "for"] = "both"
    """Do the events of a payment hold ``state`` or ``for`` and ``error_type``, or all of them? (protocol.md 19: the SDK
    waits for the one, the web-hook page shows the other.) ``state`` is told at the end only."""

    ai_end_event: bool = True
    """Does ``calling.call.ai`` tell of the end of an AI? (api.md 15: the SDK listens to it, and says it may never
    come.)"""

    hold_implemented: bool = True
    """Are ``calling.hold`` and ``calling.unhold`` there, or unknown methods? (protocol.md 13: the guide says that the
    server doesn't implement them.)"""

    unhold_event: Literal["unhold", "nothing"] = "unhold"
    """What ``calling.call.hold`` tells when a call is taken off hold: no source shows it."""

    echo_end_event: bool = True
    """Does ``calling.call.echo`` tell ``finished`` when an echo is over? (Only ``echoing`` is known.)"""

    conference_starts_with: Literal["one", "two"] = "one"
    """Does a conference start with its first participant (of those with ``start_on_enter``), or once there are two?"""

    conference_beep: Literal["true", "false", "onEnter", "onExit"] = "false"
    """The ``beep`` of a participant whose command doesn't say."""

    conference_speech_events: bool = False
    """Are ``participant-speech-start`` and ``-stop`` told?"""

    connect_to_empty_queue: Literal["failed", "waits"] = "failed"
    """What becomes of a connect to a queue in which nobody waits: ``failed`` with ``noAnswer``, or it goes on until
    somebody comes?"""

    transferred_state: Literal["answered", "created"] = "answered"
    """The ``call_state`` of ``calling.call.receive`` for a call that was transferred to a context. (It may be answered
    there once more, in either case.)"""

    refer_ends_call: bool = True
    """Does the call end with ``hangup`` after a REFER that was a success? (The phone has gone to the other call, and
    most phones hang up the first; protocol.md 12 doesn't say.)"""

    max_duration_unit: Literal["minutes", "seconds"] = "minutes"
    """What ``max_duration`` of ``calling.begin``, ``dial``, ``connect`` and ``answer`` counts, from the answer on.
    (protocol.md 19: guide and docstring against the web page.) The call ends with ``max_duration``."""

    ping_echoes: bool = True
    """Does the reply to a client's ping echo its ``timestamp`` and ``payload``, or is it ``{}``? (protocol.md 19)"""
