"""What follows a script that a test supplies: payments and AIs (protocol.md 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay_sync.emulator.agent import Agent
from relay_sync.emulator.checks import Field, an_object, anything, one_of, text
from relay_sync.emulator.desk import CALL, CONTROL, FLAGS, Action, Command, Desk, Params, ok, starts, stops
from relay_sync.emulator.envelope import Accepted, Refused
from relay_sync.emulator.paying import FIELDS as PAY
from relay_sync.emulator.paying import Pay
from relay_sync.emulator.session import Session


def to_agent(act: Callable[[Agent, Params], None]) -> Action:
    """Return what a row of the table does to ``act`` on the AI of a call; ``409`` if there is none."""

    def carry_out(desk: Desk, session: Session, params: Params) -> Accepted:
        call = desk.call(session, params)
        for operation in call.operations.values():
            if isinstance(operation, Agent):
                act(operation, params)
                return ok("OK", {"call_id": call.id})
        raise Refused("409", "No AI is on this call")

    return carry_out


def message(agent: Agent, params: Params) -> None:
    """A ``user`` is heard, an ``assistant`` is what it says itself; a ``system`` has nothing to say aloud."""
    said = params.get("message_text")
    if said and params.get("role") == "user":
        agent.hear_text(said)
    elif said and params.get("role") == "assistant":
        agent.say(said)


def hold(agent: Agent, params: Params) -> None:
    """It says the prompt, and no more until it comes back."""
    if "prompt" in params:
        agent.say(params["prompt"])
    agent.hold(float(params["timeout"]) if "timeout" in params else None)


def unhold(agent: Agent, params: Params) -> None:
    """It is back, and says the prompt."""
    agent.unhold()
    if "prompt" in params:
        agent.say(params["prompt"])


def _seconds(value: Any, strict: bool) -> str | None:
    """Accept a whole number of seconds, which the schema wants as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return None
    if not strict and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
        return None
    return f"must be a string of digits, not {value!r}"


def _prompt(value: Any, strict: bool) -> str | None:
    return None if isinstance(value, (str, dict)) else f"must be an object or a string, not {value!r}"


_AGENT = (
    Field("prompt", _prompt, False),
    Field("post_prompt", _prompt, False),
    Field("post_prompt_url", text, False),
    Field("global_data", an_object, False),
    Field("SWAIG", an_object, False),
    Field("params", an_object, False),
)

COMMANDS: dict[str, Command] = {
    "calling.pay": Command(starts("OK", Pay), (*CONTROL, *PAY)),
    "calling.pay.stop": Command(stops(Pay), CONTROL),
    "calling.ai": Command(
        starts("OK", Agent),
        (
            *CONTROL,
            *_AGENT,
            Field("agent", text, False),
            Field("post_prompt_auth_user", text, False),
            Field("post_prompt_auth_password", text, False),
            Field("pronounce", anything, False),
            Field("hints", anything, False),
            Field("languages", anything, False),
        ),
    ),
    "calling.ai.stop": Command(stops(Agent), CONTROL),
    "calling.amazon_bedrock": Command(starts("OK", Agent), (*CALL, Field("control_id", text, False), *_AGENT, *FLAGS)),
    "calling.ai_message": Command(
        to_agent(message),
        (
            *CALL,
            Field("message_text", text, False),
            Field("role", one_of("user", "system", "assistant"), False),
            Field("reset", an_object, False),
            Field("global_data", an_object, False),
            *FLAGS,
        ),
    ),
    "calling.ai_hold": Command(
        to_agent(hold), (*CALL, Field("timeout", _seconds, False), Field("prompt", text, False), *FLAGS)
    ),
    "calling.ai_unhold": Command(to_agent(unhold), (*CALL, Field("prompt", text, False), *FLAGS)),
}
