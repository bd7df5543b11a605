"""Patch the process before or after the import, or once connected, and use the client.

python green.py gevent|eventlet before|after|connected
"""

from __future__ import annotations

import sys
import warnings

library, when = sys.argv[1:]
warnings.filterwarnings("ignore", category=DeprecationWarning, module="eventlet|__main__")
warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")


def patch():
    if library == "gevent":
        from gevent import monkey

        monkey.patch_all()
    else:
        import eventlet

        eventlet.monkey_patch()


if when == "before":
    patch()

import threading  # noqa: E402  (the patch is the point)
import time  # noqa: E402

from relay_sync import Client, NotConnected  # noqa: E402

client = Client(request_timeout=20, ping_interval=0.5)
if when == "after":
    patch()
if when == "connected":
    client.connect()
    patch()
    began = time.monotonic()
    try:
        client.connect()
    except NotConnected as refused:
        print("refused:", refused.message, flush=True)
    try:
        client.execute("calling.play", {})
    except NotConnected as refused:
        print("command refused:", refused.message, flush=True)
    client.disconnect()
    print("closed:", client.state, round(time.monotonic() - began, 2), flush=True)

client.connect()  # where it was disconnected: with locks of the new kind
call = client.calling.dial(from_number="+15550100", to_number="+15550102", timeout=30).call
seen = []
heard = threading.Event()
call.on("ended", lambda event: (seen.append(event), heard.set()))
music = call.play_silence_async(60)
print("waited:", music.wait_for_state("playing", timeout=20))
stop = threading.Event()
ticks = []


def tick():
    while not stop.wait(0.01):
        ticks.append(None)


ticking = threading.Thread(target=tick)
ticking.start()
results = []
waiting = [threading.Thread(target=lambda: results.append(music.wait(timeout=20).successful)) for _ in range(4)]
for thread in waiting:
    thread.start()
print("paused:", music.pause().successful, music.wait_for_state("paused", timeout=20))
print("resumed:", music.resume().successful, music.wait_for_state("playing", timeout=20))
before = len(ticks)
try:
    music.wait(timeout=0.5)
except TimeoutError as late:
    print("timed out:", type(late).__name__)
print("the others ran meanwhile:", len(ticks) - before > 5)
print("stopped:", music.stop().successful)
for thread in waiting:
    thread.join(20)
print("all waits ended:", results)
call.hangup()
print("ended:", call.wait_for_ended(timeout=20))
stop.set()
ticking.join(20)
began = time.monotonic()
client.disconnect()
took = time.monotonic() - began
heard.wait(20)  # a handler's turn may come after the close
print("closed:", client.state, took < 2, len(seen), flush=True)
