"""AI agents on a call (api.md 15, protocol.md 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from relay_sync.calling import checks, options
from relay_sync.calling.gone import GONE_FOR_SURE
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult, Result
from relay_sync.calling.stopping import Graceful
from relay_sync.wire.states import OPERATIONS

if TYPE_CHECKING:
    from typing_extensions import Unpack

ROLES = ("user", "system", "assistant")


class BedrockOptions(TypedDict, total=False):
    """What every agent takes by keyword; what is None or left out is not sent.

    The dicts have the form that Relay gives them, and are sent as they are.

    Attributes:
        prompt: what the agent is told to be, such as ``{"text": "Be brief."}``.
        post_prompt: what it is to do after the talk.
        post_prompt_url: http or https address that is given the outcome.
        global_data: data for the whole of the talk.
        SWAIG: the functions that it may call.
        ai_params: settings of the agent; ``params`` on the wire.
    """

    prompt: Mapping[str, Any] | None
    post_prompt: Mapping[str, Any] | None
    post_prompt_url: str | None
    global_data: Mapping[str, Any] | None
    SWAIG: Mapping[str, Any] | None
    ai_params: Mapping[str, Any] | None


class AIOptions(BedrockOptions, total=False):
    """What :meth:`Call.ai` takes by keyword; what is None or left out is not sent.

    Attributes:
        agent: the name of an agent that is configured at Relay.
        post_prompt_auth_user: the user name that ``post_prompt_url`` asks for.
        post_prompt_auth_password: the password that it asks for.
        pronounce: dicts that say how words are to be spoken.
        hints: words to expect.
        languages: dicts, one for each language that it may speak.
    """

    agent: str | None
    post_prompt_auth_user: str | None
    post_prompt_auth_password: str | None
    pronounce: Iterable[Mapping[str, Any]] | None
    hints: Iterable[str] | None
    languages: Iterable[Mapping[str, Any]] | None


_BEDROCK: options.Table = {
    "prompt": ("prompt", checks.data),
    "post_prompt": ("post_prompt", checks.data),
    "post_prompt_url": ("post_prompt_url", checks.web_address),
    "global_data": ("global_data", checks.data),
    "SWAIG": ("SWAIG", checks.data),
    "ai_params": ("params", checks.data),
}
_AI: options.Table = {
    **_BEDROCK,
    "agent": ("agent", partial(checks.text, what="the name of an agent")),
    "post_prompt_auth_user": ("post_prompt_auth_user", partial(checks.text, what="a user name")),
    "post_prompt_auth_password": ("post_prompt_auth_password", partial(checks.secret, what="a password")),
    "pronounce": ("pronounce", checks.list_of_fields),
    "hints": ("hints", partial(checks.words, what="words to expect")),
    "languages": ("languages", checks.list_of_fields),
}


class AIResult(Result):
    """How a talk with an agent ended: successful when it finished, or Relay accepted its ``stop()``."""

    __slots__ = ()


class AIAction(Graceful[AIResult]):
    """An agent that talks on a call; made by :meth:`Call.ai_async`.

    No source promises an event that tells of it: ``state`` may stay ``''``. It ends with the call; or
    with ``stop()``, a second after Relay accepted that where Relay tells nothing more; or when
    Relay tells ``'finished'`` or ``'error'`` after all.
    """

    __slots__ = ()

    _operation = OPERATIONS["ai"]
    _command = "calling.ai"
    _success = frozenset({"finished"})
    _result_type = AIResult

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _untold(self) -> AIResult:
        return self._make(successful=True, message="it was stopped", _outcome="done")


class AI(Leg):
    """The verbs that have an agent talk."""

    __slots__ = ()

    @options.spelled_out(AIOptions)
    def ai(self, *, wait_timeout: float | None = None, **ai_options: Unpack[AIOptions]) -> AIResult:
        """Have an AI agent talk on the call, and block until it was stopped or the call has ended.

        Which is long: mostly one wants :meth:`ai_async`.

        Args:
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. An
                agent whose wait timed out goes on.
            ai_options: see :class:`AIOptions`.

        Returns:
            Successful when Relay told that it finished, or accepted its stop; not where Relay refused
            it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(AIAction(self, options.wire(ai_options, _AI, "an agent")), wait_timeout)
        return action._wait(deadline)

    @options.spelled_out(AIOptions)
    def ai_async(self, *, wait_timeout: float | None = None, **ai_options: Unpack[AIOptions]) -> AIAction:
        """Start :meth:`ai` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(AIAction(self, options.wire(ai_options, _AI, "an agent")), wait_timeout)[0]

    def ai_message(
        self,
        message_text: str | None = None,
        role: str | None = None,
        reset: Mapping[str, Any] | None = None,
        global_data: Mapping[str, Any] | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> ReplyResult:
        """Tell the agent something, or reset it, while it talks; return once Relay has answered.

        Args:
            message_text: what to tell it.
            role: who tells it: ``user``, ``system`` or ``assistant``.
            reset: a dict that says what the agent is to forget; its form is Relay's.
            global_data: a dict that replaces the data for the whole of the talk.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params: dict[str, Any] = {}
        if message_text is not None:
            params["message_text"] = checks.text(message_text, "message_text", "what to tell the agent")
        if role is not None:
            params["role"] = checks.one_of(role, "role", ROLES)
        if reset is not None:
            params["reset"] = checks.data(reset, "reset")
        if global_data is not None:
            params["global_data"] = checks.data(global_data, "global_data")
        if not params:
            raise ValueError("nothing was given: give at least one of message_text, reset, global_data")
        return self._carry_out(ReplyResult, "calling.ai_message", params, wait_timeout, gone=GONE_FOR_SURE)

    def ai_hold(
        self, timeout: float | None = None, prompt: str | None = None, *, wait_timeout: float | None = None
    ) -> ReplyResult:
        """Have the agent fall silent; return once Relay has answered.

        Args:
            timeout: seconds, 0 or more, after which it goes on by itself.
            prompt: what it is told to say before.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = _prompt(prompt)
        if timeout is not None:
            params["timeout"] = f"{checks.seconds(timeout, 'timeout'):g}"  # a string on the wire (api.md 15)
        return self._carry_out(ReplyResult, "calling.ai_hold", params, wait_timeout, gone=GONE_FOR_SURE)

    def ai_unhold(self, prompt: str | None = None, *, wait_timeout: float | None = None) -> ReplyResult:
        """Have the agent go on; return once Relay has answered. See :meth:`ai_hold`.

        ``prompt`` is what it is told to say first.
        """
        return self._carry_out(ReplyResult, "calling.ai_unhold", _prompt(prompt), wait_timeout, gone=GONE_FOR_SURE)

    @options.spelled_out(BedrockOptions)
    def amazon_bedrock(
        self, *, wait_timeout: float | None = None, **bedrock_options: Unpack[BedrockOptions]
    ) -> ReplyResult:
        """Have an agent of Amazon Bedrock talk on the call; return once Relay has answered.

        No command is known that stops it, and no event that tells of its end.

        Args:
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.
            bedrock_options: see :class:`BedrockOptions`.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = options.wire(bedrock_options, _BEDROCK, "an agent of Amazon Bedrock")
        return self._carry_out(ReplyResult, "calling.amazon_bedrock", params, wait_timeout)


def _prompt(prompt: object) -> dict[str, Any]:
    return {} if prompt is None else {"prompt": checks.text(prompt, "prompt", "what the agent is to say")}
