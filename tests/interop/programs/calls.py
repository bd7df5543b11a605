"""Calls, what is played on them, and how they are bridged."""

from __future__ import annotations

import asyncio

from steps import FROM, MUSIC, dial, events, outcome, say, step


async def outbound(client, number):
    dialled = await client.calling.dial(from_number=FROM, to_number=number)
    call = dialled.call
    say("dialled", successful=dialled.successful, state=call.state, answered=call.answered)

    heard = events(call, "play.stateChange")
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
    say("waited", answered=await call.wait_for_answered(), ended=await call.wait_for_ended())


async def plays(client, number):
    call = await dial(client, number)
    media = [{"type": "silence", "duration": 0.5}, {"type": "audio", "url": MUSIC}]
    await step("list", **outcome(await call.play(media, volume=-6)))
    await step("silence", **outcome(await call.play_silence(1)))
    await step("ringtone", **outcome(await call.play_ringtone("us", duration=1.5, volume=-3)))
    await step("speech", **outcome(await call.play_tts("Good morning.", language="en-GB", gender="male", volume=3)))
    await step("unknown", **outcome(await call.play_audio("https://media.example/nothing.wav")))


async def waits(client, number):
    call = client.calling.new_call(from_number=FROM, to_number=number, timeout=20)
    ringing = asyncio.Event()
    call.on("ringing", lambda params: ringing.set())
    dialling = asyncio.ensure_future(call.dial())
    await ringing.wait()
    await step("ringing", waited=await call.wait_for_ringing(), state=call.state, previous=call.prev_state)
    # One after the other: of two that wait for the same state, the client wakes only the first.
    dialled = await dialling
    say("answered", waited=await call.wait_for_answered(), **outcome(dialled))
    play = await call.play_silence_async(60)
    record = await call.record_async(initial_timeout=0, end_silence_timeout=0)
    say("started")
    ended = await call.wait_for(["ending", "ended"])
    say("ended", waited=ended, active=call.active, play=play.completed, record=record.completed)
    say("too late", **outcome(await call.play_silence(1)))


async def bridges(client, number, busy, other, silent):
    call = await dial(client, number)
    changes = events(call, "connect.stateChange", lambda params: params["connect_state"])
    nobody = await call.connect_async([{"to_number": busy}])
    say("nobody", states=[await changes.get(), await changes.get()], state=nobody.state, **outcome(nobody.result))
    devices = [{"to_number": busy}, [{"to_number": other, "timeout": 20}, {"to_number": silent}]]
    connected = await call.connect(devices, ringback_list=[{"type": "audio", "url": MUSIC}])
    peer = connected.call
    await step("connected", number=peer.to_number, state=peer.state, same=peer is call.peer, **outcome(connected))
    parted = await call.disconnect()
    # The result looks at the call anew each time, and that has no peer any more.
    await step("parted", peer=connected.call, state=call.state, peer_state=peer.state, **outcome(parted))
    gone = await peer.hangup("busy")
    say("peer gone", reason=gone.reason, state=call.state, **outcome(gone))


async def refusals(client, number):
    """Give commands that Relay refuses. The client logs the reason, and keeps nothing of it."""
    call = await dial(client, number)
    devices = [{"to_number": "+15550100999"}]
    commands = {
        "play": call.play_silence(1),
        "prompt": call.prompt_tts("digits", "Well?", digits_max=1),
        "record": call.record(),
        "detect": call.detect_fax(),
        "send_fax": call.fax_send("https://media.example/two.pdf"),
        "receive_fax": call.fax_receive(),
        "tap": call.tap("both", "rtp", target_addr="127.0.0.1", target_port=9),
        "send_digits": call.send_digits("1"),
        "connect": call.connect(devices),
        "disconnect": call.disconnect(),
        "end": call.hangup(),
    }
    say("refused", **{name: outcome(await command) for name, command in commands.items()})
