"""``calling.tap`` over bare frames in stepped time, with real sockets on 127.0.0.1 (protocol.md 11.7, 16.6)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator import Assumptions, Emulator, Phone
from relay_sync.emulator.media import g711
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient, audio
from tests.emulator.site import Site
from tests.emulator.told import hum, pause, row, told

PHONE = "+15550101"
HEADER = struct.Struct("!BBHII")


class Listener:
    """A UDP socket, and what has come to it."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.sources: set[Any] = set()

    @property
    def device(self) -> Frame:
        return {"type": "rtp", "params": {"addr": "127.0.0.1", "port": self.socket.getsockname()[1]}}

    def packets(self) -> list[bytes]:
        """Take what has come so far, without waiting."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, source = self.socket.recvfrom(4096)
                self.sources.add(source)
                found.append(packet)
        return found

    def sound(self) -> bytes:
        """Take what has come so far, without the headers."""
        return b"".join(packet[12:] for packet in self.packets())


@pytest.fixture
def udp() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.socket.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()


def tap(client: RawClient, call: Frame, device: Frame, direction: str | None = "speak", **more: Any) -> Frame:
    what = {"type": "audio", "params": {} if direction is None else {"direction": direction}}
    device = {"type": device["type"], "params": {**device["params"], **more}}
    return client.command("calling.tap", {**call, "control_id": "t", "tap": what, "device": device})


def stop(client: RawClient, call: Frame) -> Frame:
    return client.command("calling.tap.stop", {**call, "control_id": "t"})


def states(client: RawClient) -> list[tuple[float, str]]:
    return told(client, "tap", "state")


def talking(client: RawClient) -> tuple[Frame, Phone]:
    """Start a call to a phone that says something for ten seconds."""
    call = client.answered(PHONE)
    phone = client.relay.phones[PHONE]
    generator = np.random.default_rng(3)
    phone.play(generator.uniform(-0.3, 0.3, 80_000).astype(np.float32))
    return call, phone


def pcmu(samples: NDArray[np.int16]) -> bytes:
    return g711.encode(np.ascontiguousarray(samples), "PCMU")


class TestRtp:
    def test_exactly_the_packets_that_are_due_have_been_sent_when_advance_returns(
        self, client: RawClient, udp: Listener
    ) -> None:
        call, phone = talking(client)
        tap(client, call, udp.device)
        assert udp.packets() == []
        client.relay.clock.advance(0.019)
        assert udp.packets() == []
        client.relay.clock.advance(0.001)
        [first] = udp.packets()
        assert first[12:] == pcmu(phone.said.samples[:160])
        client.relay.clock.advance(0.999)
        assert len(udp.packets()) == 49

    def test_the_sound_is_that_of_the_phone_to_the_sample(self, client: RawClient, udp: Listener) -> None:
        call, phone = talking(client)
        client.relay.clock.advance(0.33375)
        tap(client, call, udp.device)
        client.relay.clock.advance(1)
        start = round(0.33375 * 8000)
        assert udp.sound() == pcmu(phone.said.samples[start : start + 8000])

    def test_the_headers_are_those_of_rtp(self, client: RawClient, udp: Listener) -> None:
        call, _ = talking(client)
        tap(client, call, udp.device)
        client.relay.clock.advance(0.1)
        headers = [HEADER.unpack(packet[:12]) for packet in udp.packets()]
        assert [flags for flags, *_ in headers] == [0x80] * 5
        assert [kind for _, kind, *_ in headers] == [0x80, 0, 0, 0, 0]  # marker on the first; PCMU is type 0
        sequence, timestamp, source = headers[0][2:]
        assert [header[2] for header in headers] == [(sequence + step) & 0xFFFF for step in range(5)]
        assert [header[3] for header in headers] == [(timestamp + 160 * step) & 0xFFFFFFFF for step in range(5)]
        assert {header[4] for header in headers} == {source}

    @pytest.mark.parametrize(("ptime", "count", "size"), [(10, 100, 80), (30, 33, 240), (20, 50, 160), ("40", 25, 320)])
    def test_a_packet_holds_ptime_milliseconds(
        self, client: RawClient, udp: Listener, ptime: Any, count: int, size: int
    ) -> None:
        call, _ = talking(client)
        assert tap(client, call, udp.device, ptime=ptime)["code"] == "200"
        client.relay.clock.advance(1)
        assert [len(packet) - 12 for packet in udp.packets()] == [size] * count

    def test_pcma_is_a_law(self, client: RawClient, udp: Listener) -> None:
        call, phone = talking(client)
        tap(client, call, udp.device, codec="PCMA")
        client.relay.clock.advance(0.02)
        [packet] = udp.packets()
        assert packet[1] & 0x7F == 8
        assert packet[12:] == g711.encode(phone.said.samples[:160].copy(), "PCMA")

    def test_the_rest_is_sent_at_the_end_in_a_shorter_packet(self, client: RawClient, udp: Listener) -> None:
        call, phone = talking(client)
        tap(client, call, udp.device)
        client.relay.clock.advance(0.53)
        assert len(udp.packets()) == 26
        stop(client, call)
        [rest] = udp.packets()
        assert rest[12:] == pcmu(phone.said.samples[26 * 160 : 4240])
        client.relay.clock.advance(1)
        assert udp.packets() == []

    @pytest.mark.parametrize("direction", ["listen", "speak", "both", None])
    def test_the_direction_chooses_the_side(
        self, client: RawClient, udp: Listener, noise: Path, direction: str | None
    ) -> None:
        call, phone = talking(client)
        client.play(call, "p", audio(noise))
        tap(client, call, udp.device, direction)
        client.relay.clock.advance(1)
        heard, said = phone.heard.samples, phone.said.samples
        assert heard.any()
        wanted = {"listen": heard, "both": heard + said}.get(direction or "speak", said)  # far below the limiter
        assert udp.sound() == pcmu(wanted)

    def test_what_the_phone_says_after_the_tap_began_is_in_it(self, client: RawClient, udp: Listener) -> None:
        call = client.answered(PHONE)
        tap(client, call, udp.device)
        client.relay.clock.advance(0.505)
        client.relay.phones[PHONE].play(row(hum(0.2), pause(0.1)))
        client.relay.clock.advance(0.495)
        sound = g711.decode(udp.sound(), "PCMU")
        assert len(sound) == 8000
        loud = np.flatnonzero(np.abs(sound) > 500)
        assert 4040 <= loud[0] <= 4043
        assert 5636 <= loud[-1] <= 5640

    def test_the_reply_names_the_socket_that_it_comes_from(self, client: RawClient, udp: Listener) -> None:
        call, _ = talking(client)
        reply = tap(client, call, udp.device, ptime=20)
        client.relay.clock.advance(0.1)
        udp.packets()
        [(address, port)] = udp.sources
        assert reply == {
            "code": "200",
            "message": "Tapping",
            "call_id": call["call_id"],
            "control_id": "t",
            "source_device": {
                "type": "rtp",
                "params": {"addr": address, "port": port, "codec": "PCMU", "ptime": 20, "rate": 8000},
            },
        }

    def test_events_repeat_what_is_tapped_and_where_it_goes(self, client: RawClient, udp: Listener) -> None:
        call, _ = talking(client)
        tap(client, call, udp.device)
        client.relay.clock.advance(2)
        assert stop(client, call)["code"] == "200"
        events = told(client, "tap")
        assert [(at, params["state"]) for at, params in events] == [(0.0, "tapping"), (2.0, "finished")]
        for _, params in events:
            assert params["tap"] == {"type": "audio", "params": {"direction": "speak"}}
            assert params["device"] == udp.device
            assert (params["call_id"], params["control_id"]) == (call["call_id"], "t")

    def test_a_target_that_nobody_listens_at_changes_nothing(self, client: RawClient) -> None:
        nobody = Listener()
        device = nobody.device
        nobody.socket.close()
        call, _ = talking(client)
        tap(client, call, device)
        client.relay.clock.advance(1)
        stop(client, call)
        assert states(client) == [(0.0, "tapping"), (1.0, "finished")]

    def test_two_taps_of_one_call_get_the_same(self, client: RawClient, udp: Listener) -> None:
        call, _ = talking(client)
        other = Listener()
        tap(client, call, udp.device)
        what = {"type": "audio", "params": {"direction": "speak"}}
        client.command("calling.tap", {**call, "control_id": "u", "tap": what, "device": other.device})
        client.relay.clock.advance(0.5)
        assert udp.sound() == other.sound() != b""
        other.socket.close()

    def test_rubys_place_for_the_codec_will_do(self, client: RawClient, udp: Listener) -> None:
        call, _ = talking(client)
        what = {"type": "audio", "params": {"direction": "speak", "codec": "PCMA"}}
        client.command("calling.tap", {**call, "control_id": "t", "tap": what, "device": udp.device})
        client.relay.clock.advance(0.02)
        assert udp.packets()[0][1] & 0x7F == 8


class TestWebSocket:
    def test_binary_frames_of_twenty_ms_hold_the_sound(self, client: RawClient, site: Site) -> None:
        call, phone = talking(client)
        reply = tap(client, call, site.device())
        assert reply["source_device"] == {"type": "ws", "params": {"codec": "PCMU", "rate": 8000}}
        client.relay.clock.advance(1)
        assert site.sound(8000) == pcmu(phone.said.samples[:8000])
        assert {len(frame) for frame in site.frames} == {160}
        assert states(client) == [(0.0, "tapping")]

    def test_it_is_closed_at_the_end_after_the_rest(self, client: RawClient, site: Site) -> None:
        call, phone = talking(client)
        tap(client, call, site.device())
        client.relay.clock.advance(0.53)
        stop(client, call)
        site.watch.until(lambda: site.closed == 1, 10, "the close")
        assert b"".join(site.frames) == pcmu(phone.said.samples[:4240])
        assert states(client) == [(0.0, "tapping"), (0.53, "finished")]

    def test_it_can_have_another_rate_and_codec(self, client: RawClient, site: Site) -> None:
        call = client.answered(PHONE)
        client.relay.phones[PHONE].play(hum(2))
        reply = tap(client, call, site.device(), rate=16000, codec="PCMA")
        assert reply["source_device"]["params"] == {"codec": "PCMA", "rate": 16000}
        client.relay.clock.advance(1)
        stop(client, call)
        sound = g711.decode(site.sound(16000), "PCMA")
        assert len(sound) == 16000
        spectrum = np.abs(np.fft.rfft(sound[4000:12000]))
        assert np.argmax(spectrum) * 2 == 330

    def test_localhost_will_do(self, client: RawClient, site: Site) -> None:
        call, _ = talking(client)
        uri = f"ws://localhost:{site.port}/tap?x=1"
        assert tap(client, call, {"type": "ws", "params": {"uri": uri}})["code"] == "200"
        client.relay.clock.advance(0.1)
        assert len(site.sound(800)) == 800

    def test_the_end_of_the_call_closes_it(self, client: RawClient, site: Site) -> None:
        call, phone = talking(client)
        tap(client, call, site.device())
        client.relay.clock.advance(0.25)
        phone.hang_up()
        site.watch.until(lambda: site.closed == 1, 10, "the close")
        assert sum(map(len, site.frames)) == 2000

    def test_the_end_of_the_emulator_closes_it(self, site: Site, connect: Connect) -> None:
        with Emulator(stepped=True, ping_interval=None) as relay:
            client = connect(relay)
            call, _ = talking(client)
            tap(client, call, site.device())
            relay.clock.advance(0.25)
            site.sound(1920)
        site.watch.until(lambda: site.closed == 1, 10, "the close")

    @pytest.mark.parametrize(
        ("answer", "events"),
        [("finished", [(0.0, "finished")]), ("tapping", [(0.0, "tapping"), (1.0, "finished")])],
    )
    @pytest.mark.parametrize("path", ["/moved", None])
    def test_unreachable_tap(
        self, connect: Connect, site: Site, path: str | None, answer: Any, events: list[tuple[float, str]]
    ) -> None:
        """A redirect is not followed: it might lead away from this machine."""
        device = {"type": "ws", "params": {"uri": "ws://127.0.0.1:9/"}} if path is None else site.device(path)
        with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(unreachable_tap=answer)) as relay:
            client = connect(relay)
            call, phone = talking(client)
            assert tap(client, call, device)["code"] == "200"
            relay.clock.advance(1)
            phone.hang_up()
            assert states(client) == events
            assert site.sockets == []

    @pytest.mark.parametrize("answer", ["finished", "tapping"])
    def test_a_server_that_closes_is_like_one_that_cannot_be_reached(
        self, connect: Connect, site: Site, answer: Any
    ) -> None:
        with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(unreachable_tap=answer)) as relay:
            client = connect(relay)
            call, phone = talking(client)
            tap(client, call, site.device())
            relay.clock.advance(1)
            site.sound(8000)
            site.hang_up()
            if answer == "finished":
                assert client.wait_event("tap", "finished")["control_id"] == "t"
            relay.clock.advance(1)
            phone.hang_up()
            left = {"finished": [(0.0, "tapping")], "tapping": [(0.0, "tapping"), (2.0, "finished")]}
            assert states(client) == left[answer]


class TestEnd:
    def test_a_second_stop_is_404(self, client: RawClient, udp: Listener) -> None:
        call, _ = talking(client)
        tap(client, call, udp.device)
        assert stop(client, call) == {
            "code": "200", "message": "Stopped", "call_id": call["call_id"], "control_id": "t"
        }  # fmt: skip
        assert stop(client, call) == {"code": "404", "message": "Control id does not exist"}

    @pytest.mark.parametrize(
        ("answer", "order"),
        [
            ("before", ["tap:finished", "state:ending", "state:ended"]),
            ("after", ["state:ending", "state:ended", "tap:finished"]),
            ("never", ["state:ending", "state:ended"]),
        ],
    )
    def test_the_end_of_the_call_ends_it_and_nothing_is_lost(
        self, connect: Connect, udp: Listener, answer: Any, order: list[str]
    ) -> None:
        with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(plays_at_call_end=answer)) as relay:
            client = connect(relay)
            call, phone = talking(client)
            tap(client, call, udp.device)
            relay.clock.advance(0.333)
            client.drain()
            phone.hang_up()
            relay.clock.advance(1)
            assert client.drain() == order
            assert udp.sound() == pcmu(phone.said.samples)

    def test_a_fault_finishes_it(self, client: RawClient, udp: Listener) -> None:
        client.relay.fail_next("calling.tap")
        call, _ = talking(client)
        assert tap(client, call, udp.device)["code"] == "200"
        client.relay.clock.advance(1)
        assert states(client) == [(0.0, "tapping"), (0.0, "finished")]
        assert udp.packets() == []

    def test_no_thread_or_socket_is_left(self, connect: Connect, udp: Listener) -> None:
        before = threading.active_count()
        with Emulator(stepped=True, ping_interval=None) as relay:
            client = connect(relay)
            call, _ = talking(client)
            tap(client, call, udp.device)
            relay.clock.advance(0.1)
        assert threading.active_count() == before
        assert len(udp.packets()) == 5


RTP: Frame = {"addr": "127.0.0.1", "port": 4000}
URI = "ws://127.0.0.1/"
NO_URI = "device params of ws: uri must be a ws or wss address, not "
ELSEWHERE = "the emulator sends sound to this machine's loopback only (127.0.0.0/8, ::1, localhost), not to "


class TestRefusals:
    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize(
        ("device", "where"),
        [
            ({"type": "rtp", "params": {"addr": "192.0.2.10", "port": 4000}}, "addr {}192.0.2.10"),
            ({"type": "rtp", "params": {"addr": "0.0.0.0", "port": 4000}}, "addr {}0.0.0.0"),
            ({"type": "ws", "params": {"uri": "wss://tap.example/x"}}, "uri {}tap.example"),
            ({"type": "ws", "params": {"uri": "ws://127.0.0.1.example/"}}, "uri {}127.0.0.1.example"),
            ({"type": "ws", "params": {"uri": "ws://127.0.0.1@192.0.2.1/"}}, "uri {}192.0.2.1"),
            ({"type": "ws", "params": {"uri": "ws://[2001:db8::1]/"}}, "uri {}2001:db8::1"),
        ],
    )
    def test_nothing_is_sent_to_another_machine(
        self, connect: Connect, strict: bool, device: Frame, where: str
    ) -> None:
        with Emulator(stepped=True, ping_interval=None, strict=strict) as relay:
            client = connect(relay)
            reply = tap(client, client.answered(PHONE), device)
            kind = device["type"]
            message = f"calling.tap: device params of {kind}: {where.format(ELSEWHERE)}"
            assert reply == {"code": "400", "message": message}
            assert states(client) == []

    @pytest.mark.parametrize(
        ("kind", "params", "message"),
        [
            ("", RTP, "device has the unknown type ''; known are rtp ws"),
            ("rtp", {"port": 4000}, "device params of rtp needs addr"),
            (
                "rtp",
                {**RTP, "addr": "localhost"},
                "device params of rtp: addr must be an IPv4 address, not 'localhost'",
            ),
            ("rtp", {**RTP, "port": 0}, "device params of rtp: port must be a whole number from 1 to 65535, not 0"),
            (
                "rtp",
                {**RTP, "port": True},
                "device params of rtp: port must be a whole number from 1 to 65535, not True",
            ),
            ("rtp", {**RTP, "codec": "G729"}, "device params of rtp: codec must be one of PCMU PCMA OPUS, not 'G729'"),
            ("rtp", {**RTP, "codec": "OPUS"}, "audio can't be encoded as OPUS; there are: PCMU PCMA"),
            ("rtp", {**RTP, "uri": "x"}, "device params of rtp has no field uri"),
            ("ws", {"uri": "http://127.0.0.1/"}, f"{NO_URI}'http://127.0.0.1/'"),
            ("ws", {"uri": "ws://127.0.0.1:x/"}, f"{NO_URI}'ws://127.0.0.1:x/'"),
            ("ws", {"uri": None}, f"{NO_URI}None"),
            ("ws", {"uri": URI, "rate": 8001}, "a tap has a rate of 8000 to 48000 Hz in steps of 50, not 8001"),
            ("ws", {}, "device params of ws needs uri"),
        ],
    )
    def test_a_wrong_device_is_400_and_named(self, client: RawClient, kind: str, params: Frame, message: str) -> None:
        reply = tap(client, client.answered(PHONE), {"type": kind, "params": params})
        assert reply == {"code": "400", "message": f"calling.tap: {message}"}

    @pytest.mark.parametrize(
        ("what", "message"),
        [
            ({"type": "video", "params": {}}, "tap has the unknown type 'video'; known are audio"),
            ({"type": "audio"}, "tap of type audio needs an object params"),
            (
                {"type": "audio", "params": {"direction": "left"}},
                "tap params of audio: direction must be one of listen speak both, not 'left'",
            ),
        ],
    )
    def test_a_wrong_tap_is_400_and_named(self, client: RawClient, what: Frame, message: str) -> None:
        call = client.answered(PHONE)
        device = {"type": "rtp", "params": RTP}
        reply = client.command("calling.tap", {**call, "control_id": "t", "tap": what, "device": device})
        assert reply == {"code": "400", "message": f"calling.tap: {message}"}

    def test_a_ptime_that_no_packet_holds_is_400(self, client: RawClient) -> None:
        reply = tap(client, client.answered(PHONE), {"type": "rtp", "params": {**RTP, "ptime": 1000}})
        assert reply["code"] == "400"
        assert "ptime must be a whole number from 1 to " in reply["message"]
