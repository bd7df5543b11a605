"""Hand work to another process: `tasks.py` takes tasks until Ctrl-C, `tasks.py NUMBER TEXT` delivers one.

Delivering needs no connection, so a web request or a cron job can do it; one of the processes that
take tasks calls the number and says the text. CONTEXT is the name that the two have in common.
"""

import os
import sys

from relay_sync import Consumer, Task

CONTEXT = os.environ.get("CONTEXT", "reminders")
FROM_NUMBER = os.environ.get("FROM_NUMBER", "+15550100")


class Reminders(Consumer):
    def setup(self):
        self.contexts = [CONTEXT]

    def ready(self):
        print("ready for tasks of", CONTEXT, flush=True)

    def on_task(self, task):
        dialled = self.client.calling.dial(from_number=FROM_NUMBER, to_number=task["number"], timeout=30)
        if dialled:
            dialled.call.play_tts(task["text"])
            dialled.call.hangup()
        print(task["number"], "was called" if dialled else f"did not answer: {dialled.message}", flush=True)


if len(sys.argv) > 1:
    delivered = Task().deliver(CONTEXT, {"number": sys.argv[1], "text": " ".join(sys.argv[2:])})
    raise SystemExit(0 if delivered else "Relay did not take the task")
Reminders().run()
