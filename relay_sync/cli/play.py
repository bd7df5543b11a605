"""``relay-sync play``: call a number and play it something, against whatever the environment points to."""

from __future__ import annotations

from dataclasses import dataclass

from relay_sync.calling.call import Call
from relay_sync.calling.play import PlayResult
from relay_sync.cli.output import Output, perform
from relay_sync.cli.playhead import Playhead
from relay_sync.client import Client
from relay_sync.errors import RelayError

_SHOWS_UP_S = 3.0  # for a call whose dial was interrupted to become known, so that it can be hung up


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: whom to call, as whom, what to play how loud, and how many seconds it may ring."""

    to_number: str
    from_number: str
    url: str
    volume: float = 0.0
    timeout: float | None = None

    def play(self, output: Output) -> None:
        """Connect, dial, play to the end and hang up; hang up too when interrupted.

        Raises:
            ConfigurationError: the environment doesn't say how to connect.
            RelayError: something failed, or was not successful.
        """
        client = perform(output, "client = Client()", Client)
        perform(output, "client.connect()", client.connect)
        playhead = Playhead()
        with client, output.watching(playhead):
            call = self._new_call(client, output)
            call.on("stateChange", playhead.take).on("play.stateChange", playhead.take)
            try:
                self._talk(call, playhead, output)
            except BaseException:
                _clear(call, output)
                raise
            perform(output, "call.hangup()", call.hangup).raise_for_status()

    def _new_call(self, client: Client, output: Output) -> Call:
        ring = {} if self.timeout is None else {"timeout": self.timeout}
        numbers = {"from_number": self.from_number, "to_number": self.to_number}
        shown = ", ".join(f"{name}={value!r}" for name, value in (numbers | ring).items())
        return perform(
            output,
            f"call = client.calling.new_call({shown})",
            lambda: client.calling.new_call(
                from_number=self.from_number, to_number=self.to_number, timeout=self.timeout
            ),
        )

    def _talk(self, call: Call, playhead: Playhead, output: Output) -> PlayResult:
        perform(output, "call.dial()", call.dial).raise_for_status()
        volume, url = self.volume, self.url
        playhead.volume_db = volume
        shown = f"{url!r}, volume={volume!r}" if volume else repr(url)
        action = perform(output, f"action = call.play_audio_async({shown})", lambda: call.play_audio_async(url, volume))
        return perform(output, "action.wait()", action.wait).raise_for_status()


def _clear(call: Call, output: Output) -> None:
    """Leave no call up that nobody looks after; what goes wrong here is not why the command failed."""
    try:
        if call.state is None:
            call.wait_for("created", "ringing", "ended", timeout=_SHOWS_UP_S)
        if call.active and not call.ended and call.id is not None:
            perform(output, "call.hangup()", call.hangup)
    except RelayError as error:
        output.note(f"# could not hang up: {error.message}")
