"""What importing, constructing and using the library does not do to the process it lives in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest

from relay_sync import Consumer, ExecuteResult, Message, Task
from relay_sync.emulator import Emulator
from tests.stage import PROJECT, TOKEN, Stage
from tests.support import in_thread
from tests.words import dial_one


def run(program: str, *arguments: str) -> str:
    """Run a program in a process of its own, which must end without a word on stderr; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_importing_and_constructing_start_no_thread_and_open_no_socket() -> None:
    """Defect 89."""
    program = """
        import socket, sys, threading

        opened = []
        sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.") else None)
        import relay_sync
        clients = [relay_sync.Client("p", "t", "example") for _ in range(5)]
        for client in clients:
            client.on("ready", print)
            client.calling.receive(["office"], print)
            call = client.calling.new_call(from_number="+15550100", to_number="+15550101").on("ended", print)
            repr(client), repr(call), client.contexts, client.state
        print(threading.active_count(), [event for event in opened if event != "socket.gethostname"])
        """
    assert run(program) == "1 []\n"


def test_importing_brings_neither_requests_nor_the_emulator() -> None:
    program = """
        import sys
        import relay_sync
        relay_sync.Client("p", "t", "example")
        heavy = ("requests", "urllib3", "aiohttp", "numpy", "soundfile", "soxr", "click", "rich")
        print([name for name in sys.modules if name.split(".")[0] in heavy or name.startswith("relay_sync.emulator")])
        """
    assert run(program) == "[]\n"


def test_importing_constructing_and_using_touch_nothing_of_the_process() -> None:
    """Defects 96, 97, 98 and 100: no logging configuration, no print, no signal handler, no event loop."""
    program = """
        import asyncio, logging, os, signal, socket, sys, threading
        from relay_sync.emulator import Emulator

        def everything():
            names = [n for n in signal.Signals if n not in (signal.SIGKILL, signal.SIGSTOP)]
            root = logging.getLogger()
            return (
                [signal.getsignal(name) for name in names], root.level, list(root.handlers), logging.root.disabled,
                logging.lastResort, socket.getdefaulttimeout(), threading.excepthook, sys.excepthook, os.getcwd(),
                type(asyncio.get_event_loop_policy()), sys.getrecursionlimit(), sys.getswitchinterval(),
            )

        with Emulator(dialects=[os.environ["RELAY_SYNC_TEST_DIALECT"]]) as relay:
            relay.phone("+15550101")
            before = everything()
            from relay_sync import Client
            with Client(**relay.credentials) as client:
                call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
                call.play_silence_async(1).stop()
                call.hangup()
        assert everything() == before
        logger = logging.getLogger("relay_sync")
        print(logger.level, [type(handler).__name__ for handler in logger.handlers], logger.propagate)
        """
    assert run(program) == "0 ['NullHandler'] True\n"


def test_the_client_may_be_used_away_from_the_main_thread() -> None:
    """Defect 99: nothing needs the main thread."""
    program = """
        import os, threading
        from relay_sync import Client
        from relay_sync.emulator import Emulator

        def work():
            with Emulator(dialects=[os.environ["RELAY_SYNC_TEST_DIALECT"]]) as relay:
                relay.phone("+15550101")
                client = Client(**relay.credentials)
                client.on("ready", lambda client: client.disconnect())
                client.run()
                print(client.state)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    assert run(program) == "closed\n"


def test_the_variables_of_the_environment_are_enough() -> None:
    program = """
        import os
        from relay_sync import Client
        from relay_sync.emulator import Emulator

        with Emulator(dialects=[os.environ["RELAY_SYNC_TEST_DIALECT"]]) as relay:
            os.environ["SIGNALWIRE_PROJECT_ID"] = relay.project
            os.environ["SIGNALWIRE_API_TOKEN"] = relay.token
            os.environ["SIGNALWIRE_RELAY_HOST"] = relay.url
            with Client() as client:
                print(client.state)
        """
    assert run(program) == "ready\n"


FORKING = """
    import os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads, which is the point
    from relay_sync import Client, NotConnected

    def child():
        assert client.state == "new", client.state
        for act in (
            action.pause, action.stop, action.wait, lambda: action.wait_for_state("paused"), lambda: action.future,
            call.hangup, call.answer, call.pass_, call.wait_for_ended, lambda: call.play_silence(1), call.events,
            lambda: call.on("ended", print), action.events, lambda: next(stream), stream.close,
        ):
            try:
                act()
            except NotConnected as error:
                assert "forked child" in str(error), error
            else:
                raise AssertionError(act)
        assert (action.state, call.state, call.id is None) == ("playing", "answered", False)
        repr(action), repr(call), action.payload, action.result
        assert client.contexts == []  # the calls for them are the parent's
        own = client.calling.dial(from_number="+15550100", to_number="+15550102")
        assert own.successful
        assert client.connected
        assert own.call.hangup().successful
        client.disconnect()

    project, token, address = sys.argv[1:]
    client = Client(project, token, address)
    client.connect()
    client.calling.receive(["office"], print)
    call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
    action = call.play_silence_async(600)
    assert action.wait_for_state("playing", 10)
    stream = action.events()
    next(stream)
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit()  # as any program ends: what is registered for the exit is the parent's too
    assert os.waitpid(pid, 0)[1] == 0
    assert (action.state, action.completed, client.state, client.contexts) == ("playing", False, "ready", ["office"])
    assert action.pause().successful
    assert action.stop().successful
    assert action.wait(10).successful
    assert call.hangup("cancel").successful
    client.disconnect()
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_a_connection_of_its_own_and_leaves_the_parent_s_alone(relay: Emulator) -> None:
    for number in ("+15550101", "+15550102"):
        relay.phone(number)
    run(FORKING, *relay.credentials.values())
    by_connection: dict[int, list[str]] = {}  # one on which the dialect was tried in vain has none
    for command in relay.journal.commands():
        by_connection.setdefault(command.connection, []).append(command.method)
    parents = ["signalwire.receive", dial_one(), "calling.play", "calling.play.pause", "calling.play.stop"]
    assert list(by_connection.values()) == [[*parents, "calling.end"], [dial_one(), "calling.end"]]
    assert relay.phone("+15550101").end_reason == "cancel"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_before_connecting_takes_the_contexts_along(relay: Emulator) -> None:
    """As a server that loads the application first and forks its workers afterwards."""
    program = """
        import os, sys
        from relay_sync import Client

        project, token, address = sys.argv[1:]
        client = Client(project, token, address)
        client.calling.receive(["office"], print)
        if os.fork() == 0:
            with client:
                client.execute("calling.nonsense", {})
                os._exit(0 if client.contexts == ["office"] else 1)
        assert os.wait()[1] == 0
        assert (client.state, client.contexts) == ("new", ["office"])
        """
    run(program, *relay.credentials.values())
    said = [
        frame.text for frame in relay.journal.frames if frame.direction == "received" and '"contexts"' in frame.text
    ]
    assert said
    assert all('"contexts":["office"]' in text for text in said)


def test_every_object_that_one_is_given_has_a_repr_of_one_line_without_secrets() -> None:
    with Stage() as stage:
        call, client = stage.call(), stage.client
        music = stage.play(call)
        served = Consumer(project=PROJECT, token=TOKEN, contexts=["office"])
        shown: list[object] = [
            client, client.calling, client.messaging, client.tasking, call, music, call.events(), music.events(),
            Message(client._life().connection.monitor, {"message_id": "m-1", "body": "private"}), served,
            Task(PROJECT, TOKEN, "example"), music.result, ExecuteResult(),
        ]  # fmt: skip
        for one in shown:
            text = repr(one)
            assert re.match(rf"[<]?{type(one).__name__.removeprefix('Scripted')}\b", text), text
            assert " at 0x" not in text, text
            assert "\n" not in text, text
            assert not [secret for secret in (PROJECT, TOKEN, "private") if secret in text], text
        assert repr(client.calling) == "<Calling, handlers of no context>"
        with in_thread(lambda: client.calling.receive(["office", "home"], print)):
            stage.relay.accept_command("signalwire.receive")
        assert repr(client.calling) == "<Calling, handlers of home, office>"
