"""No secret and no caller's number in any text that leaves the library (logs, errors, journals).

Always mask first and shorten afterwards: half a credential no longer stands behind its key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

__all__ = ["HIDDEN", "Masker", "mask_frame", "mask_number", "shorten"]

HIDDEN = "***"

# The credentials of protocol.md 5.1, 6.1, 6.3 and those that calls and streams carry, each also as the end of a
# longer key (jwt_token, authorization_bearer_token, sip_password). The project goes with them.
_SECRET_ENDS = ("token", "secret", "password", "passwd", "passcode", "api_key", "private_key")
_SECRET_KEYS = ("authorization_state", "project", "project_id")
# A quoted key and its colon. The quote may be escaped: the frame may stand as a text within a text. (Each pattern takes
# a run of backslashes from its beginning only, or a long run would be read once from each of its members.)
_KEY = re.compile(
    rf"""(?<!\\)(?P<quote>\\*["'])(?:[\w.-]*(?:{"|".join(_SECRET_ENDS)})|{"|".join(_SECRET_KEYS)})(?P=quote)\s*:\s*""",
    re.IGNORECASE,
)
_PLAIN_VALUE = re.compile(r"[^\s,}\]]*")
_QUOTE = re.compile(r"""(?<!\\)(?P<escapes>\\*)["']""")
_BRACKETS = re.compile(r"""(?<!\\)\\*["']|[\[{\]}]""")

# Shorter secrets stand in too many words to be removed wherever they occur.
_SHORTEST_SECRET = 4


def mask_frame(text: str) -> str:
    """Return `text` with the value of every credential's key hidden.

    Works on JSON wherever it stands in `text`, also on JSON that is cut off or broken, on JSON within a JSON string,
    and on the repr of a dict: it looks for keys and does not parse. A value that never ends is hidden to the end of
    the text. Everything else is left as it is.
    """
    parts: list[str] = []
    at = 0
    while (key := _KEY.search(text, at)) is not None:
        parts += text[at : key.end()], _hidden(key["quote"])
        at = _end_of_value(text, key.end())
    parts.append(text[at:])
    return "".join(parts)


def _hidden(quote_mark: str) -> str:
    return quote_mark + HIDDEN + quote_mark


def _end_of_value(text: str, start: int) -> int:
    """Where the JSON value that begins at `start` ends; the end of the text if it does not."""
    opening = _QUOTE.match(text, start)
    if opening is not None:
        return _end_of_string(text, opening)
    if text[start : start + 1] in ("{", "["):
        return _end_of_nested(text, start)
    plain = _PLAIN_VALUE.match(text, start)
    return plain.end() if plain is not None else start


def _end_of_string(text: str, opening: re.Match[str]) -> int:
    mark = opening[0][-1]
    # In a text escaped n times a quote that delimits has 2**n - 1 backslashes before it, and every backslash of the
    # value itself stands there 2**(n + 1) times.
    escapes = len(opening["escapes"])
    for quote_mark in _QUOTE.finditer(text, opening.end()):
        if quote_mark[0][-1] == mark and len(quote_mark["escapes"]) % (2 * escapes + 2) == escapes:
            return quote_mark.end()
    return len(text)


def _end_of_nested(text: str, start: int) -> int:
    depth, at = 0, start
    while (bracket := _BRACKETS.search(text, at)) is not None:
        at = bracket.end()
        if bracket[0] in ("{", "["):
            depth += 1
        elif bracket[0] in ("}", "]"):
            depth -= 1
            if not depth:
                return at
        else:
            opening = _QUOTE.match(text, bracket.start())
            at = _end_of_string(text, opening) if opening is not None else at
    return len(text)


class Masker:
    """Hides credentials by their keys, as :func:`mask_frame`, and the given secrets wherever they stand.

    A secret is also found in the shape that JSON, repr or a URL gives it. Secrets of less than four characters are
    left to the keys, and None or an empty text is no secret.
    """

    __slots__ = ("_pattern",)

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        long_enough = [secret for secret in secrets if secret is not None and len(secret) >= _SHORTEST_SECRET]
        shapes = {shape for secret in long_enough for shape in _shapes(secret)}
        # The longest first: a secret may begin with another one.
        ordered = sorted(shapes, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def mask(self, text: str) -> str:
        """Return `text` without the secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        return mask_frame(text)

    def __repr__(self) -> str:
        return "Masker(...)"


def _shapes(secret: str) -> set[str]:
    """The texts under which a secret may show up."""
    ascii_json, unicode_json = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    return {secret, ascii_json, unicode_json, repr(secret)[1:-1], quote(secret), quote(secret, safe="")}


def mask_number(number: str) -> str:
    """Return a phone number or SIP address for a log line: at most the last four digits can be read.

    Of a short number no more than half can. ``+15550100123`` gives ``+*******0123``, and ``sip:ann@example.com`` gives
    ``sip:***@example.com``.
    """
    if "@" in number:
        user, domain = number.rsplit("@", 1)
        scheme = user[: user.find(":") + 1] if user.lower().startswith(("sip:", "sips:")) else ""
        return f"{scheme}{HIDDEN}@{domain}"
    hide = sum(c.isalnum() for c in number)
    hide -= min(4, hide // 2)
    masked = []
    for character in number:
        if character.isalnum() and hide:
            hide -= 1
            character = "*"
        masked.append(character)
    return "".join(masked)


def shorten(text: str, limit: int) -> str:
    """Return `text` if it has at most `limit` characters, else its beginning and an ellipsis, `limit` in all."""
    if len(text) <= limit:
        return text
    return text[: limit - 1] + "…" if limit > 0 else ""
