"""Asking a question and collecting the answer: digits pressed, words said (api.md 7.5, protocol.md 11.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from relay_sync.calling import checks
from relay_sync.calling.collect import PromptOptions, collect
from relay_sync.calling.command import Command
from relay_sync.calling.control import Control
from relay_sync.calling.input import InputAction, InputResult
from relay_sync.calling.leg import Leg
from relay_sync.calling.media import Media, audio, prepare, ringtone, silence, tts
from relay_sync.calling.options import spelled_out
from relay_sync.calling.result import Result
from relay_sync.wire.states import OPERATIONS

if TYPE_CHECKING:
    from typing_extensions import Unpack


class PromptResult(InputResult):
    """How a prompt ended: successful when digits or speech were collected."""

    @property
    def prompt_type(self) -> str | None:
        """The same as ``type``, by the name that v2's code has."""
        return self.type


class PromptVolumeResult(Result):
    """Relay's answer to ``volume()`` of a prompt."""

    __slots__ = ()


class PromptAction(InputAction[PromptResult]):
    """A prompt that is running on a call; made by :meth:`Call.prompt_async` and its kin.

    ``state`` is ``''`` until something is collected, ``'successful'`` at the end where it was, else
    the type of the result: ``'no_input'``, ``'no_match'``, ``'error'``; ``'finished'`` when it was
    stopped and Relay told no result; ``'failed'`` as for every action. Partial results and the start
    of the input show in ``state`` too, and end nothing; nor does the end of what is played.
    """

    __slots__ = ()

    _operation = OPERATIONS["prompt"]
    _command = "calling.play_and_collect"
    _result_type = PromptResult

    def volume(self, volume: float, *, wait_timeout: float | None = None) -> PromptVolumeResult:
        """Change the volume of what is played from now on; return once Relay has answered.

        Args:
            volume: gain in dB from -40.0 to +40.0; 0 leaves the audio as it is.
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.

        Raises:
            TypeError, ValueError: not a finite number from -40 to 40; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._volume_command(volume).give(wait_timeout)

    def _volume_command(self, volume: float) -> Command[PromptVolumeResult]:
        return Control(self, "volume", PromptVolumeResult, params={"volume": checks.volume(volume)})


class Prompting(Leg):
    """The verbs that ask."""

    __slots__ = ()

    @spelled_out(PromptOptions)
    def prompt(
        self,
        prompt_type: str,
        media_list: Iterable[Media],
        *,
        wait_timeout: float | None = None,
        **options: Unpack[PromptOptions],
    ) -> PromptResult:
        """Play media, collect digits or speech meanwhile and after, and block until there is a result.

        Args:
            prompt_type: ``digits``, ``speech`` or ``both`` (whichever comes first).
            media_list: what to play, as in :meth:`play`. Not changed.
            wait_timeout: seconds for the whole of it; without it Relay's own limits and the call's
                end bound the wait. A prompt whose wait timed out goes on.
            options: see :class:`PromptOptions`.

        Returns:
            Successful with what was collected as ``result.result``; not where nothing was, Relay
            refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments, among them options of speech for a prompt for
                digits and the reverse; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        return self._prompt(prompt_type, prepare(media_list), options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_async(
        self,
        prompt_type: str,
        media_list: Iterable[Media],
        *,
        wait_timeout: float | None = None,
        **options: Unpack[PromptOptions],
    ) -> PromptAction:
        """Start :meth:`prompt` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._prompt_async(prompt_type, prepare(media_list), options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_audio(
        self, prompt_type: str, url: str, *, wait_timeout: float | None = None, **options: Unpack[PromptOptions]
    ) -> PromptResult:
        """Play an audio file and collect; ``url`` is its http or https address. See :meth:`prompt`."""
        return self._prompt(prompt_type, [audio(url)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_audio_async(
        self, prompt_type: str, url: str, *, wait_timeout: float | None = None, **options: Unpack[PromptOptions]
    ) -> PromptAction:
        """Start :meth:`prompt_audio` and return its action once Relay has answered. See :meth:`prompt_async`."""
        return self._prompt_async(prompt_type, [audio(url)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_tts(
        self,
        prompt_type: str,
        text: str,
        language: str | None = None,
        gender: str | None = None,
        *,
        voice: str | None = None,
        wait_timeout: float | None = None,
        **options: Unpack[PromptOptions],
    ) -> PromptResult:
        """Speak ``text`` and collect; all but ``prompt_type`` as in :meth:`play_tts`. See :meth:`prompt`."""
        return self._prompt(prompt_type, [tts(text, language, gender, voice)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_tts_async(
        self,
        prompt_type: str,
        text: str,
        language: str | None = None,
        gender: str | None = None,
        *,
        voice: str | None = None,
        wait_timeout: float | None = None,
        **options: Unpack[PromptOptions],
    ) -> PromptAction:
        """Start :meth:`prompt_tts` and return its action once Relay has answered. See :meth:`prompt_async`."""
        return self._prompt_async(prompt_type, [tts(text, language, gender, voice)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_ringtone(
        self,
        prompt_type: str,
        name: str,
        duration: float | None = None,
        *,
        wait_timeout: float | None = None,
        **options: Unpack[PromptOptions],
    ) -> PromptResult:
        """Play a ringtone and collect.

        ``name`` and ``duration`` as in :meth:`play_ringtone`. See :meth:`prompt`.
        """
        return self._prompt(prompt_type, [ringtone(name, duration)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_ringtone_async(
        self,
        prompt_type: str,
        name: str,
        duration: float | None = None,
        *,
        wait_timeout: float | None = None,
        **options: Unpack[PromptOptions],
    ) -> PromptAction:
        """Start :meth:`prompt_ringtone` and return its action once Relay has answered.

        See :meth:`prompt_async`.
        """
        return self._prompt_async(prompt_type, [ringtone(name, duration)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_silence(
        self, prompt_type: str, duration: float, *, wait_timeout: float | None = None, **options: Unpack[PromptOptions]
    ) -> PromptResult:
        """Play ``duration`` seconds of silence (more than 0) and collect. See :meth:`prompt`."""
        return self._prompt(prompt_type, [silence(duration)], options, wait_timeout)

    @spelled_out(PromptOptions)
    def prompt_silence_async(
        self, prompt_type: str, duration: float, *, wait_timeout: float | None = None, **options: Unpack[PromptOptions]
    ) -> PromptAction:
        """Start :meth:`prompt_silence` and return its action once Relay has answered.

        See :meth:`prompt_async`.
        """
        return self._prompt_async(prompt_type, [silence(duration)], options, wait_timeout)

    def _prompt(
        self, prompt_type: str, media: list[dict[str, Any]], options: PromptOptions, wait_timeout: float | None
    ) -> PromptResult:
        action, deadline = self._start(self._new_prompt(prompt_type, media, options), wait_timeout)
        return action._wait(deadline)

    def _prompt_async(
        self, prompt_type: str, media: list[dict[str, Any]], options: PromptOptions, wait_timeout: float | None
    ) -> PromptAction:
        return self._start(self._new_prompt(prompt_type, media, options), wait_timeout)[0]

    def _new_prompt(self, prompt_type: str, media: list[dict[str, Any]], options: PromptOptions) -> PromptAction:
        params = {"play": media, "collect": collect(prompt_type, options)}
        volume = options.get("volume")
        return PromptAction(self, params if volume is None else {**params, "volume": checks.volume(volume)})
