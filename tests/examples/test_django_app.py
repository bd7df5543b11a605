"""examples/django_app.py, through Django's own server and through its test client."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, Program
from tests.examples.web import check_music_is_controlled, check_what_cannot_be

WITH_THE_TEST_CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])

import django
import django_app
from django.test import Client

django.setup()
web = Client(SERVER_NAME="localhost")
call = web.post("/calls", {"from": "+15550100", "to": "+15550101"}).json()
for verb in ("pause", "resume", "stop"):
    print(verb, web.post(f"/calls/{call['id']}/{verb}").json())
"""


def test_views_start_pause_resume_and_stop_music_on_a_call(relay: Emulator, tmp_path: Path) -> None:
    arguments = (EXAMPLES / "django_app.py", "runserver", "--noreload", "127.0.0.1:0")
    with Program(*arguments, relay=relay, folder=tmp_path) as program:
        url = program.says(r"server at (http://127\.0\.0\.1:\d+)/")[1]
        check_music_is_controlled(relay, url)
        check_what_cannot_be(relay, url)
        assert "Traceback" not in program.output
        program.interrupt()
        program.ends()


def test_the_test_client_of_django_can_drive_it(relay: Emulator, tmp_path: Path) -> None:
    with Program("-c", WITH_THE_TEST_CLIENT, EXAMPLES, relay=relay, folder=tmp_path) as program:
        output = program.ends()
    for verb in ("pause", "resume", "stop"):
        assert f"{verb} {{'ok': True" in output
    relay.journal.assert_commands("calling.play", "calling.play.pause", "calling.play.resume", "calling.play.stop")
