"""What callers may pass in: refused before anything is sent, by a message that names the value and the remedy."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from relay_sync import Call, PlayAction
from relay_sync.calling import checks
from tests.stage import URL, Stage
from tests.support import in_thread

NO_VOLUME = [math.nan, math.inf, -math.inf, 40.0001, -40.0001, 41, 10**400, "5", None, True, [5], Decimal(5), 1j]


@pytest.fixture(scope="module")
def scene() -> Any:
    """A call with a play on it, for tests after which it is as it was before."""
    with Stage() as stage:
        call = stage.call()
        yield stage, call, stage.play(call)


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The scene of this module keeps its threads from test to test."""


@pytest.fixture
def call(scene: tuple[Stage, Call, PlayAction]) -> Any:
    stage, call, _ = scene
    yield call
    assert stage.relay.line.sent.empty(), "something was sent"
    assert len(call._actions) == 1, f"something was left behind: {call!r} {call._over!r}"


def refuses(act: Callable[[], object], *words: str) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        act()
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


# -- volume -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("volume", NO_VOLUME, ids=lambda value: repr(value)[:12])
def test_a_volume_that_is_no_finite_number_from_minus_40_to_40_is_refused(
    scene: tuple[Stage, Call, PlayAction], call: Call, volume: Any
) -> None:
    """Defect 32; and no nan on the wire."""
    action = scene[2]
    for act in (
        lambda: action.volume(volume),
        lambda: call.play_audio(URL, volume),
        lambda: call.play_audio_async(URL, volume=volume),
        lambda: call.play_tts("x", volume=volume),
        lambda: call.play_ringtone_async("us", volume=volume),
        lambda: call.play([{"type": "silence", "duration": 1}], volume),
        lambda: call.play_async([{"type": "silence", "duration": 1}], volume),
    ):
        refuses(act, f"volume={volume!r}", "number of dB from -40 to 40")


@pytest.mark.parametrize("volume", [-40, 40, -40.0, 40.0, 0, 0.5])
def test_the_limits_of_the_volume_are_allowed(volume: float) -> None:
    assert checks.volume(volume) == volume


# -- media ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "   ", None, 5, b"http://x", ["http://x"]])
def test_an_url_that_is_no_text_is_refused(call: Call, url: Any) -> None:
    for act in (lambda: call.play_audio(url), lambda: call.play_audio_async(url)):
        refuses(act, f"url={url!r}", "give the http or https address of an audio file")
    refuses(lambda: call.play([{"type": "audio", "url": url}]), "media_list[0]", f"url={url!r}")


BLANKS = ("a b", "http://x/a b.mp3", "x\n", "\tx", "http://x\x00", "http://x\u2028y", "x\x7f")


@pytest.mark.parametrize(
    ("act", "name", "wrong", "remedy"),
    [
        (lambda call, url: call.play_audio(url), "url", BLANKS, "the http or https address of an audio file"),
        (
            lambda call, url: call.prompt_audio("digits", url),
            "url",
            BLANKS,
            "the http or https address of an audio file",
        ),
        (
            lambda call, url: call.play([{"type": "audio", "url": url}]),
            "url",
            BLANKS,
            "the http or https address of an audio file",
        ),
        (
            lambda call, url: call.fax_send(url),
            "url",
            (*BLANKS, "ftp://x/a.pdf", "http://", "ws://x", "://x"),
            "the http or https address of a PDF",
        ),
        (
            lambda call, url: call.fax_send_async(document=url),
            "document",
            ("https://x y", "gopher://x", "https://"),
            "the http or https address of a PDF",
        ),
        (
            lambda call, url: call.tap("both", "ws", target_uri=url),
            "target_uri",
            (*BLANKS, "http://x", "ws:/x", "x.example", "ws://", "wss:// x"),
            "a WebSocket address",
        ),
        (
            lambda call, url: call.refer(url),
            "to",
            (*BLANKS, "desk@example.com", "+15550100", "sip:", "http://x", "sip:a b@x"),
            "a SIP address such as 'sip:desk@example.com'",
        ),
    ],
    ids=["play_audio", "prompt_audio", "play", "fax_send", "fax_send_async", "tap", "refer"],
)
def test_an_address_of_another_shape_is_refused_with_its_name_value_and_remedy(
    call: Call, act: Callable[[Call, str], object], name: str, wrong: tuple[str, ...], remedy: str
) -> None:
    for url in wrong:
        refuses(lambda url=url: act(call, url), f"{name}={url!r}", f"give {remedy}")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "schemes"),
    [
        ("welcome.mp3", ()),
        ("/srv/sounds/welcome.mp3", ()),
        ("file:///srv/sounds/welcome%20back.mp3", ()),
        ("HTTPS://example.com/ü.mp3?x=1#y", ("http://", "https://")),
        ("WSS://example.com", ("ws://", "wss://")),
        ("SIPS:desk@example.com;transport=tls", ("sip:", "sips:")),
    ],
)
def test_an_address_goes_on_the_wire_as_it_is(value: str, schemes: tuple[str, ...]) -> None:
    assert checks.address(value, "url", "an address", schemes) == value


@pytest.mark.parametrize("duration", [0, -1, -0.5, math.nan, math.inf, "2", None, True, 10**400])
def test_a_duration_that_is_no_time_is_refused(call: Call, duration: Any) -> None:
    """Defect 32."""
    for act in (lambda: call.play_silence(duration), lambda: call.play_silence_async(duration)):
        refuses(act, f"duration={duration!r}", "seconds")
    if duration is not None:
        refuses(lambda: call.play_ringtone("us", duration), f"duration={duration!r}", "seconds")


@pytest.mark.parametrize("name", ["uk ", "US", "usa", "", "xx", None, 3])
def test_an_unknown_ringtone_is_refused_with_those_there_are(call: Call, name: Any) -> None:
    for act in (lambda: call.play_ringtone(name), lambda: call.play_ringtone_async(name)):
        refuses(act, f"name={name!r}", "give one of at, au, be")


def test_the_nearest_ringtone_is_suggested(call: Call) -> None:
    refuses(lambda: call.play_ringtone("usa"), "did you mean 'us'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("",), "text=''"),
        ((None,), "text=None"),
        (("hi", ""), "language=''"),
        (("hi", 3), "language=3"),
        (("hi", "en-US", "robot"), "gender='robot' is unknown: give one of female, male"),
        (("hi", None, 1), "gender=1"),
    ],
)
def test_speech_that_cannot_be_is_refused(call: Call, arguments: tuple[Any, ...], words: str) -> None:
    refuses(lambda: call.play_tts(*arguments), words)
    refuses(lambda: call.play_tts_async(*arguments), words)


@pytest.mark.parametrize(
    ("media", "words"),
    [
        (None, "media_list=None"),
        ("http://x", "media_list='http://x'"),
        ({"type": "audio", "url": "x"}, "give a list of dicts"),
        (5, "media_list=5"),
        ([], "empty: give at least one"),
        (["http://x"], "media_list[0]='http://x': give a dict"),
        ([{"type": "audio", "url": "x"}, None], "media_list[1]=None"),
        ([{}], "media_list[0]['type']=None: give one of audio, ringtone, silence, tts"),
        ([{"type": ""}], "media_list[0]['type']=''"),
        ([{"type": "audo", "url": "x"}], "did you mean 'audio'"),
        ([{"url": "x"}], "['type']=None"),
        ([{"type": "audio"}], "media_list[0]: audio needs 'url'"),
        ([{"type": "audio", "params": {}}], "audio needs 'url'"),
        ([{"type": "audio", "params": "x"}], "media_list[0]['params']='x': give a dict"),
        ([{"type": "audio", "uri": "x"}], "audio knows no ['uri']: give ['url']"),
        ([{"type": "audio", "params": {"url": "x", "loop": 1}}], "audio knows no ['loop']"),
        ([{"type": "audio", "params": {"url": "x"}, "url": "y"}], "['url'] beside 'params': give them within"),
        ([{"type": "silence", "duration": -1}], "media_list[0]: duration=-1"),
        ([{"type": "ringtone", "name": "xx"}], "media_list[0]: name='xx'"),
        ([{"type": "tts", "text": "x", "gender": "x"}], "media_list[0]: gender='x'"),
        ([{"type": "tts", "text": "x", 3: 4}], "tts knows no ['3']"),
    ],
)
def test_media_that_is_none_is_refused_and_never_dropped(call: Call, media: Any, words: str) -> None:
    """Defect 6: anything else than flat and nested dicts raises."""
    refuses(lambda: call.play(media), words)
    refuses(lambda: call.play_async(media), words)


def test_media_may_come_from_any_iterable_once(scene: tuple[Stage, Call, PlayAction]) -> None:
    stage, call, _ = scene
    with in_thread(lambda: call.play_async({"type": "silence", "duration": n} for n in (1, 2))) as starting:
        params = stage.relay.refuse_command("calling.play", "400")  # with 404 the call would be over soon
    assert starting.result().completed
    assert [item["params"]["duration"] for item in params["play"]] == [1, 2]


@pytest.mark.parametrize("wait_timeout", ["1", True, math.nan])
def test_a_limit_that_is_no_time_is_refused_everywhere(
    scene: tuple[Stage, Call, PlayAction], call: Call, wait_timeout: Any
) -> None:
    stage, _, action = scene
    limit = {"wait_timeout": wait_timeout}
    for act in (
        lambda: call.play_silence(1, **limit),
        lambda: call.play_silence_async(1, **limit),
        lambda: call.hangup(**limit),
        lambda: call.pass_(**limit),
        lambda: action.pause(**limit),
        lambda: action.volume(1, **limit),
        lambda: stage.client.execute("x", {}, **limit),
        lambda: stage.client.calling.receive(["office"], print, **limit),
        lambda: call.wait_for_ended(timeout=wait_timeout),
        lambda: call.events(wait_timeout),
    ):
        refuses(act, "timeout=", "give a number of seconds, or None for no limit")
    assert stage.client.contexts == []


# -- execute ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("", {}, "method=''"),
        (None, {}, "method=None"),
        ("x", None, "params=None: give a dict"),
        ("x", [1], "params=[1]"),
        ("calling.x", {"a": math.nan}, "give what JSON can carry"),
        ("calling.x", {"a": [{"b": math.inf}]}, "give what JSON can carry"),
        ("calling.x", {"a": object()}, "give what JSON can carry"),
        ("calling.x", {"a": {1, 2}}, "give what JSON can carry"),
    ],
)
def test_what_json_cannot_carry_never_reaches_the_wire(
    scene: tuple[Stage, Call, PlayAction], call: Call, method: Any, params: Any, words: str
) -> None:
    refuses(lambda: scene[0].client.execute(method, params), words)


def test_params_that_hold_themselves_are_refused(scene: tuple[Stage, Call, PlayAction], call: Call) -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    refuses(lambda: scene[0].client.execute("calling.x", loop), "params is nested too deeply, or holds itself")


DEEP: dict[str, Callable[[Stage, Call, PlayAction, Any], object]] = {
    "Call.start": lambda stage, call, play, nest: call.start("calling.x", {"a": nest}),
    "Call.execute": lambda stage, call, play, nest: call.execute("calling.x", {"a": nest}),
    "Call.ai_async": lambda stage, call, play, nest: call.ai_async(prompt={"a": nest}),
    "Call.user_event": lambda stage, call, play, nest: call.user_event("x", order=nest),
    "Call.connect_async": lambda stage, call, play, nest: call.connect_async({"to_number": "+1", "confirm": nest}),
    "Call.connect_async, params": lambda stage, call, play, nest: call.connect_async(
        {"type": "phone", "params": {"to_number": "+1", "headers": nest}}
    ),
    "Call.bind_digit": lambda stage, call, play, nest: call.bind_digit("*1", "calling.play", {"a": nest}),
    "Call.live_transcribe": lambda stage, call, play, nest: call.live_transcribe({"start": nest}),
    "Pipeline.command": lambda stage, call, play, nest: stage.client.pipeline().command("calling.x", {"a": nest}),
    "Client.execute": lambda stage, call, play, nest: stage.client.execute("calling.x", {"a": nest}),
}


@pytest.mark.parametrize("verb", DEEP)
@pytest.mark.parametrize("levels", [150, 340, 490, 1000, 5000])
def test_what_is_nested_too_deeply_is_refused_as_bad_input(
    scene: tuple[Stage, Call, PlayAction], call: Call, verb: str, levels: int
) -> None:
    """Not as the end of a stack in the midst of the library's work."""
    nest: Any = {}
    for _ in range(levels):
        nest = {"nest": nest}
    if verb == "Client.execute" and levels < 1000:
        pytest.skip("it is Relay's to judge: nothing of it is kept")
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (what it says is looked at below)
        DEEP[verb](*scene, nest)
    assert "nested" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("verb", ["Call.start", "Call.ai_async", "Call.connect_async"])
def test_what_is_nested_as_deeply_as_relay_may_is_sent_and_kept(verb: str) -> None:
    nest: Any = {}
    for _ in range(90):
        nest = {"nest": nest}
    with Stage() as stage:
        call = stage.call()
        with in_thread(lambda: DEEP[verb](stage, call, None, nest)) as starting:  # type: ignore[arg-type]
            frame = stage.relay.take_any()
            stage.relay.answer(frame, {"code": "200", "message": "OK"})
        action: Any = starting.result()
        assert str(action.payload).count("nest") == 90


def test_a_command_refused_here_leaves_the_connection_usable(scene: tuple[Stage, Call, PlayAction]) -> None:
    stage = scene[0]
    with pytest.raises(ValueError, match="JSON"):
        stage.client.execute("calling.x", {"a": math.nan})
    stage.settle()
    assert threading.active_count() < 10


# -- the checks themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, 256])
def test_a_count_is_a_whole_number_above_zero(value: int) -> None:
    assert checks.count(value, "n") == value


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True])
def test_anything_else_is_no_count(value: Any) -> None:
    refuses(lambda: checks.count(value, "n"), f"n={value!r}", "give a whole number, 1 or more")


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    assert checks.flag(False, "on") is False
    refuses(lambda: checks.flag(1, "on"), "on=1: give True or False")


@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan, math.inf])
def test_the_remedy_for_a_duration_is_one_that_helps(value: float) -> None:
    """It does not name 0, which is refused too."""
    for check in (checks.duration, checks.duration_limit):
        said = refuses(lambda check=check: check(value, "n"), f"n={value!r}", "more than 0")  # type: ignore[misc]
        assert "from 0" not in said
