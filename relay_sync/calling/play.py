"""Playing audio, speech, silence and ringtones on a call (api.md 1 and 7.4, protocol.md 11.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from relay_sync.calling import checks
from relay_sync.calling.action import Stoppable
from relay_sync.calling.command import Command
from relay_sync.calling.control import Control
from relay_sync.calling.leg import Leg
from relay_sync.calling.media import Media, audio, prepare, ringtone, silence, tts
from relay_sync.calling.result import Result
from relay_sync.errors import NotConnected, RelayError, RelayTimeout
from relay_sync.wire.events import Answer
from relay_sync.wire.states import OPERATIONS

DIRECTIONS = ("listen", "speak", "both")
PROBES = 3  # times that a playback is asked after, where no answer comes


class PlayResult(Result):
    """How a playback ended: successful when it finished, by itself or by ``stop()``."""

    __slots__ = ()


class PlayPauseResult(Result):
    """Relay's answer to ``pause()``."""

    __slots__ = ()


class PlayResumeResult(Result):
    """Relay's answer to ``resume()``."""

    __slots__ = ()


class PlayVolumeResult(Result):
    """Relay's answer to ``volume()``."""

    __slots__ = ()


class PlayAction(Stoppable[PlayResult]):
    """A playback that is running on a call; made by :meth:`Call.play_async` and its kin.

    ``state`` goes ``''``, ``'playing'`` and ``'paused'`` in turn, ``'finished'`` or ``'error'``;
    ``'failed'`` where it never started, or its call or session ended under it. Paused is not an end.
    """

    __slots__ = ("_volume",)

    _operation = OPERATIONS["play"]
    _command = "calling.play"
    _success = frozenset({"finished"})
    _result_type = PlayResult

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__(leg, params)
        self._volume: float = params.get("volume", 0.0)  # as Relay last accepted it, or may have

    def pause(self, *, wait_timeout: float | None = None) -> PlayPauseResult:
        """Pause the playback at once; return once Relay has answered.

        Args:
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer; when successful, ``state`` is ``'paused'``. The pause of a paused playback
            is sent, and Relay's answer reported. Where the playback is over, nothing is sent.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._pause_command().give(wait_timeout)

    def resume(self, *, wait_timeout: float | None = None) -> PlayResumeResult:
        """Resume the playback at the place where it was paused; return once Relay has answered.

        Args, returns and raises as :meth:`pause`; when successful, ``state`` is ``'playing'``.
        """
        return self._resume_command().give(wait_timeout)

    def volume(self, volume: float, *, wait_timeout: float | None = None) -> PlayVolumeResult:
        """Change the volume of the playback from now on; return once Relay has answered.

        Args:
            volume: gain in dB from -40.0 to +40.0; 0 leaves the audio as it is.
            wait_timeout: as in :meth:`pause`.

        Raises:
            TypeError, ValueError: not a finite number from -40 to 40; nothing was sent.
            NotConnected, ConnectionLost, RelayTimeout: as in :meth:`pause`.
        """
        return self._volume_command(volume).give(wait_timeout)

    def _pause_command(self) -> Command[PlayPauseResult]:
        return Control(self, "pause", PlayPauseResult, moves="paused")

    def _resume_command(self) -> Command[PlayResumeResult]:
        return Control(self, "resume", PlayResumeResult, moves="playing")

    def _volume_command(self, volume: float) -> Command[PlayVolumeResult]:
        return SetVolume(self, checks.volume(volume))

    def _probe(self) -> None:
        """After a resumed session: ask whether the playback is still there, by setting the volume it has.

        Relay may not replay what was missed. 404 or 410 means that it is gone. It does no harm, so it is sent again
        where no answer comes: nothing else would tell. Runs on a worker.
        """
        for left in reversed(range(PROBES)):
            volume = self._volume
            try:
                answer = self._control("volume", PlayVolumeResult, None, params={"volume": volume})
            except RelayTimeout:
                if not left:
                    raise
                continue
            # Else a command has changed it meanwhile, and this may have reached Relay after that: say it again.
            if self._volume == volume:
                break
        if answer.code in ("404", "410"):
            why = "the playback ended while the connection was lost"
            self._leg._desk.connection.act(lambda: self._end_with(why, None, "lost"))


class SetVolume(Control[PlayVolumeResult]):
    """The volume of a playback; what it is, or may be, is kept for the probe after a resumed session."""

    __slots__ = ("_before", "_gain", "_play")

    def __init__(self, play: PlayAction, gain: float) -> None:
        super().__init__(play, "volume", PlayVolumeResult, params={"volume": gain})
        self._play = play
        self._gain = gain
        self._before: float | None = None

    def sending(self) -> None:
        """See :meth:`Command.sending`."""
        super().sending()
        if self._before is None:
            self._before = self._play._volume
        # From here on it may have been done, whatever is heard of it: the probe after a resume must not undo it.
        self._play._volume = self._gain

    def answered(self, answer: Answer) -> None:
        """See :meth:`Command.answered`."""
        super().answered(answer)
        if not answer.ok:
            self._undo()

    def failed(self, error: RelayError) -> None:
        """See :meth:`Command.failed`."""
        super().failed(error)
        if isinstance(error, (NotConnected, RelayTimeout)) and not getattr(error, "sent", False):
            self._undo()

    def _undo(self) -> None:
        if self._before is not None and self._play._volume == self._gain:
            self._play._volume = self._before


class Playing(Leg):
    """The verbs that play."""

    __slots__ = ()

    def play(
        self,
        media_list: Iterable[Media],
        volume: float = 0,
        *,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayResult:
        """Play media one after the other, and block until the playback has ended.

        Args:
            media_list: dicts with ``type`` ``audio`` (``url``), ``tts`` (``text``, ``language``,
                ``gender``, ``voice``), ``silence`` (``duration`` in seconds) or ``ringtone`` (``name``,
                ``duration``); flat, or with these keys under ``params``. They are not changed.
            volume: gain in dB from -40 to 40; 0 leaves the audio as it is.
            direction: who hears it: ``listen`` this phone (Relay's default), ``speak`` the other side of
                the call, ``both``.
            loop: how often it is played, 1 or more (default 1); 0 again and again until it is stopped.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait.
                A playback whose wait timed out goes on.

        Returns:
            Successful when it finished; not where Relay refused it, it ended with an error, or the
            call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        return self._play(prepare(media_list), wait_timeout, volume, direction, loop)

    def play_async(
        self,
        media_list: Iterable[Media],
        volume: float = 0,
        *,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayAction:
        """Start :meth:`play` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._play_async(prepare(media_list), wait_timeout, volume, direction, loop)

    def play_audio(
        self,
        url: str,
        volume: float = 0,
        *,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayResult:
        """Play an audio file and block until it has ended.

        ``url`` is its http or https address. See :meth:`play`.
        """
        return self._play([audio(url)], wait_timeout, volume, direction, loop)

    def play_audio_async(
        self,
        url: str,
        volume: float = 0,
        *,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayAction:
        """Start :meth:`play_audio` and return its action once Relay has answered. See :meth:`play_async`."""
        return self._play_async([audio(url)], wait_timeout, volume, direction, loop)

    def play_silence(self, duration: float, *, wait_timeout: float | None = None) -> PlayResult:
        """Play ``duration`` seconds of silence (more than 0) and block until it has ended. See :meth:`play`."""
        return self._play([silence(duration)], wait_timeout)

    def play_silence_async(self, duration: float, *, wait_timeout: float | None = None) -> PlayAction:
        """Start :meth:`play_silence` and return its action once Relay has answered. See :meth:`play_async`."""
        return self._play_async([silence(duration)], wait_timeout)

    def play_tts(
        self,
        text: str,
        language: str | None = None,
        gender: str | None = None,
        volume: float = 0,
        *,
        voice: str | None = None,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayResult:
        """Speak ``text`` and block until it was said. See :meth:`play`.

        Args:
            text: what to say.
            language: such as ``en-US``, which is Relay's default.
            gender: ``male`` or ``female``; Relay's default is ``female``.
            volume: gain in dB from -40 to 40.
            voice: the name of a voice, such as the service's documentation lists.
            direction, loop: as in :meth:`play`.
            wait_timeout: seconds for the whole of it.
        """
        return self._play([tts(text, language, gender, voice)], wait_timeout, volume, direction, loop)

    def play_tts_async(
        self,
        text: str,
        language: str | None = None,
        gender: str | None = None,
        volume: float = 0,
        *,
        voice: str | None = None,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayAction:
        """Start :meth:`play_tts` and return its action once Relay has answered. See :meth:`play_async`."""
        return self._play_async([tts(text, language, gender, voice)], wait_timeout, volume, direction, loop)

    def play_ringtone(
        self,
        name: str,
        duration: float | None = None,
        volume: float = 0,
        *,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayResult:
        """Play a country's ringtone and block until it has ended. See :meth:`play`.

        Args:
            name: a country's two letters, such as ``us`` (api.md 7.4 lists them).
            duration: seconds, more than 0; Relay's default is one ring cycle.
            volume: gain in dB from -40 to 40.
            direction, loop: as in :meth:`play`.
            wait_timeout: seconds for the whole of it.
        """
        return self._play([ringtone(name, duration)], wait_timeout, volume, direction, loop)

    def play_ringtone_async(
        self,
        name: str,
        duration: float | None = None,
        volume: float = 0,
        *,
        direction: str | None = None,
        loop: int | None = None,
        wait_timeout: float | None = None,
    ) -> PlayAction:
        """Start :meth:`play_ringtone` and return its action once Relay has answered. See :meth:`play_async`."""
        return self._play_async([ringtone(name, duration)], wait_timeout, volume, direction, loop)

    def _play(
        self,
        media: list[dict[str, Any]],
        wait_timeout: float | None,
        volume: float = 0,
        direction: str | None = None,
        loop: int | None = None,
    ) -> PlayResult:
        action, deadline = self._start(self._new_play(media, volume, direction, loop), wait_timeout)
        return action._wait(deadline)

    def _play_async(
        self,
        media: list[dict[str, Any]],
        wait_timeout: float | None,
        volume: float = 0,
        direction: str | None = None,
        loop: int | None = None,
    ) -> PlayAction:
        return self._start(self._new_play(media, volume, direction, loop), wait_timeout)[0]

    def _new_play(self, media: list[dict[str, Any]], volume: float, direction: object, loop: object) -> PlayAction:
        params: dict[str, Any] = {"play": media}
        if gain := checks.volume(volume):
            params["volume"] = gain
        if direction is not None:
            params["direction"] = checks.one_of(direction, "direction", DIRECTIONS)
        if loop is not None:
            params["loop"] = checks.whole(loop, "loop", 0, math.inf, "times")
        return PlayAction(self, params)
