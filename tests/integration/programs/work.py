"""One unit of work, as a view or a task does it; and a client of the parent's that plays while it forks."""

from __future__ import annotations

import json
import os
import threading

from relay_sync import Client, RelayError

client = Client(request_timeout=30)
music = None

if os.environ.get("PARENT_PLAYS"):
    client.connect()
    music = client.calling.dial(from_number="+15550100", to_number="+15550199", timeout=30).call.play_silence_async(30)
    told = {"pid": os.getpid(), "call": music.call.id, "control": music.control_id}
    music.future.add_done_callback(
        lambda future: print(f"the parent's play: {os.getpid()} {future.result().successful}", flush=True)
    )
    print("the parent plays:", json.dumps(told), flush=True)


def dial_play_and_pause():
    """Dial, play and pause on this process's connection; return what the test looks at."""
    client.connect()
    call = client.calling.dial(from_number="+15550100", to_number="+15550101", timeout=30).call
    action = call.play_silence_async(60)
    paused = action.pause()
    inherited = ""
    if music is not None:
        try:
            inherited = str(music.stop())
        except RelayError as error:
            inherited = f"{type(error).__name__}: {error}"
    return {
        "pid": os.getpid(),
        "thread": threading.get_ident(),
        "call": call.id,
        "control": action.control_id,
        "paused": paused.successful and action.wait_for_state("paused", timeout=20),
        "inherited": inherited,
    }
