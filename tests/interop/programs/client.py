"""What a user of signalwire 2.1.1 writes, in four scenarios; run by ../test_official_clients.py.

Usage: ``client.py SCENARIO HOST PROJECT TOKEN [TO_NUMBER]``. Every fact that the test looks at is one JSON object on a
line of stdout (the client logs to stderr). After each ``step`` the program waits for a line on stdin, so that the test
can let time pass on the emulator's clock, or look at what has arrived there, before the program goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from signalwire.relay.client import Client
from signalwire.relay.consumer import Consumer

FROM = "+15550100100"
MUSIC = "https://media.example/noise.wav"


def say(name, **facts):
    print(json.dumps({"step": name, **facts}), flush=True)


async def step(name, **facts):
    say(name, **facts)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def outbound(client, number):
    dialled = await client.calling.dial(from_number=FROM, to_number=number)
    call = dialled.call
    say("dialled", successful=dialled.successful, state=call.state, answered=call.answered)

    heard = asyncio.Queue()
    call.on("play.stateChange", lambda params: heard.put_nowait(params["state"]))
    play = await call.play_audio_async(MUSIC)
    await step("playing", event=await heard.get(), state=play.state, completed=play.completed)
    paused = await play.pause()
    await step("paused", successful=paused.successful, event=await heard.get(), completed=play.completed)
    resumed = await play.resume()
    await step("resumed", successful=resumed.successful, event=await heard.get())
    louder = await play.volume(6)
    await step("louder", successful=louder.successful)
    stopped = await play.stop()
    await step("stopped", successful=stopped.successful, event=await heard.get(), state=play.state)
    gone = await call.hangup()
    say("hung up", successful=gone.successful, reason=gone.reason, state=call.state, ended=call.ended)


async def rejected(client, number):
    call = client.calling.new_call(from_number=FROM, to_number=number)
    ended = asyncio.Event()
    call.on("ended", lambda params: ended.set())
    dialled = await call.dial()
    await ended.wait()
    say("dialled", successful=dialled.successful, state=call.state, busy=call.busy, failed=call.failed)


def as_client(scenario, host, project, token, *numbers):
    """Connect, do the scenario when ready, and disconnect."""
    client = Client(project=project, token=token, host=host)

    async def ready(client):
        say("ready", connected=client.connected)
        await scenario(client, *numbers)
        await client.disconnect()

    client.on("ready", ready)
    run(client.connect)


def refused(host, project, token):
    """Let the client fail to log in. It only logs that, closes, and tries again after 5 s for ever."""
    client = Client(project=project, token=token, host=host)
    errors = logging.Handler(logging.ERROR)
    errors.emit = lambda record: say("refused", logger=record.name, logged=record.getMessage())
    logging.getLogger().addHandler(errors)
    client.on("ready", lambda client: say("ready"))
    client.on("signalwire.socket.close", lambda: asyncio.create_task(client.disconnect()))
    run(client.connect)


class Receptionist(Consumer):
    def ready(self):
        say("ready")

    async def on_incoming_call(self, call):
        say("incoming", context=call.context, state=call.state, caller=call.from_number, called=call.to_number)
        answered = await call.answer()
        say("answered", successful=answered.successful, state=call.state)
        played = await call.play_audio(MUSIC)
        await step("played", successful=played.successful, event=played.event.name)
        gone = await call.hangup()
        say("hung up", successful=gone.successful, reason=gone.reason, state=call.state)
        await self.client.disconnect()


def inbound(host, project, token):
    run(Receptionist(host=host, project=project, token=token, contexts=["reception"]).run)


def run(blocking):
    """Call a blocking method of the client. Its disconnect() stops the loop under it: for asyncio, an error."""
    try:
        blocking()
    except RuntimeError as error:
        if "Event loop stopped" not in str(error):
            raise
    say("over")


if __name__ == "__main__":
    # The client asks for "the" event loop while there is none yet; since CPython 3.14 that is an error.
    asyncio.set_event_loop(asyncio.new_event_loop())
    scenario, *arguments = sys.argv[1:]
    if scenario == "outbound":
        as_client(outbound, *arguments)
    elif scenario == "rejected":
        as_client(rejected, *arguments)
    elif scenario == "refused":
        refused(*arguments)
    elif scenario == "inbound":
        inbound(*arguments)
    else:
        sys.exit(f"unknown scenario {scenario!r}")
