"""Answer every call to a context, play music to the caller, and hang up. Ctrl-C ends it.

CONTEXT is the context that your number is assigned to; several of these programs share its calls.
"""

import os

from relay_sync import Client

CONTEXT = os.environ.get("CONTEXT", "office")
MUSIC = "https://cdn.signalwire.com/default-music/welcome.mp3"


def take_call(call):
    """Runs on a thread of its own for each call, so it may block as long as people talk."""
    print(call.from_number, "calls", flush=True)
    if call.answer():
        call.play_audio(MUSIC)  # blocks until the music is over, or the caller is gone
        call.hangup()  # does no harm where the caller has hung up
    print(call.from_number, "ended:", call.end_reason, flush=True)


client = Client()
client.on("ready", lambda client: print(f"ready for calls to {CONTEXT!r}", flush=True))
client.calling.receive([CONTEXT], take_call)
client.run()  # connects, and connects again whenever the connection breaks
