"""Ring many phones at once, play all of them a message, and report each one as it ends.

Ringing blocks, so a pool of threads does it. A message that plays needs no thread: its action
has a future, as in concurrent.futures. Give the numbers as arguments; without any, it rings
phones of the emulator, which answer at once, after 2 s, not at all, and only for 3 s.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from relay_sync import Client

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
NUMBERS = sys.argv[1:] or ["+15550199001", "+15550199002", "+15550199003", "+15550199006"]
MESSAGE = "https://cdn.signalwire.com/default-music/welcome.mp3"


def ring(number):
    """Call a phone; return the message that plays there, or None when nobody answered."""
    dialled = client.calling.dial(from_number=FROM_NUMBER, to_number=number, timeout=20)
    if dialled:
        return dialled.call.play_audio_async(MESSAGE)
    print(f"{number}: {dialled.message}")
    return None


with Client(hangup_on_exit=True) as client, ThreadPoolExecutor(max_workers=20) as pool:
    playing = {action.future: action for action in pool.map(ring, NUMBERS) if action}
    for future in as_completed(playing):
        action = playing[future]
        print(f"{action.call.to_number}: the message is {action.state}")
        action.call.hangup()
