"""A WSGI application whose every request is one unit of work."""

from __future__ import annotations

import json

from work import dial_play_and_pause


def application(environ, start_response):
    body = json.dumps(dial_play_and_pause()).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
