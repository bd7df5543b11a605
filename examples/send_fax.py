"""Send a PDF by fax, telling of each page.

FROM_NUMBER and TO_NUMBER say who faxes whom; without them it is a fax machine of the emulator. The
argument is the address of the PDF.
"""

import os
import sys

from relay_sync import Client

FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")
TO_NUMBER = os.environ.get("TO_NUMBER", "+15550199043")

with Client(hangup_on_exit=True) as client:
    dialled = client.calling.dial(from_number=FROM_NUMBER, to_number=TO_NUMBER, timeout=30)
    if not dialled:
        raise SystemExit(f"{TO_NUMBER} did not answer: {dialled.message}")
    fax = dialled.call.fax_send_async(sys.argv[1], header="From relay_sync")
    for event in fax.events(timeout=120):  # ends with the fax
        print(event.name, flush=True)
    print(f"sent {fax.result.pages} pages" if fax.result else fax.result.message)
    dialled.call.hangup()
