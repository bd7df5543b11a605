"""Code for the v2 Python SDK ports as docs/porting.md says, and every name that it lists is really here."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import relay_sync
from relay_sync import Client, Consumer
from relay_sync.emulator import Emulator
from tests import porting
from tests.porting import Row
from tests.stage import Stage
from tests.words import dial_one, spoken

ROWS = porting.rows()
PROGRAM = Path(__file__).parent / "interop" / "programs" / "reminder.py"
CREDENTIALS = {"project": "p", "token": "t", "host": "ws://127.0.0.1:9"}

# What is left out on purpose. One more is a decision, to be taken here.
NOT_HERE = {
    "Client.token",
    "Client.uuid",
    "Task.token",
    "Calling.client",
    "Messaging.client",
    "Tasking.client",
    "Calling.state_change",
    "Tasking.state_change",
    "Call.calling",
}
# Those that wait for nothing, for as long as one wants, or as long as their object was made to.
OTHERS = {"Client.on", "Client.off", "Call.on", "Call.off", "Calling.new_call"}
OTHERS |= {"Client.run", "Client.disconnect", "Task.deliver"}
HOOKS = {name for name in vars(Consumer) if name.startswith("on_")} | {"setup", "ready", "teardown", "run"}


def split(written: str) -> tuple[str, str, str | None]:
    """``Call.play(url)`` as class, member and parameters; the member is '' for a constructor."""
    found = re.fullmatch(r"(\w+)(?:\.(\w+))?(?:\((.*)\))?", written)
    assert found, written
    return found[1], found[2] or "", found[3]


def parameters_of(written: str) -> dict[str, Any]:
    """Name -> default (or ``inspect.Parameter.empty``) of parameters as written, those with a star left out."""
    made: dict[str, Any] = {}
    exec(f"def function({written}): pass".replace("connection=Connection", "connection=None"), made)
    listed = inspect.signature(made["function"]).parameters.values()
    return {one.name: one.default for one in listed if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}


def starred(written: str) -> list[str]:
    return re.findall(r"(?<!\*)\*(\w+)", written)


def callable_of(kind: str, member: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(getattr(relay_sync, kind), member) if member else getattr(relay_sync, kind)
    return found


PRESENT = [row for row in ROWS if row.here is not None]
METHODS = [row for row in PRESENT if "(" in str(row.here)]


def test_the_page_lists_what_it_says() -> None:
    assert len(ROWS) > 200
    assert len({row.v2 for row in ROWS}) == len(ROWS)
    assert len(METHODS) > 80


@pytest.mark.parametrize("row", PRESENT, ids=str)
def test_every_name_of_v2_is_here(row: Row) -> None:
    kind, member, parameters = split(str(row.here))
    found = getattr(relay_sync, kind)
    assert kind in relay_sync.__all__
    if not member:
        assert inspect.isclass(found)
        return
    # What a constructor sets is on the object alone.
    thing = {"Consumer": Consumer, "Client": lambda: Client(**CREDENTIALS)}.get(kind, lambda: found)()
    assert hasattr(thing, member), f"{row.here} is missing"
    assert (parameters is not None) == callable(getattr(found, member, None)), "a method for a method"


@pytest.mark.parametrize("row", METHODS, ids=str)
def test_it_takes_every_parameter_that_v2_takes_in_the_same_order_and_with_the_same_default(row: Row) -> None:
    kind, member, written = split(str(row.here))
    ours = inspect.signature(callable_of(kind, member)).parameters
    wanted = parameters_of(written or "")
    for name, default in wanted.items():
        assert name in ours, f"{row.here} lacks {name}"
        if default is not inspect.Parameter.empty:
            assert (ours[name].default or None) == (default or None), f"{name} of {row.here}"
    positional = [name for name, one in ours.items() if name in wanted and one.kind is one.POSITIONAL_OR_KEYWORD]
    assert positional == list(wanted)[: len(positional)]
    if "*" not in str(written) and kind != "Consumer":
        assert len(positional) == len(wanted), "what v2 takes by position is taken by position"
    for name in starred(written or ""):
        if name != "kwargs":
            assert ours[name].kind is inspect.Parameter.VAR_POSITIONAL


@pytest.mark.parametrize("row", [row for row in METHODS if "**kwargs" in str(row.here)], ids=str)
def test_a_prompt_takes_every_option_that_it_took_in_v2(row: Row) -> None:
    kind, member, _ = split(str(row.here))
    ours = inspect.signature(callable_of(kind, member)).parameters
    own = {"language": "tts", "gender": "tts", "duration": "ringtone"}
    for option in porting.listed("options"):
        if option not in own or own[option] in member:
            assert option in ours


@pytest.mark.parametrize("row", METHODS, ids=str)
def test_what_waits_takes_a_limit(row: Row) -> None:
    kind, member, _ = split(str(row.here))
    if not member or f"{kind}.{member}" in OTHERS or member in HOOKS:
        return
    ours = inspect.signature(callable_of(kind, member)).parameters
    limit = "timeout" if member.startswith("wait_for") else "wait_timeout"
    assert ours[limit].kind is inspect.Parameter.KEYWORD_ONLY
    assert ours[limit].default is None


def test_what_is_not_here_is_known_and_says_why() -> None:
    missing = [row for row in ROWS if row.here is None]
    assert {row.v2.split("(")[0] for row in missing} == NOT_HERE
    assert all(row.note for row in missing)
    assert not [name for name in NOT_HERE if hasattr(getattr(relay_sync, name.split(".")[0]), name.split(".")[1])]


def test_whatever_differs_says_how() -> None:
    assert not [row.v2 for row in PRESENT if row.here != row.v2 and not row.note]


def test_every_class_of_v2_is_in_the_package_by_its_own_name() -> None:
    for there, here in porting.imports().items():
        package, _, name = here.partition(".")
        assert package == "relay_sync"
        assert name == there.rpartition(".")[2]
        assert inspect.isclass(getattr(relay_sync, name))
    classes = {split(row.v2)[0] for row in ROWS}
    assert classes == {name.rpartition(".")[2] for name in porting.imports()}


@pytest.mark.parametrize("event", porting.listed("events"))
def test_every_event_of_v2_can_be_listened_to(stage: Stage, event: str) -> None:
    call = stage.new_call()
    assert call.on(event, print) is call
    assert call.off(event, callback=print) is call


@pytest.mark.parametrize("event", porting.listed("client events"))
def test_every_event_of_the_client_can_be_listened_to(event: str) -> None:
    client = Client(**CREDENTIALS)
    assert client.on(event, handler=print) is client
    assert client.off(event, handler=print) is client


@pytest.mark.parametrize("event", ["play.paused", "record.paused", "collect", "refer.success", "calling.call.play"])
def test_the_further_events_that_the_page_speaks_of_are_there(stage: Stage, event: str) -> None:
    stage.new_call().on(event, print)


# -- porting a program --------------------------------------------------------------------------------------


def ported(program: str) -> str:
    """A program after the edits of the page."""
    for pattern, by in porting.edits():
        assert re.search(pattern, program, re.MULTILINE), f"{pattern} is in no use in the program"
        program = re.sub(pattern, by, program, flags=re.MULTILINE)
    return program


def test_a_program_for_v2_runs_after_the_edits_and_does_what_it_did(tmp_path: Path) -> None:
    source = ported(PROGRAM.read_text(encoding="utf-8"))
    assert "await" not in source
    assert "async" not in source.replace("play_audio_async", "")
    program = tmp_path / "reminder.py"
    program.write_text(source, encoding="utf-8")
    with Emulator(dialects=spoken(), speed=4) as relay:  # the phone has 5 virtual seconds to begin to speak
        phone = relay.phone("+15550199023")  # presses 1234# after each prompt for digits
        login = (relay.url, relay.project, relay.token, phone.number)
        running = subprocess.Popen(
            [sys.executable, program, *login],
            env=os.environ | {"PYTHONPATH": str(PROGRAM.parents[3])},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            relay.expect("calling.record", timeout=60)
            phone.say("Please call me back tomorrow.")
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
            running.communicate()
        methods = [command.method for command in relay.journal.commands()]
        assert {command.code for command in relay.journal.commands()} == {"200"}
    assert (running.returncode, err) == (0, "")
    assert sorted(out.splitlines()) == sorted(
        [
            "dialled: True",
            "calling.call.play playing",
            "calling.call.play playing",
            "calling.call.play playing",  # of the prompt
            "played: True True True True",
            "asked: True digit 1234",
            "recorded: True True",
            "ended: True hangup ended",
        ]
    )
    plays = ["calling.play", *(f"calling.play.{verb}" for verb in ("pause", "resume", "volume", "stop"))]
    assert methods == [dial_one(), *plays, "calling.play_and_collect", "calling.record", "calling.end"]


def test_a_consumer_for_v2_ports_by_the_same_edits() -> None:
    source = "\n".join(
        [
            "import asyncio",
            "from signalwire.relay.consumer import Consumer",
            "",
            "class Desk(Consumer):",
            "    def setup(self):",
            "        self.project, self.token, self.contexts = 'p', 't', ['office']",
            "    async def on_incoming_call(self, call):",
            "        result = await call.answer()",
            "        await asyncio.sleep(0)",
            "        if result.successful:",
            "            await call.play_tts(text='Welcome!')",
            "        await call.hangup()",
        ]
    )
    for pattern, by in porting.edits():
        source = re.sub(pattern, by, source, flags=re.MULTILINE)
    space: dict[str, Any] = {}
    exec(source, space)
    assert issubclass(space["Desk"], Consumer)
    assert not inspect.iscoroutinefunction(space["Desk"].on_incoming_call)
