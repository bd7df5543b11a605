"""A menu for callers, served by a Consumer. Ctrl-C lets the calls that are up come to their end.

CONTEXT is the context that your number is assigned to; several of these programs share its calls.
"""

import os

from relay_sync import Consumer

MENU = "Press 1 for our opening hours, or 2 for our address."
ANSWERS = {"1": "We are open from nine to five.", "2": "We are at the end of Main Street."}


class Menu(Consumer):
    def setup(self):
        self.contexts = [os.environ.get("CONTEXT", "office")]

    def ready(self):
        print("ready for calls to", *self.contexts, flush=True)

    def on_incoming_call(self, call):
        """Runs on a thread of its own for each call, so it may block as long as people think."""
        call.answer()
        for _ in range(3):
            choice = call.prompt_tts("digits", MENU, digits_max=1, initial_timeout=5)
            print(call.from_number, "chose", choice.result or choice.type, flush=True)
            if choice.result in ANSWERS:
                call.play_tts(ANSWERS[choice.result])
                break
        call.play_tts("Goodbye.")
        call.hangup()  # does no harm where the caller has hung up


Menu().run()
