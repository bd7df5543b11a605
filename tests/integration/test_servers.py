"""gunicorn and uWSGI as they are deployed: each worker works on a connection of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.integration.servers import (
    LIMIT,
    SCRIPTS,
    Server,
    at_once,
    check_each_process_has_a_connection_of_its_own,
    check_the_parents_play_is_untouched,
    post,
)
from tests.support import until
from tests.words import in_one, make_words

# gunicorn 26 took the eventlet worker out: an older one is installed beside, see tox.ini.
OLDER_GUNICORN = os.environ.get("RELAY_SYNC_OLDER_GUNICORN", "")
# Since some release after 2.0.21, which Debian 12 has, uWSGI has threads without being asked.
OLDER_UWSGI = os.environ.get("RELAY_SYNC_OLDER_UWSGI", "")


def gunicorn(relay: Emulator, folder: Path, *options: str, **variables: str) -> Server:
    command = [sys.executable, "-m", "gunicorn", "site_app:application", "--bind", "127.0.0.1:0", *options]
    return Server(*command, "--worker-tmp-dir", "/tmp", relay=relay, folder=folder, **variables)


def uwsgi(relay: Emulator, folder: Path, *options: str, module: str = "site_app", **variables: str) -> Server:
    program = SCRIPTS / "uwsgi"
    if options[-1:] == ("older",):
        options = options[:-1]
        program = Path(OLDER_UWSGI)
        if not OLDER_UWSGI:
            pytest.skip("needs an older uWSGI: run `tox -e integration`")
    listen = ["--http-socket", "127.0.0.1:0", "--home", sys.prefix, "--module", module, "--die-on-term"]
    return Server(program, *listen, "--master", *options, relay=relay, folder=folder, **variables)


def gunicorns_url(server: Server, workers: int) -> str:
    server.says(r"Booting worker with pid", workers)
    return server.says(r"Listening at: (http://127\.0\.0\.1:\d+)")[0]


def uwsgis_url(server: Server, workers: int) -> str:
    server.says(r"^spawned uWSGI worker \d", workers)
    return "http://" + server.says(r"bound to TCP address (127\.0\.0\.1:\d+)")[0]


def test_gunicorn_with_preload_each_of_three_workers_has_its_connection_and_the_parents_play_goes_on(
    relay: Emulator, tmp_path: Path
) -> None:
    with gunicorn(relay, tmp_path, "--preload", "--workers", "3", PARENT_PLAYS="1") as server:
        url = gunicorns_url(server, 3)
        answers = at_once(relay, lambda: post(url), 3)
        assert len({answer["pid"] for answer in answers}) == 3
        answers += at_once(relay, lambda: post(url), 3)  # on the connections that there are
        assert relay.connections == 4
        check_each_process_has_a_connection_of_its_own(relay, answers)
        check_the_parents_play_is_untouched(relay, server, answers)
        relay.clock.advance(30)
        assert server.says(r"^the parent's play: (.*)$") == [f"{server.process.pid} True"]
        assert "Traceback" not in server.terminate()


def test_gunicorn_with_preload_opens_no_connection_before_a_request(relay: Emulator, tmp_path: Path) -> None:
    with gunicorn(relay, tmp_path, "--preload", "--workers", "2") as server:
        url = gunicorns_url(server, 2)
        assert relay.journal.total == 0
        answers = at_once(relay, lambda: post(url), 2)
        assert relay.connections == 2
        check_each_process_has_a_connection_of_its_own(relay, answers)


def test_gunicorn_without_preload(relay: Emulator, tmp_path: Path) -> None:
    with gunicorn(relay, tmp_path, "--workers", "2") as server:
        url = gunicorns_url(server, 2)
        answers = at_once(relay, lambda: post(url), 2)
        assert (relay.connections, len({answer["pid"] for answer in answers})) == (2, 2)
        check_each_process_has_a_connection_of_its_own(relay, answers)
        assert "Traceback" not in server.terminate()


WORKERS = {
    "gthread": (["--threads", "4"], ""),
    "gevent": ([], ""),
    "eventlet": ([], OLDER_GUNICORN),
}


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
@pytest.mark.parametrize("kind", WORKERS)
def test_requests_that_run_side_by_side_in_a_worker_share_its_connection(
    relay: Emulator, tmp_path: Path, kind: str, preload: list[str]
) -> None:
    options, older = WORKERS[kind]
    if kind == "eventlet" and not older:
        pytest.skip("needs a gunicorn that has this worker: run `tox -e integration`")
    parent = {"PARENT_PLAYS": "1"} if preload else {}
    with gunicorn(relay, tmp_path, "--worker-class", kind, *options, *preload, PYTHONPATH=older, **parent) as server:
        url = gunicorns_url(server, 1)
        answers = at_once(relay, lambda: post(url), 4) + at_once(relay, lambda: post(url), 4)
        assert len({answer["pid"] for answer in answers}) == 1
        assert len({answer["call"] for answer in answers}) == 8
        assert relay.connections == (2 if preload else 1)
        check_each_process_has_a_connection_of_its_own(relay, answers)
        if preload:
            check_the_parents_play_is_untouched(relay, server, answers)
        assert "Traceback" not in server.terminate()


UWSGI = {
    "threads": ["--enable-threads"],
    "lazy": ["--enable-threads", "--lazy-apps"],
    "hooks": ["--enable-threads", "--py-call-osafterfork"],
    "default": [],
    "fork hooks": ["--enable-threads", "--py-call-uwsgi-fork-hooks"],
    "older, threads": ["--enable-threads", "older"],
    "older, fork hooks": ["--enable-threads", "--py-call-uwsgi-fork-hooks", "older"],
    "older, default": ["older"],
}


@pytest.mark.parametrize("kind", UWSGI)
def test_uwsgi_each_worker_has_its_connection(relay: Emulator, tmp_path: Path, kind: str) -> None:
    with uwsgi(relay, tmp_path, "--processes", "2", *UWSGI[kind]) as server:
        url = uwsgis_url(server, 2)
        assert relay.journal.total == 0
        answers = at_once(relay, lambda: post(url), 2) + at_once(relay, lambda: post(url), 2)
        assert (relay.connections, len({answer["pid"] for answer in answers})) == (2, 2)
        check_each_process_has_a_connection_of_its_own(relay, answers)
        output = server.terminate()
        assert ("RuntimeWarning: uWSGI runs without threads" in output) is (kind == "older, default")
        assert "Traceback" not in output


@pytest.mark.parametrize("kind", ["default", "older, threads", "older, default"])
def test_between_two_requests_the_connection_lives_only_where_uwsgi_has_threads(
    relay: Emulator, tmp_path: Path, kind: str
) -> None:
    with uwsgi(relay, tmp_path, *UWSGI[kind]) as server:
        url = uwsgis_url(server, 1)
        at_once(relay, lambda: post(url), 1)
        assert relay.ping() == 1
        ping = make_words().ping
        sent = [frame for frame in relay.journal.frames if frame.direction == "sent" and frame.method == ping]
        assert sent[-1].body

        def answered(relay: Emulator, ident: object = sent[-1].body["id"]) -> bool:
            received = [frame.body for frame in relay.journal.frames if frame.direction == "received"]
            return any(body and body["id"] == ident and "result" in body for body in received)

        if kind == "older, default":
            with pytest.raises(TimeoutError):
                relay.wait_for(answered, timeout=1)
            at_once(relay, lambda: post(url), 1)
        relay.wait_for(answered, timeout=LIMIT)


@pytest.mark.parametrize("kind", ["fork hooks", "older, fork hooks"])
def test_uwsgi_that_forks_with_care_while_its_master_plays_leaves_that_play_alone(
    relay: Emulator, tmp_path: Path, kind: str
) -> None:
    with uwsgi(relay, tmp_path, "--processes", "2", *UWSGI[kind], PARENT_PLAYS="1") as server:
        url = uwsgis_url(server, 2)
        answers = at_once(relay, lambda: post(url), 2)
        os.kill(answers[0]["pid"], signal.SIGKILL)  # another is forked in its place, from a master in full swing
        server.says(r"^Respawned uWSGI worker \d")
        answers += at_once(relay, lambda: post(url), 2)
        assert (relay.connections, len({answer["pid"] for answer in answers})) == (3, 3)
        check_each_process_has_a_connection_of_its_own(relay, answers)
        check_the_parents_play_is_untouched(relay, server, answers)
        relay.clock.advance(30)
        assert server.says(r"the parent's play: (.*)$") == [f"{server.process.pid} True"]
        output = server.terminate()
        assert "Warning" not in output
        assert "Traceback" not in output


@in_one("the warning is given before anything is sent")
@pytest.mark.parametrize("kind", ["default", "hooks", "older, threads"])
def test_a_client_that_connects_in_uwsgis_master_warns_of_the_forks_to_come(
    relay: Emulator, tmp_path: Path, kind: str
) -> None:
    with uwsgi(relay, tmp_path, *UWSGI[kind], PARENT_PLAYS="1") as server:
        server.says(r"work\.py:\d+: RuntimeWarning: .* --py-call-uwsgi-fork-hooks")


def test_a_client_that_connects_as_the_workers_load_the_application_warns_of_nothing(
    relay: Emulator, tmp_path: Path
) -> None:
    with uwsgi(relay, tmp_path, "--processes", "2", *UWSGI["lazy"], PARENT_PLAYS="1") as server:
        assert len(set(server.says(r"the parent plays: (.*)$", 2))) == 2
        # Not ended by a signal: a worker that is still loading takes none, and uWSGI gives it a minute.
        assert "Warning" not in server.output


@in_one("no client of ours is in the program")
@pytest.mark.parametrize("older", [[], ["older"]], ids=["", "older"])
@pytest.mark.parametrize("hooks", [[], ["--py-call-osafterfork"], ["--py-call-uwsgi-fork-hooks"]])
def test_workers_forked_while_any_thread_of_the_masters_computes_start_only_with_uwsgis_fork_hooks(
    relay: Emulator, tmp_path: Path, hooks: list[str], older: list[str]
) -> None:
    """What the warning is for is uWSGI's own: there is no client of ours in this program.

    With ``--cheap`` the master forks at the first request, which is sent once the thread is in the middle of its work.
    """
    options = ["--cheap", "--enable-threads", "--processes", "2", *hooks, *older]
    with uwsgi(relay, tmp_path, *options, module="busy_master") as server:
        server.says("spawned uWSGI master process")
        (address,) = server.says(r"bound to TCP address (127\.0\.0\.1:\d+)")
        until(lambda: (tmp_path / "computing").read_bytes() == b"1", "that the thread computes", LIMIT)
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), LIMIT) as request:
            request.sendall(b"G")  # a connection alone does not wake the master
            server.says(r"^spawned uWSGI worker \d", 2)
            if hooks == ["--py-call-uwsgi-fork-hooks"]:
                assert sorted(server.says(r"this worker runs Python: (\d)", 2)) == ["1", "2"]
            else:
                with pytest.raises(AssertionError, match="did not come true"):
                    server.says("this worker runs Python", limit=1)
