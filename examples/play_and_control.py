"""Call a phone, play music to it, and control the music while it plays.

FROM_NUMBER and TO_NUMBER say who calls whom; without them it is a phone of the emulator.
"""

import os
import time

from relay_sync import Client

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
TO_NUMBER = os.environ.get("TO_NUMBER", "+15550199001")
MUSIC = "https://cdn.signalwire.com/default-music/welcome.mp3"

with Client(hangup_on_exit=True) as client:  # hangs up on Ctrl-C and on errors, too
    dialled = client.calling.dial(from_number=FROM_NUMBER, to_number=TO_NUMBER, timeout=30)
    if not dialled:
        raise SystemExit(f"{TO_NUMBER} did not answer: {dialled.message}")
    call = dialled.call
    print("answered:", call)

    action = call.play_audio_async(MUSIC)  # returns as soon as Relay has accepted it
    action.wait_for_state("playing", timeout=10)
    time.sleep(1)  # a second of music
    print("pause: ", action.pause())
    time.sleep(1)  # a second of silence
    print("resume:", action.resume())  # goes on where it was paused
    time.sleep(1)
    print("volume:", action.volume(6.0))  # 6 dB louder from here on
    time.sleep(1)
    print("stop:  ", action.stop())

    print("play:  ", action.wait(timeout=10))  # how the whole playback ended
    print("hangup:", call.hangup())
