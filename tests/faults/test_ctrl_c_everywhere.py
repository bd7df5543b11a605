"""Ctrl-C in every method that blocks: it comes through within half a second, and the client is usable afterwards.

In a child process, which says READY from inside the wait: once it sleeps there, and another time as it is about to.
The methods are those of :mod:`tests.verbs`, where a test fails when one is missing, and those of its ``APART``, each
with a program of its own here.

Each is interrupted in time each time. The clock runs from before the signal is sent to where the child catches the
exception; what is taken off is the time for which the machine let one of the two not run at all.
"""

from __future__ import annotations

import json
import signal
import sys
import time

import pytest

from tests.link.support import Child, program
from tests.pulse import BEAT, missed
from tests.verbs import APART, table
from tests.words import VARIABLE

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to another process there"),
    pytest.mark.timeout(300),
]

SOON_S = 0.5
MOMENTS = {"in its sleep": True, "as it falls asleep": False}

START = """
import json, os, signal, socket, sys, threading, time
from relay_sync import Client, Consumer, Task
from relay_sync.link import connection, handlers, waiting
from tests.pulse import Pulse
from tests.stage import Stage
from tests.support import Running, until
from tests.verbs import VERBS, Scene

signal.signal(signal.SIGINT, signal.default_int_handler)
armed = False
asleep = True
pulse = Pulse()

def tell():
    global armed
    if armed and threading.current_thread() is threading.main_thread():
        armed = False
        if asleep:
            lies_down.set()
        else:
            print("READY", flush=True)

lies_down = threading.Event()

def place():
    frame = sys._current_frames()[threading.main_thread().ident]
    return frame.f_code, frame.f_lasti

def watch():
    while lies_down.wait():
        lies_down.clear()
        before = None
        while before != (before := place()) or before[0].co_filename == "<string>":  # one of the functions here
            time.sleep(0.005)
        print("READY", flush=True)

threading.Thread(target=watch, daemon=True).start()

class Telling(waiting.Room):
    def wait(self, nap):
        tell()
        super().wait(nap)

waiting.Room = handlers.Room = Telling
wait_once = waiting.Once.wait

def wait_and_tell(self, deadline, describe):
    tell()
    wait_once(self, deadline, describe)

waiting.Once.wait = wait_and_tell

def caught():
    now = time.monotonic()
    pulse.settle()
    print("INTERRUPTED", json.dumps([now, pulse.gaps[-1000:]]), flush=True)

def interrupted(act):
    global armed
    armed = True
    try:
        act()
    except KeyboardInterrupt:
        caught()
    else:
        print("ENDED", flush=True)

def mute():
    server = socket.create_server(("127.0.0.1", 0))
    return server, server.getsockname()[1]
"""

EVERY_VERB = """
with Stage(ping_interval=3600, request_timeout=60, hangup_on_exit=False) as stage:
    scene = Scene(stage)
    for verb in VERBS:
        for asleep in MOMENTS:
            act = verb.prepare(scene)
            print(verb, flush=True)
            interrupted(act)
            sys.stdin.readline()
            stage.relay.line.drain()
        assert scene.client.connected
        stage.settle()
        assert not stage.client._life().connection.session._asked, "something was left behind"
print("the end", flush=True)
"""

# The blocking forms once more, where they wait for the operation's end.
EVERY_END = """
with Stage(ping_interval=3600, request_timeout=60) as stage:
    scene = Scene(stage)
    for verb in VERBS:
        if verb.owner != "Call" or not any(str(other) == f"{verb}_async" for other in VERBS):
            continue
        act = verb.prepare(scene)

        def accept():
            global armed
            frame = stage.relay.take_any()
            stage.relay.answer(frame, {"code": "200", "message": "OK"})
            call_id = frame["params"]["params"]["call_id"]
            call = stage.client._life().table._by_id[call_id]
            until(lambda: call._actions and call._actions[0]._room, "that it is waited for")
            action = call._actions[0]
            armed = True
            with stage.client._life().connection.monitor.lock:
                action._changed()

        accepting = Running(accept)
        print(verb, flush=True)
        try:
            act()
        except KeyboardInterrupt:
            caught()
        accepting.result()
        sys.stdin.readline()
        stage.settle()
print("the end", flush=True)
"""

# In Blade nothing is sent to leave a context.
IN_FLAT = f"""
os.environ[{VARIABLE!r}] = "flat"
"""

# Where nobody answers.
TO_MUTE = """
server, port = mute()
client = Client("p", "t", f"ws://127.0.0.1:{port}", connect_timeout=60)
interrupted(client.%s)
assert client.state == "closed", client.state
"""
SERVING_MUTE = """
server, port = mute()
class Serving(Consumer):
    project, token, host, contexts = "p", "t", f"ws://127.0.0.1:{port}", ["office"]
    client_options = {"connect_timeout": 60}
serving = Serving()
"""

PROGRAMS = {
    "Client.unreceive": IN_FLAT
    + """
with Stage(ping_interval=3600, request_timeout=60) as stage:
    receiving = Running(lambda: stage.client.calling.receive(["office"], print))
    stage.relay.accept_command("signalwire.receive")
    receiving.result()
    interrupted(lambda: stage.client.unreceive(["office"]))
    assert stage.relay.take_command("signalwire.unreceive")["params"]["params"] == {"contexts": ["office"]}
    assert stage.client.contexts == []  # as it is unknown whether it was done
    stage.settle()
    assert not stage.client._life().connection.session._asked, "something was left behind"
""",
    "Client.reauthenticate": IN_FLAT
    + """
with Stage(ping_interval=3600, request_timeout=60, token=None, jwt_token="JWT-one-1") as stage:
    interrupted(lambda: stage.client.reauthenticate("JWT-two-2"))
    stage.relay.take_command("signalwire.reauthenticate")
    stage.settle()
    assert not stage.client._life().connection.session._asked, "something was left behind"
""",
    "ActionFuture.result": """
with Stage(ping_interval=3600, request_timeout=60) as stage:
    action = stage.play(stage.call())
    interrupted(action.future.result)
    stage.tell_play(action, "finished")
    assert action.future.result(10).successful
""",
    "ActionFuture.exception": """
with Stage(ping_interval=3600, request_timeout=60) as stage:
    action = stage.play(stage.call())
    interrupted(action.future.exception)
    stage.tell_play(action, "finished")
    assert action.future.exception(10) is None
""",
    "Pipeline.execute": """
with Stage(ping_interval=3600, request_timeout=60) as stage:
    pipe = stage.client.pipeline()
    pipe.pause(stage.play(stage.call()))
    interrupted(pipe.execute)
    stage.relay.take_command("calling.play.pause")
    stage.settle()
    assert not stage.client._life().connection.session._asked, "something was left behind"
""",
    "Client.connect": TO_MUTE % "connect",
    "Client.connect, while it reconnects": """
with Stage(request_timeout=60) as stage:
    stage.relay.line.break_()
    stage.relay.next_line()  # where nobody answers
    interrupted(stage.client.connect)
    stage.relay.shake_hands(restored=True)
    until(lambda: stage.client.connected)
    stage.settle()
""",
    "Client.__enter__": TO_MUTE % "__enter__",
    "Client.__exit__": """
with Stage(ping_interval=3600, request_timeout=60, hangup_on_exit=True) as stage:
    call = stage.call()
    interrupted(lambda: stage.client.__exit__(None, None, None))
    stage.relay.take_command("calling.end")
    assert stage.client.state == "closed"
""",
    "Client.run": """
with Stage() as stage:
    interrupted(lambda: (stage.client.run(), (_ for _ in ()).throw(KeyboardInterrupt)))
    assert stage.client.state == "closed"
""",
    "Client.drain": """
with Stage() as stage:
    over = threading.Event()
    receiving = Running(lambda: stage.client.calling.receive(["office"], lambda call: over.wait(60)))
    stage.relay.accept_command("signalwire.receive")
    receiving.result()
    stage.inbound()
    until(lambda: stage.client._life().conversations.busy, "that a handler is at work")
    interrupted(lambda: stage.client.drain(60))
    over.set()
    stage.settle()
""",
    "Client.disconnect": """
real = connection.join
def join(thread, timeout):
    tell()
    return real(thread, 60 if armed is False and waits else timeout)
waits = True
with Stage() as stage:
    line, thread = stage.relay.line, stage.client._life().connection._thread
    line.answers_close = False
    line.send_close = lambda: None
    connection.join = join
    interrupted(stage.client.disconnect)
    waits = False
    thread.join(10)
    assert not thread.is_alive()
""",
    "Consumer.run": SERVING_MUTE
    + """
interrupted(lambda: serving.run(handle_signals=False))
assert serving.client.state == "closed"
""",
    "Consumer.run, while it serves": """
from relay_sync.emulator import Emulator
with Emulator() as relay:
    class Serving(Consumer):
        contexts = ["office"]
        def ready(self):
            global armed
            armed = True
            self.client._life().connection.nudge()
    Serving.project, Serving.token, Serving.host = relay.credentials.values()
    serving = Serving()
    try:
        serving.run(handle_signals=False)
    except KeyboardInterrupt:
        caught()
    assert serving.client.state == "closed"
""",
    "Consumer.stop": SERVING_MUTE
    + """
from relay_sync import consumer
running = Running(lambda: serving.run(handle_signals=False))
until(lambda: serving.client is not None and serving.client.state == "connecting")
class Ended(threading.Event):
    def wait(self, timeout=None):
        tell()
        return super().wait(timeout)
    def set(self):
        pass
serving._ended = Ended()
interrupted(lambda: serving.stop(60))
running.result()
""",
    "Task.deliver": """
server, port = mute()
task = Task("p", "t", f"http://127.0.0.1:{port}", timeout=60)
interrupted(lambda: task.deliver("office", {}))
until(lambda: not [t for t in threading.enumerate() if t.name.startswith("relay-")], "that its thread ends")
""",
}


def latency(child: Child) -> float:
    """Send Ctrl-C to a process that says that it waits; return how long it took to come through."""
    line = child.line()
    assert line == "READY", (line, child.process.kill(), child.end())
    before = time.monotonic()
    child.process.send_signal(signal.SIGINT)
    sending = time.monotonic() - before
    word, _, told = child.line().partition(" ")
    assert word == "INTERRUPTED", (word, child.process.kill(), child.end())
    at, gaps = json.loads(told)  # by the clock that all processes share
    return float(at - before - max(sending - BEAT, missed(gaps, before, at)))


def test_every_verb_is_interrupted_where_it_waits_for_relay() -> None:
    with program(START + f"MOMENTS = {[*MOMENTS.values()]}\n" + EVERY_VERB, stdin=True) as child:
        for verb in table():
            for moment in MOMENTS:
                assert child.line() == str(verb)
                assert latency(child) < SOON_S, (verb, moment)
                child.go_on()
        assert child.end() == (0, "the end\n", "")


def test_every_verb_that_waits_for_an_end_is_interrupted_there() -> None:
    names = {str(verb) for verb in table()}
    with program(START + "asleep = True" + EVERY_END, stdin=True) as child:
        for verb in table():
            if verb.owner == "Call" and f"{verb}_async" in names:
                assert child.line() == str(verb)
                assert latency(child) < SOON_S, verb
                child.go_on()
        assert child.end() == (0, "the end\n", "")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_stands_apart_is_interrupted_too(name: str, moment: str) -> None:
    with program(START + f"asleep = {MOMENTS[moment]}\n" + PROGRAMS[name]) as child:
        assert latency(child) < SOON_S
        assert child.end() == (0, "", "")


def test_nothing_that_stands_apart_is_left_out() -> None:
    # new_call does not block; stepping a stream is what the rows of events() do.
    programs = {name.partition(",")[0] for name in PROGRAMS}
    assert set(APART) - programs == {"Calling.new_call", "EventStream.__next__"}
    assert programs <= set(APART)
