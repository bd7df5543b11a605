"""What a user of signalwire-sdk 3.7 writes, in some scenarios; run by the tests in the folder above.

Usage: ``sdk.py SCENARIO HOST PROJECT TOKEN [ARGUMENTS]``. Every fact that a test looks at is one JSON object on a line
of stdout (the client logs to stderr). After each ``step`` the program waits for a line on stdin.
"""

from __future__ import annotations

import asyncio
import sys

from signalwire.relay import RelayClient, RelayError
from steps import FROM, MUSIC, say, step
from websockets.exceptions import ConnectionClosed


def phone(number, **more):
    return {"type": "phone", "params": {"from_number": FROM, "to_number": number, **more}}


def music():
    return [{"type": "audio", "params": {"url": MUSIC}}]


def events(call, kind, fact=lambda params: params.get("state")):
    """Return a queue of what is of interest in each event of this kind to come."""
    heard = asyncio.Queue()
    call.on(f"calling.call.{kind}", lambda event: heard.put_nowait(fact(event.params)))
    return heard


async def dial(client, number):
    return await client.dial([[phone(number, timeout=30)]])


async def refusal(awaitable):
    """Return the code with which Relay refuses."""
    try:
        await awaitable
    except RelayError as error:
        return error.code
    return None


async def outbound(client, number):
    call = await dial(client, number)
    say("dialled", state=call.state)
    heard = events(call, "play")
    play = await call.play(music())
    await step("playing", event=await heard.get(), completed=play.completed)
    await play.pause()
    await step("paused", event=await heard.get(), completed=play.completed)
    await play.resume()
    await step("resumed", event=await heard.get(), completed=play.completed)
    await play.volume(6)
    await step("louder")
    await play.stop()
    result = await play.wait()
    await step("stopped", event=await heard.get(), completed=play.completed, result=result.params["state"])
    await call.hangup()
    await call.wait_for_ended()
    await step("hung up", state=call.state)


async def rejected(client, number):
    try:
        await dial(client, number)
    except RelayError as error:
        say("rejected", told=str(error).startswith("RELAY error -1: Dial failed"))


async def inbound(client):
    called = asyncio.get_running_loop().create_future()
    client.on_call(_taker(called))
    await client.receive(["reception", "kitchen"])
    await client.unreceive(["kitchen"])
    say("receiving")
    call = await called
    # The context of a call is lost on this client: it has the protocol in its place.
    own = call.context == client.relay_protocol
    say("incoming", state=call.state, caller=call.device["params"]["from_number"], context="reception" if own else "?")
    await call.answer()
    await call.wait_for_answered()
    say("answered", state=call.state)
    play = await call.play(music())
    await step("played", result=(await play.wait()).params["state"])
    await call.hangup()
    await call.wait_for_ended()
    say("hung up", state=call.state)


def _taker(called):
    async def take(call):
        called.set_result(call)

    return take


async def prompts(client, number):
    call = await dial(client, number)
    collect = {"initial_timeout": 6, "digits": {"max": 4, "terminators": "#", "digit_timeout": 2}}
    prompt = await call.prompt_tts("Please dial.", collect, language="en-GB", gender="male")
    say("asked")
    await step("digits", **answer(await prompt.wait()))
    collect = {"speech": {"end_silence_timeout": 0.5, "speech_timeout": 20, "language": "en-US", "hints": ["yes"]}}
    prompt = await call.prompt_audio(MUSIC, collect, volume=-6)
    say("asked")
    await step("speech", **answer(await prompt.wait()))
    prompt = await call.play_and_collect(music(), {"initial_timeout": 3, "digits": {"max": 1}})
    await step("prompting", completed=prompt.completed)
    await prompt.volume(-6)
    await prompt.stop()
    say("stopped", **answer(await prompt.wait()))


async def collects(client, number):
    call = await dial(client, number)
    collect = await call.collect(digits={"max": 3, "terminators": "#"}, initial_timeout=5)
    say("asked")
    await step("digits", **answer(await collect.wait()))
    collect = await call.collect(speech={"end_silence_timeout": 0.5}, initial_timeout=5)
    say("asked")
    await step("speech", **answer(await collect.wait()))
    collect = await call.collect(digits={"max": 1}, initial_timeout=2, start_input_timers=False)
    await step("waiting", completed=collect.completed)
    await collect.start_input_timers()
    await step("nothing", **answer(await collect.wait()))
    collect = await call.collect(digits={"max": 1})
    await collect.stop()
    say("stopped", **answer(await collect.wait()))


def answer(event):
    result = event.params["result"]
    params = result.get("params", {})
    return {"type": result["type"], "result": params.get("digits", params.get("text"))}


async def recordings(client, number):
    call = await dial(client, number)
    heard = events(call, "record")
    options = {"beep": True, "format": "wav", "direction": "speak", "initial_timeout": 5, "end_silence_timeout": 2}
    record = await call.record({**options, "terminators": "#"})
    result = await record.wait()
    await step("recorded", told=[await heard.get(), await heard.get()], **recorded(result))
    record = await call.record({"initial_timeout": 0, "end_silence_timeout": 0, "format": "wav"})
    await step("recording", told=await heard.get())
    await record.pause("silence")
    await step("paused", told=await heard.get(), completed=record.completed)
    await record.resume()
    await step("resumed", told=await heard.get())
    await record.stop()
    await step("stopped", told=await heard.get(), **recorded(await record.wait()))
    record = await call.record({"initial_timeout": 2})
    await step("nothing", result=(await record.wait()).params["state"])


def recorded(event):
    return {name: event.params.get(name) for name in ("url", "duration", "size")}


async def detections(client, machine, fax, person):
    call = await dial(client, machine)
    told = events(call, "detect", lambda params: params["detect"]["params"]["event"])
    detect = await call.detect_answering_machine(initial_timeout=4.5, end_silence_timeout=1.0, timeout=60)
    say("asked")
    # It takes the first event for the last, and hears no more of what it has started.
    first = (await detect.wait()).params["detect"]["params"]["event"]
    await step("machine", result=first, told=[await told.get() for _ in range(3)])
    await detect.stop()
    say("stopped", told=await told.get())
    await call.hangup()
    call = await dial(client, fax)
    detect = await call.detect_fax(tone="CED", timeout=10)
    say("asked")
    await step("fax", result=(await detect.wait()).params["detect"]["params"]["event"])
    await call.hangup()
    call = await dial(client, person)
    detect = await call.detect_digit(digits="5", timeout=10)
    say("asked")
    await step("digit", result=(await detect.wait()).params["detect"]["params"]["event"])


async def bridges(client, number, busy, other):
    call = await dial(client, number)
    changes = events(call, "connect", lambda params: [params["connect_state"], params.get("failed_reason")])
    await call.connect([[phone(busy)]])
    say("nobody", told=[await changes.get(), await changes.get()])
    await call.connect([[phone(busy)], [phone(other, timeout=20)]], ringback=music())
    say("connecting", told=await changes.get())
    await step("connected", told=await changes.get())
    await call.disconnect()
    await step("parted", told=await changes.get(), state=call.state)


async def digits(client, number):
    call = await dial(client, number)
    told = events(call, "send_digits")
    await call.send_digits("12#")
    await step("sent", told=await told.get())


async def messages(client, good, bad):
    arrived = asyncio.get_running_loop().create_future()
    client.on_message(_taker(arrived))
    await client.receive(["office"])
    for number in (good, bad):
        # Without a context the client names its own protocol.
        context = {"context": "office"} if number == good else {}
        message = await client.send_message(to_number=number, from_number=FROM, body="Hello", tags=["vip"], **context)
        say("sent", own=context == {} and message.context == client.relay_protocol)
        event = await message.wait()
        say("ended", state=message.state, reason=event.params.get("reason"))
    say("waiting")
    message = await arrived
    say("incoming", body=message.body, sender=message.from_number, context=message.context, state=message.state)


async def refusals(client, number):
    call = await dial(client, number)
    commands = {
        "play": lambda: call.play(music()),
        "record": lambda: call.record(),
        "detect": lambda: call.detect_fax(),
        "connect": lambda: call.connect([[phone("+15550100999")]]),
        "end": lambda: call.hangup(),
    }
    say("refused", **{name: await refusal(command()) for name, command in commands.items()})


async def survives(call):
    """The connection is lost under a playback; ``run`` brings the client back."""
    await call.answer()
    heard = events(call, "play")
    play = await call.play(music())
    await step("playing", told=await heard.get())
    while True:  # commands fail until the client is back, some of them with an error of the library below it
        try:
            await play.pause()
            break
        except (RelayError, ConnectionClosed):
            await asyncio.sleep(0.05)
    await step("paused", told=await heard.get())


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        outbound,
        rejected,
        inbound,
        prompts,
        collects,
        recordings,
        detections,
        bridges,
        digits,
        messages,
        refusals,
    )
}


async def connected(scenario, client, arguments):
    try:
        await client.connect()
    except RelayError as error:
        say("refused", code=error.code, message=error.message)
    else:
        say("ready")
        await SCENARIOS[scenario](client, *arguments)
    await client.disconnect()
    say("over")


def run(client):
    """Only run() reconnects; it has handlers, and nothing else to do."""

    async def take(call):
        await survives(call)
        await client.disconnect()

    client.on_call(take)
    client.run()
    say("over")


if __name__ == "__main__":
    scenario, host, project, token, *arguments = sys.argv[1:]
    if scenario == "survives":
        run(RelayClient(project=project, token=token, host=host, contexts=["reception"]))
    else:
        asyncio.run(connected(scenario, RelayClient(project=project, token=token, host=host), arguments))
