"""Call somebody with a message: to a person at once, to an answering machine after its beep.

FROM_NUMBER and TO_NUMBER say who calls whom; without them it is an answering machine of the emulator.
"""

import os

from relay_sync import Client

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
TO_NUMBER = os.environ.get("TO_NUMBER", "+15550199042")
MESSAGE = "Your order has arrived. You can pick it up until six."

with Client(hangup_on_exit=True) as client:
    dialled = client.calling.dial(from_number=FROM_NUMBER, to_number=TO_NUMBER, timeout=30)
    if not dialled:
        raise SystemExit(f"{TO_NUMBER} did not answer: {dialled.message}")
    call = dialled.call

    detected = call.amd(wait_for_beep=True)  # blocks until it is time to speak
    print("answered by", detected.result or f"nobody we could make out: {detected.message}")
    spoken = call.play_tts(MESSAGE)
    print("message", "delivered" if spoken else f"cut short: {spoken.message}")
    call.hangup()
