"""The same requests to the Flask and the Django example, and what must come of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import requests

from relay_sync.emulator import Emulator
from tests.words import dial_one


class Browser:
    """Sends requests to a server of ours; no proxy in between."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, method: str, path: str, **form: str) -> requests.Response:
        """Send a request and return the response, whatever its status."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self._url + path, data=form, timeout=60)

    def post(self, path: str, **form: str) -> dict[str, Any]:
        """Post a form and return the answer, which must be a good one."""
        response = self.send("POST", path, **form)
        assert response.ok, response.text
        answer: dict[str, Any] = response.json()
        return answer


def check_music_is_controlled(relay: Emulator, url: str) -> None:
    """Start, pause, resume and stop music, and measure what the phone heard."""
    browser = Browser(url)
    phone = relay.phone("+15550101")
    assert relay.connections == 0  # starting the server connects nothing

    started = browser.post("/calls", **{"from": "+15550100", "to": phone.number})
    assert started["ok"], started
    call = f"/calls/{started['id']}"
    relay.clock.advance(2)
    assert browser.post(f"{call}/pause")["ok"]
    relay.clock.advance(300)
    assert browser.post(f"{call}/resume")["ok"]
    relay.clock.advance(3)
    assert browser.post(f"{call}/stop")["ok"]
    assert phone.wait_for("ended")

    verbs = [f"calling.play.{verb}" for verb in ("pause", "resume", "stop")]
    relay.journal.assert_commands(dial_one(), "calling.play", *verbs, "calling.end")
    heard = phone.heard
    assert heard.duration == 305
    assert heard.between(0, 2).rms_db() == pytest.approx(-20, abs=0.01)
    assert heard.between(2, 302).rms_db() == -math.inf
    assert heard.between(302).rms_db() == pytest.approx(-20, abs=0.01)


def check_what_cannot_be(relay: Emulator, url: str) -> None:
    """A busy phone, calls that are over or never were, and the wrong method."""
    browser = Browser(url)
    busy = relay.phone("+15550102", busy=True)
    refused = browser.post("/calls", **{"from": "+15550100", "to": busy.number})
    assert not refused["ok"]
    assert refused["message"]
    assert browser.send("POST", f"/calls/{refused['id']}/pause").status_code == 404
    assert browser.send("POST", "/calls/none/rewind").status_code == 404
    assert browser.send("GET", "/calls").status_code == 405
    assert browser.send("GET", "/calls/none/pause").status_code == 405
    assert relay.connections == 1  # one client for all requests
