"""The end of the interpreter with everything left open: exit code 0, and not a word."""

from __future__ import annotations

import textwrap

import pytest

from tests.link.support import program

START = """
import logging, threading
from relay_sync import Client
from relay_sync.link.handlers import Workers
from relay_sync.link.waiting import Deadline
from tests.link.support import Gate, Link
from tests.support import ScriptedRelay
from tests.words import chosen

logging.basicConfig(level=logging.WARNING)

def daemon(function):
    threading.Thread(target=function, daemon=True).start()
"""

OPEN = {
    "a connection": """
        link = Link()
        link.make_ready()
        """,
    "a connection that is reconnecting": """
        link = Link(jitter=lambda: 1.0)
        link.make_ready()
        link.connection._reader._standing.attempts = 10
        logging.disable(logging.WARNING)
        link.line.break_()
        link.listener.expect("signalwire.socket.close")
        """,
    "threads in waits": """
        link = Link()
        link.make_ready()
        daemon(lambda: link.connection.request("calling.play", {}, Deadline(60.0)))
        daemon(lambda: link.connection.wait_closed(Deadline(None)))
        link.relay.take_command("calling.play")
        link.asleep()
        """,
    "a handler that sleeps": """
        workers, gate = Workers(2), Gate()
        workers.submit(gate.pass_)
        workers.submit(lambda: None)
        gate.reached()
        """,
    "a client, a call and a playback": """
        relay = ScriptedRelay()
        client = Client("proj-1", "PTsecret", "ws://127.0.0.1:1", dialect=chosen())
        client._open_transport = relay.open_transport
        daemon(relay.accept)
        client.connect()

        def play():
            tag = relay.accept_command("calling.begin")["tag"]
            relay.tell_state("answered", tag=tag)
            relay.accept_command("calling.play")

        daemon(play)
        call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
        action = call.play_audio_async("https://example.com/welcome.mp3")
        daemon(action.wait)
        call.on("ended", lambda event: print("a handler ran"))
        """,
}


@pytest.mark.parametrize("left_open", OPEN)
def test_the_interpreter_ends_in_silence_whatever_was_left_open(left_open: str) -> None:
    with program(START + textwrap.dedent(OPEN[left_open]) + 'print("the end", flush=True)\n') as child:
        assert child.end() == (0, "the end\n", "")
