"""What a user of signalwire 2.1.1 writes: call somebody, play, ask, record. ../../test_porting.py ports it."""

from __future__ import annotations

import asyncio
import sys

from signalwire.relay.client import Client

host, project, token, to_number = sys.argv[1:]


def log(event):
    print(event["event_type"], event["state"], flush=True)


async def remind(call):
    call.on("play.playing", log)
    action = await call.play_audio_async("https://cdn.signalwire.com/default-music/welcome.mp3", volume=-3.0)
    await asyncio.sleep(0.1)
    paused = await action.pause()
    await asyncio.sleep(0.1)
    resumed = await action.resume()
    louder = await action.volume(value=6.0)
    stopped = await action.stop()
    print("played:", paused.successful, resumed.successful, louder.successful, stopped.successful, flush=True)

    asked = await call.prompt_tts("digits", "Press four keys.", digits_max=4, digits_terminators="#", language="en-US")
    print("asked:", asked.successful, asked.prompt_type, asked.result, flush=True)

    said = await call.record(beep=True, end_silence_timeout=1.0, terminators="*")
    print("recorded:", said.successful, said.duration > 0, flush=True)


async def ready(client):
    dialled = await client.calling.dial(from_number="+15550100", to_number=to_number, timeout=30)
    print("dialled:", dialled.successful, flush=True)
    if dialled.successful:
        call = dialled.call
        await remind(call)
        gone = await call.hangup()
        print("ended:", gone.successful, gone.reason, call.state, flush=True)
    await client.disconnect()


client = Client(project=project, token=token, host=host)
client.on("ready", ready)
client.connect()
