"""How a program of a client talks with the test: facts go to stdout, a line on stdin lets it go on."""

from __future__ import annotations

import asyncio
import json
import sys

FROM = "+15550100100"
MUSIC = "https://media.example/noise.wav"


def say(name, **facts):
    print(json.dumps({"step": name, **facts}), flush=True)


async def step(name, **facts):
    """Say something, and wait until the test has let time pass on the emulator's clock, or looked at the journal."""
    say(name, **facts)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def events(call, name, fact=lambda params: params["state"]):
    """Return a queue of what is of interest in each event of this name to come."""
    heard = asyncio.Queue()
    call.on(name, lambda params: heard.put_nowait(fact(params)))
    return heard


async def dial(client, number):
    """Call a phone that answers."""
    dialled = await client.calling.dial(from_number=FROM, to_number=number)
    assert dialled.successful
    return dialled.call


def outcome(result, /, **more):
    """Return what every result has."""
    return {"successful": result.successful, "event": result.event.name if result.event else None, **more}
