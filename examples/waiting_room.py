"""Have a caller wait in a queue, tell where in it, and connect them to an agent.

FROM_NUMBER, CALLER and AGENT are the numbers; without them the two are phones of the emulator.
"""

import os

from relay_sync import Call, Client
from relay_sync.payloads import QueuePayload

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
CALLER = os.environ.get("CALLER", "+15550199006")  # hangs up after 3 s
AGENT = os.environ.get("AGENT", "+15550199001")  # answers at once
SUPPORT = {"type": "queue", "params": {"queue_name": "support"}}


def dial(client: Client, number: str) -> Call:
    result = client.calling.dial(from_number=FROM_NUMBER, to_number=number, timeout=30)
    return result.raise_for_status().call


def show(event: QueuePayload) -> None:
    # Each line in one piece: this thread and the main one print at the same time.
    print(f"{event['status']} {event.get('position')} of {event.get('size')}\n", end="", flush=True)


with Client(hangup_on_exit=True) as client:
    caller = dial(client, CALLER)
    caller.on("queue.stateChange", show)
    waiting = caller.queue_enter_async("support")
    if waiting.completed:
        raise SystemExit(f"{CALLER} can't wait: {waiting.result.message}")
    agent = dial(client, AGENT)
    connected = agent.connect(SUPPORT)  # to whoever waits longest
    if connected and waiting.wait(timeout=10):
        print(f"{agent.to_number} talks to {caller.to_number}\n", end="", flush=True)
        caller.wait_for_ended()
    else:
        raise SystemExit(f"nobody to talk to: {connected.message or waiting.result.message}")
