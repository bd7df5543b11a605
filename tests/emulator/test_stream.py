"""``calling.stream`` with real sockets on 127.0.0.1, in stepped time (protocol.md 13)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from relay_sync.emulator import Emulator
from relay_sync.emulator.media import g711
from tests.emulator.raw import Frame, RawClient, audio
from tests.emulator.site import Site
from tests.emulator.sounds import Samples, placed
from tests.emulator.sounds import noise as noise_of
from tests.emulator.told import told

PHONE = "+15550101"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()


def stream(client: RawClient, call: Frame, url: str, **more: Any) -> Frame:
    return client.command("calling.stream", {**call, "control_id": "s", "url": url, **more})


def stop(client: RawClient, call: Frame) -> Frame:
    return client.command("calling.stream.stop", {**call, "control_id": "s"})


def states(client: RawClient) -> list[tuple[float, str]]:
    return told(client, "stream", "state")


def texts(site: Site, last: str = "stop") -> list[Frame]:
    """Wait for the last text, and return all that have come."""
    site.watch.until(lambda: bool(site.texts) and json.loads(site.texts[-1])["event"] == last, 10, f"a text {last}")
    return [json.loads(text) for text in site.texts]


def sound(frames: list[Frame], track: str) -> bytes:
    media = [frame["media"] for frame in frames if frame["event"] == "media" and frame["media"]["track"] == track]
    return b"".join(base64.b64decode(each["payload"]) for each in media)


def encoded(samples: Samples, codec: str) -> bytes:
    return samples.tobytes() if codec == "L16" else g711.encode(samples, codec)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16"])
@pytest.mark.parametrize(
    ("track", "tracks"),
    [
        (None, ["inbound"]),
        ("inbound_track", ["inbound"]),
        ("outbound_track", ["outbound"]),
        ("both_tracks", ["inbound", "outbound"]),
        ("inbound", ["inbound"]),
        ("outbound", ["outbound"]),
        ("both", ["inbound", "outbound"]),
    ],
)
def test_the_sound_of_each_track_arrives(
    relay: Emulator, client: RawClient, site: Site, noise: object, codec: str, track: str | None, tracks: list[str]
) -> None:
    call = client.answered(PHONE)
    phone = relay.phones[PHONE]
    phone.play(noise)  # type: ignore[arg-type]  # a path
    client.play(call, "p", audio("welcome.mp3"))
    more = {} if track is None else {"track": track}
    reply = stream(client, call, site.url(), codec=codec, **more)
    assert reply == {"code": "200", "message": "Streaming", "call_id": call["call_id"], "control_id": "s"}
    relay.clock.advance(0.51)
    stop(client, call)
    frames = texts(site)
    assert {frame["media"]["track"] for frame in frames if frame["event"] == "media"} == set(tracks)
    for name, heard in (("inbound", phone.said), ("outbound", phone.heard)):
        if name in tracks:
            samples = heard.samples[: round(0.51 * 8000)]
            assert samples.any()
            assert sound(frames, name) == encoded(samples, codec)


def test_the_texts_say_what_comes_and_count(relay: Emulator, client: RawClient, site: Site) -> None:
    call = client.answered(PHONE)
    relay.clock.advance(1)
    stream(client, call, site.url(), track="both_tracks", custom_parameters={"order": "7"})
    relay.clock.advance(0.05)
    stop(client, call)
    start, *media, end = texts(site)
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "s",
        "start": {
            "callSid": call["call_id"],
            "customParameters": {"order": "7"},
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    }
    assert [(each["media"]["track"], each["media"]["chunk"], each["media"]["timestamp"]) for each in media] == [
        ("inbound", "1", "0"), ("outbound", "1", "0"), ("inbound", "2", "20"), ("outbound", "2", "20"),
        ("inbound", "3", "40"), ("outbound", "3", "40"),
    ]  # fmt: skip
    assert [each["sequenceNumber"] for each in (start, *media, end)] == [str(count) for count in range(1, 9)]
    assert end == {"event": "stop", "sequenceNumber": "8", "streamSid": "s", "stop": {}}
    lengths = [len(base64.b64decode(each["media"]["payload"])) for each in media]
    assert lengths == [160, 160, 160, 160, 80, 80]  # 10 ms are left at the end


def test_a_frame_goes_out_at_the_moment_its_last_sample_is_over(relay: Emulator, client: RawClient, site: Site) -> None:
    call = client.answered(PHONE)
    stream(client, call, site.url())
    relay.clock.advance(0.0199)
    assert [json.loads(text)["event"] for text in site.texts[:1]] in ([], ["start"])
    relay.clock.advance(0.0001)
    assert [frame["event"] for frame in texts(site, "media")] == ["start", "media"]


def test_its_events_name_it(relay: Emulator, client: RawClient, site: Site) -> None:
    call = client.answered(PHONE)
    stream(client, call, site.url(), name="main")
    about = {"control_id": "s", "url": site.url(), "name": "main", **call}
    assert client.wait_event("stream", "streaming") == {"state": "streaming", **about}
    relay.clock.advance(1)
    assert stop(client, call) == {"code": "200", "message": "Stopped", "call_id": call["call_id"], "control_id": "s"}
    assert client.wait_event("stream", "finished") == {"state": "finished", **about}
    assert stop(client, call)["code"] == "404"


def test_the_call_ends_it(relay: Emulator, client: RawClient, site: Site) -> None:
    call = client.answered(PHONE)
    stream(client, call, site.url())
    relay.clock.advance(0.5)
    client.drain()
    relay.phones[PHONE].hang_up()
    assert client.drain() == ["stream:finished", "state:ending", "state:ended"]
    assert len(sound(texts(site), "inbound")) == 4000


def test_the_token_goes_with_the_opening(relay: Emulator, client: RawClient, site: Site) -> None:
    stream(client, client.answered(PHONE), site.url(), authorization_bearer_token="a-token")
    client.wait_event("stream", "streaming")
    assert site.headers[-1]["Authorization"] == "Bearer a-token"
    assert relay.journal.commands("calling.stream")[0].params["authorization_bearer_token"] == "***"


@pytest.mark.parametrize(("answer", "after"), [("finished", [(0.0, "finished")]), ("tapping", [(0.0, "streaming")])])
def test_one_that_nobody_takes(assumed: Any, answer: str, after: list[tuple[float, str]]) -> None:
    client = assumed(unreachable_tap=answer)
    stream(client, client.answered(PHONE), "ws://127.0.0.1:9/")
    client.relay.clock.advance(1)
    assert states(client) == after


def test_the_other_side_may_end_it(relay: Emulator, client: RawClient, site: Site) -> None:
    stream(client, client.answered(PHONE), site.url())
    client.wait_event("stream", "streaming")
    site.hang_up()
    assert client.wait_event("stream")["state"] == "finished"


@pytest.mark.parametrize("answer", ["json", "bare"])
def test_stream_framing(assumed: Any, site: Site, answer: str) -> None:
    client = assumed(stream_framing=answer)
    call = client.answered(PHONE)
    mine = noise_of(5, 0.5)
    client.relay.phones[PHONE].play(mine)
    stream(client, call, site.url())
    client.relay.clock.advance(0.5)
    stop(client, call)
    content = g711.encode(mine, "PCMU")
    if answer == "bare":
        assert site.sound(len(content)) == content
        assert [len(frame) for frame in site.frames] == [160] * 25
        assert site.texts == []
    else:
        assert sound(texts(site), "inbound") == content
        assert site.frames == []


@pytest.mark.parametrize(("answer", "kind"), [("little", "<i2"), ("big", ">i2")])
def test_stream_byte_order(assumed: Any, site: Site, answer: str, kind: str) -> None:
    client = assumed(stream_byte_order=answer)
    call = client.answered(PHONE)
    mine = noise_of(5, 0.1)
    client.relay.phones[PHONE].play(mine)
    stream(client, call, site.url(), codec="L16")
    client.relay.clock.advance(0.1)
    stop(client, call)
    assert np.array_equal(np.frombuffer(sound(texts(site), "inbound"), kind), mine)


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"url": "http://127.0.0.1:9/"}, "url must be a ws or wss address"),
        ({"url": "wss://media.example/in"}, "the emulator sends sound to this machine's loopback only"),
        ({"codec": "OPUS"}, "audio can't be encoded as OPUS; there are: PCMU PCMA L16"),
        ({"track": "left"}, "track must be one of"),
        ({"custom_parameters": "x"}, "custom_parameters must be an object"),
        ({"status_url_method": "PUT"}, "status_url_method must be one of GET POST"),
    ],
)
def test_what_can_not_be_is_400(client: RawClient, params: Frame, complaint: str) -> None:
    reply = stream(client, client.answered(PHONE), **{"url": "ws://127.0.0.1:9/", **params})
    assert reply["code"] == "400"
    assert complaint in reply["message"]


class TestConnectToAStream:
    """A phone that talks with a WebSocket (protocol.md 16.2)."""

    def connect(self, client: RawClient, call: Frame, url: str, **more: Any) -> Frame:
        device = {"type": "stream", "params": {"url": url, **more}}
        return client.command("calling.connect", {**call, "devices": [[device]]})

    @pytest.mark.parametrize("codec", ["PCMU", "L16"])
    def test_each_hears_the_other(self, relay: Emulator, client: RawClient, site: Site, codec: str) -> None:
        call = client.answered(PHONE)
        phone = relay.phones[PHONE]
        assert self.connect(client, call, site.url(), codec=codec, realtime=True)["message"] == "Connecting"
        assert client.wait_event("connect", "connecting")
        device = {"type": "stream", "params": {"url": site.url(), "codec": codec, "realtime": True}}
        assert client.wait_event("connect", "connected")["peer"] == {"device": device}
        mine, theirs = noise_of(1, 0.5), noise_of(2, 0.4)
        phone.play(mine)
        content = encoded(theirs, codec)
        for half in (content[: len(content) // 2], content[len(content) // 2 :]):
            payload = base64.b64encode(half).decode()
            site.send(json.dumps({"event": "media", "media": {"payload": payload}}))
        for odd in ("hello", "[]", '{"event": "media"}', '{"event": "media", "media": {"payload": "?"}}'):
            site.send(odd)
        relay.wait_for(lambda relay: relay.switch.calls[0].line.ends_at() == len(theirs))
        relay.clock.advance(0.5)
        assert client.command("calling.disconnect", call)["code"] == "200"
        assert client.wait_event("connect", "disconnected")["peer"] == {"device": device}
        heard = theirs if codec == "L16" else g711.decode(content, codec)
        assert np.array_equal(phone.heard.samples, placed(0.5, (0.0, heard)))
        assert sound(texts(site), "inbound") == encoded(mine, codec)
        assert client.play(call, "p", audio("welcome.mp3"))["code"] == "200"

    def test_one_that_nobody_takes_has_failed(self, relay: Emulator, client: RawClient) -> None:
        call = client.answered(PHONE)
        self.connect(client, call, "ws://127.0.0.1:9/")
        assert client.wait_event("connect", "connecting")
        assert client.wait_event("connect", "failed")["failed_reason"] == "error"
        assert client.command("calling.disconnect", call)["code"] == "409"

    def test_the_other_side_may_hang_up(self, relay: Emulator, client: RawClient, site: Site) -> None:
        call = client.answered(PHONE)
        self.connect(client, call, site.url())
        assert client.wait_event("connect", "connected")
        assert relay.calls[0].peer is None
        site.hang_up()
        assert client.wait_event("connect", "disconnected")
        assert relay.phones[PHONE].state == "answered"

    def test_the_phone_may_hang_up(
        self, relay: Emulator, client: RawClient, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        call = client.answered(PHONE)
        self.connect(client, call, site.url())
        assert client.wait_event("connect", "connected")
        relay.clock.advance(0.1)
        client.drain()
        relay.phones[PHONE].hang_up()
        assert client.drain() == ["state:ending", "state:ended"]
        assert len(sound(texts(site), "inbound")) == 800
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []

    @pytest.mark.parametrize("more", [{"url": "wss://media.example/in"}, {"codec": "OPUS"}, {"track": "both"}])
    def test_what_can_not_be_is_400(self, client: RawClient, more: Frame) -> None:
        call = client.answered(PHONE)
        assert self.connect(client, call, **{"url": "ws://127.0.0.1:9/", **more})["code"] == "400"
