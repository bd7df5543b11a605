"""``calling.detect`` over bare frames in stepped time: what a phone says decides (protocol.md 11.5, 16.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator import Assumptions, Emulator
from relay_sync.emulator.media import BEEP, CED, CNG, sound_of_tone
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient
from tests.emulator.told import detected, hum, pause, row, told

Sound = NDArray[np.float32]
PHONE = "+15550101"


def detect(client: RawClient, call: Frame, kind: str, timeout: float | None = None, **options: Any) -> Frame:
    limit = {} if timeout is None else {"timeout": timeout}
    params = {**call, "control_id": "d", "detect": {"type": kind, "params": options}, **limit}
    return client.command("calling.detect", params)


def spoken(client: RawClient, sound: Sound, kind: str = "machine", timeout: float = 20, **options: Any) -> Any:
    """Detect on a phone that says ``sound``; return all that is told but the end."""
    call = client.answered(PHONE)
    client.relay.phones[PHONE].play(sound)
    assert detect(client, call, kind, timeout, **options)["code"] == "200"
    client.relay.clock.advance(timeout)
    events = detected(client)
    assert events.pop() == (timeout, "finished")
    return events


class TestMachine:
    @pytest.mark.parametrize(
        ("sound", "events"),
        [
            # A second of silence after the voice makes a person.
            pytest.param(row(pause(0.5), hum(0.5)), [(2.0, "HUMAN")], id="a short greeting"),
            pytest.param(row(hum(1.2)), [(2.2, "HUMAN")], id="just below the threshold"),
            # 1.25 s of voice make a machine; known at the end of the block of 20 ms.
            pytest.param(
                row(pause(0.5), hum(1.25)), [(1.76, "MACHINE"), (1.76, "NOT_READY"), (2.76, "READY")], id="at it"
            ),
            # Short pauses count as voice: 0.5 + 0.18 + 0.57 s.
            pytest.param(
                row(hum(0.5), pause(0.18), hum(0.6)),
                [(1.26, "MACHINE"), (1.26, "NOT_READY"), (2.28, "READY")],
                id="with a short pause",
            ),
            # Longer ones don't, and don't end it either: 0.7 + 0.55 s.
            pytest.param(
                row(hum(0.7), pause(0.8), hum(0.6)),
                [(2.06, "MACHINE"), (2.06, "NOT_READY"), (3.1, "READY")],
                id="with a long pause",
            ),
            pytest.param(row(hum(0.7), pause(1.0), hum(3)), [(1.7, "HUMAN")], id="a person who goes on talking"),
            pytest.param(pause(1), [(4.5, "UNKNOWN")], id="nobody"),
            pytest.param(row(pause(4.4), hum(0.2)), [(5.6, "HUMAN")], id="a person who takes time"),
            pytest.param(row(pause(4.52), hum(3)), [(4.5, "UNKNOWN")], id="too late"),
            pytest.param(row(pause(1), hum(0.02), pause(1), hum(0.02)), [(4.5, "UNKNOWN")], id="clicks"),
        ],
    )
    def test_the_length_of_the_voice_decides(
        self, client: RawClient, sound: Sound, events: list[tuple[float, str]]
    ) -> None:
        assert spoken(client, sound) == events

    @pytest.mark.parametrize(
        ("words", "options", "first"),
        [
            (6, {}, (1.0, "MACHINE")),  # 5 * 0.18 + 0.1 s
            (5, {}, (1.84, "HUMAN")),
            (5, {"machine_words_threshold": 5}, (0.82, "MACHINE")),
            (6, {"machine_words_threshold": 7}, (2.02, "HUMAN")),
            (6, {"machine_voice_threshold": 0.5}, (0.58, "MACHINE")),
        ],
    )
    def test_so_many_words_make_a_machine(
        self, client: RawClient, words: int, options: dict[str, Any], first: tuple[float, str]
    ) -> None:
        assert spoken(client, row(*[hum(0.12), pause(0.06)] * words), **options)[0] == first

    @pytest.mark.parametrize(
        ("options", "first"),
        [
            ({"initial_timeout": 2}, (2.0, "UNKNOWN")),
            ({"initial_timeout": 0}, (6.0, "HUMAN")),
            ({"end_silence_timeout": 0.5}, (5.5, "HUMAN")),
            ({"machine_voice_threshold": 0.4}, (4.9, "MACHINE")),
            ({"machine_voice_threshold": 0}, (4.54, "MACHINE")),
            ({"machine_words_threshold": 1, "initial_timeout": 10}, (4.6, "MACHINE")),
        ],
    )
    def test_each_option_is_heeded(self, client: RawClient, options: dict[str, Any], first: tuple[float, str]) -> None:
        given = {"initial_timeout": 10, **options}
        assert spoken(client, row(pause(4.5), hum(0.5)), **given)[0] == first

    def test_without_a_limit_of_silence_a_short_greeting_stays_without_an_answer(self, client: RawClient) -> None:
        assert spoken(client, hum(0.5), end_silence_timeout=0) == []

    def test_ready_comes_when_the_beep_has_been_heard(self, client: RawClient) -> None:
        sound = row(hum(2), pause(0.5), sound_of_tone(BEEP), pause(3))
        machine, busy, (at, ready) = spoken(client, sound)
        assert (machine, busy, ready) == ((1.26, "MACHINE"), (1.26, "NOT_READY"), "READY")
        assert 2.9 <= at <= 3.0  # the beep lasts from 2.5 s to 2.9 s

    def test_ready_says_that_it_was_a_beep(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        client.relay.phones[PHONE].play(row(hum(2), pause(0.5), sound_of_tone(BEEP), hum(2)))
        detect(client, call, "machine", 10)
        client.relay.clock.advance(10)
        params = [params for _, params in told(client, "detect", "detect", "params")]
        assert params[2] == {"event": "READY", "beep": True}
        assert {"type": "machine", "params": {"event": "READY"}} not in params

    def test_a_beep_alone_is_a_machine(self, client: RawClient) -> None:
        events = spoken(client, row(hum(0.6), pause(0.5), sound_of_tone(BEEP)))
        assert [event for _, event in events] == ["MACHINE", "NOT_READY", "READY"]

    def test_another_tone_is_no_beep(self, client: RawClient) -> None:
        sound = row(hum(2), pause(0.5), sound_of_tone(CED, seconds=0.4), hum(2))
        assert spoken(client, sound)[-1] == (5.9, "READY")  # by the silence at the end

    @pytest.mark.parametrize(
        ("options", "events"),
        [
            ({"machine_ready_timeout": 0.4}, ["MACHINE", "NOT_READY", "READY"]),
            ({"detect_message_end": False}, ["MACHINE"]),
            ({"detect_interruptions": True}, ["MACHINE", "NOT_READY", "READY", "NOT_READY", "READY"]),
            ({"detect_interruptions": False}, ["MACHINE", "NOT_READY", "READY"]),
        ],
    )
    def test_the_later_options_of_a_message_end(
        self, client: RawClient, options: dict[str, Any], events: list[str]
    ) -> None:
        sound = row(hum(2), pause(1.5), hum(1), pause(2))
        assert [event for _, event in spoken(client, sound, **options)] == events

    def test_only_what_is_said_after_the_command_counts(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        client.relay.phones[PHONE].play(row(hum(3), pause(1), hum(0.3)))
        client.relay.clock.advance(3.5)
        detect(client, call, "machine", 10)
        client.relay.clock.advance(10)
        assert detected(client) == [(5.3, "HUMAN"), (13.5, "finished")]


class TestTones:
    @pytest.mark.parametrize("options", [{}, {"tone": "CED"}])
    def test_ced_is_told_half_a_second_after_it_began(self, client: RawClient, options: dict[str, Any]) -> None:
        [(at, event)] = spoken(client, row(pause(1), sound_of_tone(CED)), "fax", **options)
        assert event == "CED"
        assert 1.5 <= at <= 1.56

    def test_cng_is_told_once_after_its_first_burst(self, client: RawClient) -> None:
        [(at, event)] = spoken(client, row(pause(1), sound_of_tone(CNG, cycles=4)), "fax", tone="CNG")
        assert event == "CNG"
        assert 1.5 <= at <= 1.6

    @pytest.mark.parametrize(("tone", "sound"), [("CED", CNG), ("CNG", CED), ("CED", BEEP), ("CNG", BEEP)])
    def test_another_tone_is_not(self, client: RawClient, tone: str, sound: Any) -> None:
        assert spoken(client, sound_of_tone(sound, cycles=2), "fax", tone=tone) == []

    def test_a_long_1100_hz_is_no_cng(self, client: RawClient) -> None:
        assert spoken(client, sound_of_tone(CNG, seconds=2), "fax", tone="CNG") == []


class TestDigits:
    @pytest.mark.parametrize(
        ("options", "found"),
        [({}, "190*#"), ({"digits": "09"}, "90"), ({"digits": "ABCD"}, "A"), ({"digits": "a"}, "A")],
    )
    def test_each_digit_that_is_wanted_is_an_event(
        self, client: RawClient, options: dict[str, Any], found: str
    ) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit", 10, **options)
        client.relay.phones[PHONE].press("1w9A0*#")
        client.relay.clock.advance(10)
        assert [event for _, event in detected(client)] == [*found, "finished"]

    def test_a_digit_is_told_when_it_is_over(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        client.relay.clock.advance(2.0)
        client.relay.phones[PHONE].press("5")  # for 0.1 s
        client.relay.clock.advance(1)
        assert detected(client) == [(2.14, "5")]

    def test_speech_is_no_digit(self, client: RawClient) -> None:
        assert spoken(client, hum(3), "digit") == []


class TestNumbers:
    @pytest.mark.parametrize(
        ("number", "kind", "options", "events"),
        [
            ("+15550199041", "machine", {}, ["HUMAN"]),
            ("+15550199042", "machine", {}, ["MACHINE", "NOT_READY", "READY"]),
            ("+15550199001", "machine", {}, ["UNKNOWN"]),
            ("+15550199043", "fax", {}, ["CED"]),
            ("+15550199044", "fax", {"tone": "CNG"}, ["CNG"]),
            ("+15550199043", "fax", {"tone": "CNG"}, []),
            ("+15550199022", "digit", {}, ["1", "2", "3", "4", "#"]),
        ],
    )
    def test_the_numbers_of_the_table(
        self, client: RawClient, number: str, kind: str, options: dict[str, Any], events: list[str]
    ) -> None:
        call = client.answered(number)
        detect(client, call, kind, 20, **options)
        client.relay.clock.advance(20)
        assert [event for _, event in detected(client)] == [*events, "finished"]

    def test_a_phone_can_be_an_answering_machine_with_a_greeting_of_its_own(self, client: RawClient) -> None:
        phone = client.relay.phone(PHONE, machine="This is a long greeting of a machine that talks and talks.")
        call = client.answered(PHONE)
        detect(client, call, "machine", 20)
        client.relay.clock.advance(20)
        ready = detected(client)[2]
        assert ready[1] == "READY"
        assert phone.said.between(ready[0] - 0.4, ready[0] - 0.15).rms_db() > -25  # the beep
        assert phone.said.between(ready[0] - 0.9, ready[0] - 0.6).rms_db() < -90  # the pause before it

    def test_time_that_runs_makes_no_difference(self, connect: Connect) -> None:
        with Emulator(speed=50, ping_interval=None) as relay:
            client = connect(relay)
            call = client.answered("+15550199042")
            detect(client, call, "machine", 600, initial_timeout=0)
            events = []
            while "READY" not in events:
                events.append(client.wait_event("detect")["detect"]["params"]["event"])
            assert events == ["MACHINE", "NOT_READY", "READY"]

    def test_an_inbound_call_can_be_asked_too(self, relay: Emulator, connect: Connect) -> None:
        client = connect(relay, "office")
        phone = relay.phone("+15550140", says="Hello?")
        phone.call(context="office")
        offer = client.wait_event("receive")
        call = {"node_id": offer["node_id"], "call_id": offer["call_id"]}
        assert client.command("calling.answer", call)["code"] == "200"
        detect(client, call, "machine", 10)
        relay.clock.advance(10)
        assert [event for _, event in detected(client)] == ["HUMAN", "finished"]


class TestEnd:
    def test_it_ends_after_thirty_seconds_unless_told_otherwise(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        client.relay.clock.advance(29.99)
        assert detected(client) == []
        client.relay.clock.advance(0.02)
        assert detected(client) == [(30.0, "finished")]

    def test_stop_ends_it_at_once_and_no_event_follows(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        client.relay.clock.advance(1.5)
        reply = client.command("calling.detect.stop", {**call, "control_id": "d"})
        assert reply == {"code": "200", "message": "Stopped", "call_id": call["call_id"], "control_id": "d"}
        client.relay.phones[PHONE].press("1")
        client.relay.clock.advance(40)
        assert detected(client) == [(1.5, "finished")]
        again = client.command("calling.detect.stop", {**call, "control_id": "d"})
        assert again == {"code": "404", "message": "Control id does not exist"}

    def test_what_was_said_before_the_stop_is_told_before_the_end(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        client.relay.phones[PHONE].press("1")
        client.relay.clock.advance(0.139)  # the block that makes it sure ends at 0.14
        client.command("calling.detect.stop", {**call, "control_id": "d"})
        assert detected(client) == [(0.139, "1"), (0.139, "finished")]

    @pytest.mark.parametrize(
        ("answer", "order"),
        [
            ("before", ["detect:None", "state:ending", "state:ended"]),
            ("after", ["state:ending", "state:ended", "detect:None"]),
            ("never", ["state:ending", "state:ended"]),
        ],
    )
    def test_the_end_of_the_call_ends_it(self, connect: Connect, answer: Any, order: list[str]) -> None:
        with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(plays_at_call_end=answer)) as relay:
            client = connect(relay)
            call = client.answered(PHONE)
            detect(client, call, "digit")
            client.drain()
            relay.phones[PHONE].hang_up()
            relay.clock.advance(60)
            assert client.drain() == order
            assert [event for _, event in detected(client)] == ["finished"][: len(order) - 2]

    def test_a_fault_ends_it_with_error(self, client: RawClient) -> None:
        client.relay.fail_next("calling.detect")
        call = client.answered(PHONE)
        assert detect(client, call, "digit")["code"] == "200"
        assert detected(client) == [(0.0, "error")]
        client.relay.clock.advance(60)
        assert detected(client) == []
        assert detect(client, call, "digit", 1)["code"] == "200"
        client.relay.clock.advance(1)
        assert detected(client) == [(61.0, "finished")]

    def test_a_digit_just_before_the_end_of_the_call_is_told(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        client.relay.phones[PHONE].press("1")
        client.relay.clock.advance(0.139)
        client.relay.phones[PHONE].hang_up()
        assert [event for _, event in detected(client)] == ["1", "finished"]

    def test_a_fault_is_asked_for_a_number_of_times(self, client: RawClient) -> None:
        with pytest.raises(ValueError, match="count must be 1 or more, not 0"):
            client.relay.fail_next("calling.detect", 0)
        client.relay.fail_next("calling.detect")
        client.relay.clear_faults()
        detect(client, client.answered(PHONE), "digit")
        assert detected(client) == []

    def test_several_run_side_by_side(self, client: RawClient) -> None:
        call = client.answered("+15550199042")
        for kind in ("machine", "fax", "digit"):
            params = {**call, "control_id": kind, "detect": {"type": kind, "params": {}}, "timeout": 20}
            assert client.command("calling.detect", params)["code"] == "200"
        client.relay.clock.advance(20)
        ends = [params for _, params in told(client, "detect") if params["detect"]["params"]["event"] == "finished"]
        assert sorted(params["control_id"] for params in ends) == ["digit", "fax", "machine"]
        assert all(params["call_id"] == call["call_id"] and params["node_id"] == call["node_id"] for params in ends)


class TestRefusals:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"detect": "machine"}, "calling.detect: detect must be an object with a type, not 'machine'"),
            (
                {"detect": {"type": "person", "params": {}}},
                "calling.detect: detect has the unknown type 'person'; known are machine fax digit",
            ),
            ({"detect": {"type": "fax"}}, "calling.detect: detect of type fax needs an object params"),
            (
                {"detect": {"type": "fax", "params": {"tone": "XYZ"}}},
                "calling.detect: detect params of fax: tone must be one of CED CNG, not 'XYZ'",
            ),
            (
                {"detect": {"type": "fax", "params": {"digits": "1"}}},
                "calling.detect: detect params of fax has no field digits",
            ),
            (
                {"detect": {"type": "digit", "params": {"digits": "1x"}}},
                "calling.detect: detect params of digit: digits must be a string of 0-9 * # A-D that is not empty, "
                "not '1x'",
            ),
            (
                {"detect": {"type": "machine", "params": {"machine_words_threshold": 1.5}}},
                "calling.detect: detect params of machine: machine_words_threshold must be a whole number of 1 or "
                "more, not 1.5",
            ),
            (
                {"detect": {"type": "machine", "params": {"initial_timeout": -1}}},
                "calling.detect: detect params of machine: initial_timeout must be at least 0, not -1.0",
            ),
            (
                {"detect": {"type": "machine", "params": {"detect_message_end": 1}}},
                "calling.detect: detect params of machine: detect_message_end must be true or false, not 1",
            ),
            (
                {"detect": {"type": "digit", "params": {}}, "timeout": "30"},
                "calling.detect: timeout must be a number, not '30'",
            ),
            (
                {"detect": {"type": "digit", "params": {}}, "wait_for_beep": True},
                "calling.detect has no field wait_for_beep",
            ),
        ],
    )
    def test_a_wrong_field_is_400_and_named(self, client: RawClient, params: Frame, message: str) -> None:
        call = client.answered(PHONE)
        reply = client.command("calling.detect", {**call, "control_id": "d", **params})
        assert reply == {"code": "400", "message": message}

    def test_a_control_id_in_use_is_409(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        assert detect(client, call, "fax") == {"code": "409", "message": "Control id is in use"}
        client.command("calling.detect.stop", {**call, "control_id": "d"})
        assert detect(client, call, "fax")["code"] == "200"

    def test_the_stop_of_another_kind_is_404(self, client: RawClient) -> None:
        call = client.answered(PHONE)
        detect(client, call, "digit")
        assert client.command("calling.tap.stop", {**call, "control_id": "d"})["code"] == "404"

    def test_it_needs_an_answered_call(self, client: RawClient) -> None:
        client.relay.phone(PHONE, no_answer=True)
        begun = client.begin(PHONE)
        call = {"node_id": begun["node_id"], "call_id": begun["call_id"]}
        assert detect(client, call, "digit") == {"code": "409", "message": "Call is not answered yet"}
