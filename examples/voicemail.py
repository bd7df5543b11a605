"""Answer calls, record a message after the beep, and print where it is. Ctrl-C ends it.

CONTEXT is the context that your number is assigned to.
"""

import os

from relay_sync import Consumer


class Voicemail(Consumer):
    def setup(self):
        self.contexts = [os.environ.get("CONTEXT", "office")]

    def ready(self):
        print("ready for calls to", *self.contexts, flush=True)

    def on_incoming_call(self, call):
        call.answer()
        call.play_tts("Nobody is here. Leave a message after the beep, and press the hash key.")
        message = call.record(beep=True, record_format="wav", terminators="#", end_silence_timeout=3)
        if message:
            print(f"{call.from_number} left {message.duration:.1f} s: {message.url}", flush=True)
            call.play_tts("Thank you. Goodbye.")
        else:
            print(f"{call.from_number} left nothing: {message.message}", flush=True)
        call.hangup()


Voicemail().run()
