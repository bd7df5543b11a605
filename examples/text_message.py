"""Send a text message and follow it until it has arrived.

FROM_NUMBER and TO_NUMBER say who writes to whom; without them it is a phone of the emulator.
"""

import os

from relay_sync import Client, RelayTimeout

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
TO_NUMBER = os.environ.get("TO_NUMBER", "+15550199031")
CONTEXT = os.environ.get("CONTEXT", "office")  # where the news of the message are told


def tell(message):
    print(f"state: {message.state}", flush=True)


with Client() as client:
    client.messaging.state_change([CONTEXT], tell)
    result = client.messaging.send(
        from_number=FROM_NUMBER, to_number=TO_NUMBER, context=CONTEXT, body="Your table is ready.", tags=["table"]
    )
    if not result:
        raise SystemExit(f"refused: {result.message}")
    try:
        result.sent.wait(timeout=60)
    except RelayTimeout:
        print("no news any more; carriers do not always report")
    print(f"{result.message_id} is {result.sent.state}", result.sent.reason or "")
