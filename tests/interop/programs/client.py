"""What a user of signalwire 2.1.1 writes, in some scenarios; run by the tests in the folder above.

Usage: ``client.py SCENARIO HOST PROJECT TOKEN [ARGUMENTS]``. Every fact that a test looks at is one JSON object on a
line of stdout (the client logs to stderr). After each ``step`` the program waits for a line on stdin.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import traceback

import calls
import consumers
import operations
from signalwire.relay.client import Client
from steps import say

SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        calls.outbound,
        calls.rejected,
        calls.plays,
        calls.waits,
        calls.bridges,
        calls.refusals,
        operations.prompts,
        operations.recordings,
        operations.detections,
        operations.faxes,
        operations.taps,
        operations.digits,
        operations.twins,
    )
}
CONSUMERS = {"inbound": consumers.receptionist, "messages": consumers.texter, "tasks": consumers.worker}


def as_client(scenario, host, project, token, *arguments):
    """Connect, do the scenario when ready, and disconnect."""
    client = Client(project=project, token=token, host=host)

    async def ready(client):
        say("ready", connected=client.connected)
        await scenario(client, *arguments)
        await client.disconnect()

    client.on("ready", ready)
    run(client.connect)


def as_consumer(make, host, project, token, *arguments):
    run(make(*arguments, host=host, project=project, token=token).run)


def refused(host, project, token):
    """Let the client fail to log in. It only logs that, closes, and tries again after 5 s for ever."""
    client = Client(project=project, token=token, host=host)
    errors = logging.Handler(logging.ERROR)
    errors.emit = lambda record: say("refused", logger=record.name, logged=record.getMessage())
    logging.getLogger().addHandler(errors)
    client.on("ready", lambda client: say("ready"))
    client.on("signalwire.socket.close", lambda: asyncio.create_task(client.disconnect()))
    run(client.connect)


def run(blocking):
    """Call a blocking method of the client. Its disconnect() stops the loop under it: for asyncio, an error."""
    try:
        blocking()
    except RuntimeError as error:
        if "Event loop stopped" not in str(error):
            raise
    say("over")


def fail(loop, context):
    """An error in a handler is for the test to see, and not for the client to sit out."""
    error = context.get("exception")
    traceback.print_exception(type(error), error, getattr(error, "__traceback__", None))
    print(context["message"], file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    # The client asks for "the" event loop while there is none yet; since CPython 3.14 that is an error.
    asyncio.set_event_loop(asyncio.new_event_loop())
    asyncio.get_event_loop().set_exception_handler(fail)
    scenario, *arguments = sys.argv[1:]
    if scenario in SCENARIOS:
        as_client(SCENARIOS[scenario], *arguments)
    elif scenario in CONSUMERS:
        as_consumer(CONSUMERS[scenario], *arguments)
    elif scenario == "refused":
        refused(*arguments)
    else:
        sys.exit(f"unknown scenario {scenario!r}")
