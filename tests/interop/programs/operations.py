"""What else happens on a call: prompts, recordings, detections, faxes, taps, digits."""

from __future__ import annotations

from steps import MUSIC, dial, events, outcome, say, step

FAX = "https://media.example/two.pdf"


def music():
    """Return a list of media, which can be used once: the client takes the types out of it."""
    return [{"type": "audio", "url": MUSIC}]


def collected(result):
    return outcome(
        result,
        type=result.prompt_type,
        result=result.result,
        terminator=result.terminator,
        confidence=result.confidence,
    )


async def prompts(client, number):
    call = await dial(client, number)
    options = {"digits_max": 4, "digits_terminators": "#", "digits_timeout": 2.0, "initial_timeout": 6}
    result = await call.prompt_tts("digits", "Please dial.", language="en-GB", gender="male", **options)
    await step("digits", **collected(result))
    options = {"end_silence_timeout": 0.5, "speech_timeout": 20, "speech_language": "en-US", "speech_hints": ["yes"]}
    result = await call.prompt_audio("speech", MUSIC, volume=-6, **options)
    await step("speech", **collected(result))
    result = await call.prompt_ringtone("both", "us", duration=2.0, digits_max=1, initial_timeout=3)
    await step("nothing", **collected(result))

    results = events(call, "prompt", lambda params: params["result"]["type"])
    prompt = await call.prompt_async("digits", music(), digits_max=1)
    await step("prompting", completed=prompt.completed)
    louder = await prompt.volume(-6)
    await step("louder", successful=louder.successful)
    stopped = await prompt.stop()
    say("stopped", stop=stopped.successful, told=await results.get(), state=prompt.state, **collected(prompt.result))


def recorded(result):
    return outcome(result, url=result.url, duration=result.duration, size=result.size)


async def recordings(client, number):
    call = await dial(client, number)
    result = await call.record(
        beep=True,
        record_format="wav",
        stereo=True,
        direction="both",
        initial_timeout=5,
        end_silence_timeout=2,
        terminators="#",
    )
    await step("recorded", **recorded(result))

    states = events(call, "record.stateChange")
    recording = await call.record_async(direction="speak", initial_timeout=0, end_silence_timeout=0)
    await step("recording", told=await states.get(), url=recording.url, completed=recording.completed)
    stopped = await recording.stop()
    told = await states.get()
    await step("stopped", stop=stopped.successful, told=told, state=recording.state, **recorded(recording.result))
    await step("nothing", **recorded(await call.record(initial_timeout=2)))


def detected(result):
    return outcome(result, type=result.detect_type, result=result.result)


async def detections(client, machine, person, fax):
    call = await dial(client, machine)
    finished = events(call, "detect.finished", lambda detect: detect["params"]["event"])
    running = await call.detect_answering_machine_async(timeout=60, machine_words_threshold=5)
    await step("machine", **detected(await call.amd(wait_for_beep=True, initial_timeout=4.5, end_silence_timeout=1.0)))
    stopped = await running.stop()
    told = await finished.get()
    say("stopped", stop=stopped.successful, told=told, completed=running.completed, **detected(running.result))
    await call.hangup()

    call = await dial(client, person)
    await step("person", **detected(await call.amd(machine_voice_threshold=1.25)))
    await step("digit", **detected(await call.detect_digit(digits="5", timeout=10)))
    await step("no digit", **detected(await call.detect_digit(timeout=2)))
    await call.hangup()

    call = await dial(client, fax)
    await step("fax", **detected(await call.detect_fax(tone="CED", timeout=10)))


def faxed(result):
    return outcome(
        result,
        direction=result.direction,
        identity=result.identity,
        remote=result.remote_identity,
        document=result.document,
        pages=result.pages,
    )


async def faxes(client, receiver, sender):
    call = await dial(client, receiver)
    pages = events(call, "fax.page", lambda params: params["fax"]["params"]["number"])
    sent = await call.fax_send(FAX, identity="+15550100777", header="Interop")
    await step("sent", told=[await pages.get(), await pages.get()], **faxed(sent))
    finished = events(call, "fax.finished", lambda params: params["fax"]["params"]["success"])
    again = await call.fax_send_async(FAX)
    stopped = await again.stop()
    told = await finished.get()
    say("stopped", stop=stopped.successful, success=told, completed=again.completed, **faxed(again.result))
    await call.hangup()

    call = await dial(client, sender)
    await step("received", **faxed(await call.fax_receive()))


def tapped(result):
    return outcome(result, tap=result.tap, source=result.source_device, destination=result.destination_device)


async def taps(client, number, port, uri):
    call = await dial(client, number)
    states = events(call, "tap.stateChange")
    target = {"target_addr": "127.0.0.1", "target_port": port, "target_ptime": 20, "codec": "PCMU"}
    tap = await call.tap_async("speak", "rtp", **target)
    await step("tapping", told=await states.get(), source=tap.source_device, completed=tap.completed)
    stopped = await tap.stop()
    await step("stopped", stop=stopped.successful, told=await states.get(), **tapped(tap.result))
    await step("other side gone", **tapped(await call.tap("both", "ws", target_uri=uri, rate=8000, codec="PCMA")))


async def digits(client, number):
    call = await dial(client, number)
    await step("sent", **outcome(await call.send_digits("12w#")))
    states = events(call, "sendDigits.stateChange")
    sending = await call.send_digits_async("9A")
    await step("sending", completed=sending.completed)
    say("sent again", told=await states.get(), completed=sending.completed, **outcome(sending.result))


async def twins(client, number, port):
    """Start whatever can be started and left to itself, all at once, and look at it when the call is over."""
    call = await dial(client, number)
    actions = {
        "play": await call.play_async(music(), volume=-20),
        "play_ringtone": await call.play_ringtone_async("de", duration=60.0, volume=-20),
        "play_tts": await call.play_tts_async("Good evening. " * 50, volume=-20),
        "prompt": await call.prompt_async("both", music(), digits_max=1),
        "prompt_audio": await call.prompt_audio_async("digits", MUSIC, digits_max=1),
        "prompt_ringtone": await call.prompt_ringtone_async("digits", "fr", duration=60.0, digits_max=1),
        "prompt_tts": await call.prompt_tts_async("speech", "Good night. " * 50),
        "record": await call.record_async(initial_timeout=0, end_silence_timeout=0),
        "detect": await call.detect_async("machine", timeout=60, initial_timeout=60),
        "detect_digit": await call.detect_digit_async(timeout=60),
        "detect_fax": await call.detect_fax_async(tone="CNG", timeout=60),
        "fax_send": await call.fax_send_async(FAX),
        "fax_receive": await call.fax_receive_async(),
        "tap": await call.tap_async("both", "rtp", target_addr="127.0.0.1", target_port=port),
        "send_digits": await call.send_digits_async("WWWWW1"),
    }
    started = {name: action.completed for name, action in actions.items()}
    # The payload is what has been sent.
    say("started", completed=started, control_ids=[action.payload["control_id"] for action in actions.values()])
    waited = await call.wait_for_ended()
    ended = {name: [action.state, action.completed, action.result.successful] for name, action in actions.items()}
    say("ended", waited=waited, actions=ended)
