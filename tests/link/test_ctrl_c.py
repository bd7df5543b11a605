"""Ctrl-C in the main thread's waits: it comes through at once, and what was waited on stays usable.

Each in a process of its own, which says READY from inside the wait.
"""

from __future__ import annotations

import signal
import sys
import time

import pytest

from tests.link.support import Child, program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to another process there")

SOON = 0.5
TRIES = 5  # a machine under load may be late once; the library would be late every time

START = """
import os, queue, signal, threading
from relay_sync.link import waiting
from relay_sync.link.waiting import Deadline, Monitor, Room, Waitable
from tests.link.support import LIMIT, Link, Running

signal.signal(signal.SIGINT, signal.default_int_handler)

class Telling(Room):
    said = False

    def wait(self, nap):
        if threading.current_thread() is threading.main_thread() and not Telling.said:
            Telling.said = True
            print("READY", flush=True)
        super().wait(nap)

waiting.Room = Telling

lay_down = waiting.Once.wait

def tell(once, deadline, describe):
    if threading.current_thread() is threading.main_thread() and not Telling.said:
        Telling.said = True
        print("READY", flush=True)
    lay_down(once, deadline, describe)

waiting.Once.wait = tell

def interrupted(wait):
    Telling.said = False
    try:
        wait()
    except KeyboardInterrupt:
        print("INTERRUPTED", flush=True)
    else:
        print("ENDED", flush=True)
"""


def interrupt(child: Child) -> float:
    """Send Ctrl-C to a process that waits; return how long it took to come through, in seconds."""
    assert child.line() == "READY", child.end()
    sent = time.monotonic()
    child.process.send_signal(signal.SIGINT)
    assert child.line() == "INTERRUPTED", child.end()
    return time.monotonic() - sent


@pytest.fixture
def connected() -> str:
    """A program that has a connection, and one that is lost."""
    return START + "link = Link()\nlink.make_ready()\n"


def test_ctrl_c_ends_the_wait_for_an_answer_and_leaves_the_connection_usable(connected: str) -> None:
    with program(
        connected
        + f"""
for _ in range({TRIES}):
    interrupted(lambda: link.connection.request("calling.play", {{}}, Deadline(60.0)))
    frame = link.relay.take_command("calling.play")
    assert link.session._asked == {{}}, "something was left behind"
    link.relay.answer(frame, {{"code": "200", "message": "too late"}})
asked = link.ask("calling.end")
link.relay.accept_command("calling.end")
print(asked.result().ok, dict(link.connection.dropped), flush=True)
link.connection.stop()
"""
    ) as child:
        assert min([interrupt(child) for _ in range(TRIES)]) < SOON
        assert child.end() == (0, f"True {{'late answer': {TRIES}}}\n", "")


def test_ctrl_c_ends_the_wait_for_many_answers_and_no_more_is_sent(connected: str) -> None:
    with program(
        connected
        + f"""
from tests.link.test_batch import Order
for _ in range({TRIES}):
    interrupted(lambda: link.connection.request_many([Order(n) for n in range(5)], Deadline(60.0), 2))
    late = [link.relay.take_command("calling.play.pause") for _ in range(2)]
    assert link.session._asked == {{}}, "something was left behind"
    for frame in late:
        link.relay.answer(frame, {{"code": "200", "message": "too late"}})
asked = link.ask("calling.end")
link.relay.accept_command("calling.end")
print(asked.result().ok, dict(link.connection.dropped), link.line.sent.qsize(), flush=True)
link.connection.stop()
"""
    ) as child:
        assert min([interrupt(child) for _ in range(TRIES)]) < SOON
        assert child.end() == (0, f"True {{'late answer': {2 * TRIES}}} 0\n", "")


def test_ctrl_c_ends_the_wait_for_a_reconnect_and_the_command_is_not_sent(connected: str) -> None:
    with program(
        connected
        + f"""
link.line.break_()
link.relay.next_line()
for _ in range({TRIES}):
    interrupted(lambda: link.connection.request("calling.play", {{}}, Deadline(60.0)))
link.relay.shake_hands()
link.listener.expect("ready")
link.settle()
print(link.connection.state, link.line.sent.qsize(), flush=True)
link.connection.stop()
"""
    ) as child:
        assert min([interrupt(child) for _ in range(TRIES)]) < SOON
        assert child.end() == (0, "ready 0\n", "")


@pytest.mark.parametrize("wait", ["wait_ready", "wait_closed"])
def test_ctrl_c_ends_the_wait_for_a_state(wait: str) -> None:
    with program(
        START
        + f"""
link = Link()
link.start()
link.relay.next_line()
for _ in range({TRIES}):
    interrupted(lambda: link.connection.{wait}(Deadline(60.0)))
link.relay.shake_hands()
link.connection.wait_ready(Deadline(LIMIT))
link.connection.stop()
print(link.connection.state, flush=True)
"""
    ) as child:
        assert min([interrupt(child) for _ in range(TRIES)]) < SOON
        assert child.end() == (0, "closed\n", "")


def test_a_signal_whose_handler_does_not_raise_does_not_end_the_wait(connected: str) -> None:
    with program(
        connected
        + """
signal.signal(signal.SIGINT, lambda *_: link.relay.accept_command("calling.play"))
interrupted(lambda: link.connection.request("calling.play", {}, Deadline(LIMIT)))
link.connection.stop()
"""
    ) as child:
        assert child.line() == "READY"
        child.process.send_signal(signal.SIGINT)
        assert child.end() == (0, "ENDED\n", "")


def test_ctrl_c_while_the_lock_is_taken_back_does_not_release_it_under_somebody_else() -> None:
    """The waiter has been woken by one who still holds the lock, and is interrupted right there."""
    with program(
        START
        + """
class TellingLock:
    def __init__(self):
        self.real = threading.Lock()
        self.wanted = queue.SimpleQueue()  # unlike a Semaphore, sound under Ctrl-C itself
        self.locked, self.release = self.real.locked, self.real.release

    def acquire(self, blocking=True):
        if blocking and threading.current_thread() is threading.main_thread():
            self.wanted.put(True)
        return self.real.acquire(blocking)

    def __enter__(self):
        self.real.acquire()

    def __exit__(self, *_):
        self.real.release()

monitor, thing = Monitor(), Waitable()
monitor.lock = lock = TellingLock()
lies_down = threading.Event()

def describe():
    return "nothing"

def ready():
    lies_down.set()
    return False

def wake_and_interrupt():
    assert lies_down.wait(LIMIT)
    with lock:
        thing._changed()
        lock.wanted.get(timeout=LIMIT)
        while lock.wanted.empty():  # a signal that comes just before it falls asleep does not wake it
            os.kill(os.getpid(), signal.SIGINT)
            try:
                lock.wanted.get(timeout=0.1)
                break
            except queue.Empty:
                pass
        assert lock.locked(), "it released the lock of another thread"

def wait():
    with lock:
        monitor.wait_until(thing, ready, Deadline(60.0), describe)

other = Running(wake_and_interrupt)
interrupted(wait)
other.result()
print(lock.locked(), thing._room, flush=True)
"""
    ) as child:
        assert child.line() == "READY"
        assert child.line() == "INTERRUPTED"
        assert child.end() == (0, "False None\n", "")
