"""Call an extension, and have the sound of the call sent here while it goes on.

FROM_NUMBER and TO_NUMBER say who calls whom, EXTENSION which keys are pressed after the answer, and
ADDRESS where Relay can send RTP packets to: this machine's public address, with a real account.
"""

import os
import socket

from relay_sync import Client

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
TO_NUMBER = os.environ.get("TO_NUMBER", "+15550199021")
EXTENSION = os.environ.get("EXTENSION", "W12")  # W waits a second first
ADDRESS = os.environ.get("ADDRESS", "127.0.0.1")
PACKETS = 100  # of 20 ms

with Client(hangup_on_exit=True) as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
    rtp.bind((ADDRESS, 0))
    rtp.settimeout(10)
    dialled = client.calling.dial(from_number=FROM_NUMBER, to_number=TO_NUMBER, timeout=30)
    if not dialled:
        raise SystemExit(f"{TO_NUMBER} did not answer: {dialled.message}")
    call = dialled.call
    print("digits:", call.send_digits(EXTENSION).successful, flush=True)

    tap = call.tap_async("both", "rtp", target_addr=ADDRESS, target_port=rtp.getsockname()[1], codec="PCMU")
    sound = b"".join(rtp.recv(2048)[12:] for _ in range(PACKETS))  # 12 bytes of header, then 8000 samples a second
    print("stop:", tap.stop().successful, "heard:", len(sound) / 8000, "s", flush=True)
    print("tap:", tap.wait(timeout=10).successful)
    call.hangup()
