"""Call one person, then another, and let the two talk until one of them hangs up.

FROM_NUMBER, FIRST and SECOND are the numbers; without them the two are phones of the emulator.
"""

import os

from relay_sync import Client

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
FIRST = os.environ.get("FIRST", "+15550199006")  # hangs up after 3 s
SECOND = os.environ.get("SECOND", "+15550199002")  # answers after 2 s

with Client(hangup_on_exit=True) as client:
    dialled = client.calling.dial(from_number=FROM_NUMBER, to_number=FIRST, timeout=30)
    if not dialled:
        raise SystemExit(f"{FIRST} did not answer: {dialled.message}")
    call = dialled.call

    news = call.events()  # keeps what happens from here on
    connected = call.connect(
        [{"to_number": SECOND, "timeout": 20}],
        ringback_list=[{"type": "ringtone", "name": "us"}],  # what the first one hears meanwhile
    )
    if not connected:
        call.play_tts("Nobody there. Goodbye.")
        raise SystemExit(f"{SECOND} was not connected: {connected.message}")
    print(call.to_number, "talks to", connected.call.to_number, flush=True)
    for event in news:  # ends with the call
        print(event.name, flush=True)
        if event.name == "connect.disconnected":  # the second one hung up: so do we
            break
