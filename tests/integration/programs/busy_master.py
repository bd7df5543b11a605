"""A WSGI application without relay_sync: a thread of uWSGI's master holds Python's lock (the GIL) at every fork.

The file ``computing`` holds a 1 once it does: written to memory, for a call that writes would let go of the lock.
"""

from __future__ import annotations

import mmap
import sys
import threading
import time
from pathlib import Path

import uwsgi

Path("computing").write_bytes(b"0")
with open("computing", "r+b") as file:
    computing = mmap.mmap(file.fileno(), 1)


def compute():
    while threading.main_thread().ident in sys._current_frames():  # until the master itself has left Python
        time.sleep(0.01)
    computing[:] = b"1"
    while True:
        sum(range(1000))


def application(environ, start_response):
    start_response("204 No Content", [])
    return []


uwsgi.post_fork_hook = lambda: print("this worker runs Python:", uwsgi.worker_id(), flush=True)
threading.Thread(target=compute, daemon=True).start()
