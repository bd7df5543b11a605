from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from relay_sync import config as config_module
from relay_sync.config import Config, resolve
from relay_sync.errors import ConfigurationError

CANARY = "PTcanary-7f3a"
GIVEN = {"project": "p", "token": "t"}


@pytest.fixture(autouse=True)
def nothing_warned_of_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_module, "_warned", set())


def config(environ: Mapping[str, str] | None = None, **arguments: Any) -> Config:
    return resolve(**{**GIVEN, **arguments}, environ=environ or {})


# Where a value comes from


def test_arguments_come_before_the_environment() -> None:
    environ = {
        "SIGNALWIRE_PROJECT_ID": "other",
        "SIGNALWIRE_API_TOKEN": "other",
        "SIGNALWIRE_RELAY_HOST": "other.example.com",
        "SIGNALWIRE_RELAY_CA_FILE": "/other.pem",
    }
    found = config(environ, host="mine.example.com", ca_file="/mine.pem")
    assert found == Config("p", "t", "wss://mine.example.com", "/mine.pem")


def test_what_is_not_given_comes_from_the_environment() -> None:
    environ = {
        "SIGNALWIRE_PROJECT_ID": "p",
        "SIGNALWIRE_API_TOKEN": "t",
        "SIGNALWIRE_SPACE": "example",
        "SIGNALWIRE_RELAY_CA_FILE": "/ca.pem",
    }
    assert resolve(environ=environ) == Config("p", "t", "wss://example.signalwire.com", "/ca.pem")


def test_without_a_mapping_the_process_environment_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SIGNALWIRE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "p")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "t")
    assert resolve() == Config("p", "t", "wss://relay.signalwire.com", None)


OLDER = [
    ("SIGNALWIRE_PROJECT_KEY", "SIGNALWIRE_PROJECT_ID", "project"),
    ("SIGNALWIRE_TOKEN", "SIGNALWIRE_API_TOKEN", "token"),
    ("SIGNALWIRE_SPACE_URL", "SIGNALWIRE_SPACE", "url"),
    ("SIGNALWIRE_HOST", "SIGNALWIRE_RELAY_HOST", "url"),
]
CURRENT = {
    "SIGNALWIRE_PROJECT_ID": "p",
    "SIGNALWIRE_API_TOKEN": "t",
}


@pytest.mark.parametrize(("older", "current", "attribute"), OLDER)
def test_an_older_name_works_and_warns_once_with_the_current_one(older: str, current: str, attribute: str) -> None:
    environ = {**CURRENT, older: "old.example.com"}
    environ.pop(current, None)
    with pytest.warns(DeprecationWarning, match=f"{older}.*{current}") as told:
        found = resolve(environ=environ)
    assert "old.example.com" in getattr(found, attribute)
    assert "old.example.com" not in str(told[0].message)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve(environ=environ) == found


@pytest.mark.parametrize(("older", "current", "attribute"), OLDER)
def test_the_current_name_beats_the_older_one_in_silence(older: str, current: str, attribute: str) -> None:
    environ = {**CURRENT, older: "old.example.com", current: "new.example.com"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "new.example.com" in getattr(resolve(environ=environ), attribute)


def test_two_older_names_warn_once_each() -> None:
    environ = {"SIGNALWIRE_PROJECT_KEY": "p", "SIGNALWIRE_TOKEN": "t"}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        resolve(environ=environ)
        resolve(environ=environ)
    assert len(told) == 2


def test_a_script_is_shown_the_warning_at_its_own_line(tmp_path: Path) -> None:
    """Python shows a DeprecationWarning only where it points at the program itself."""
    script = tmp_path / "script.py"
    script.write_text("from relay_sync.config import resolve\n\nresolve(project='p')\n")
    environ = {**os.environ, "SIGNALWIRE_TOKEN": CANARY, "PYTHONPATH": str(Path(__file__).parent.parent)}
    environ.pop("SIGNALWIRE_API_TOKEN", None)
    environ.pop("PYTHONWARNINGS", None)
    ran = subprocess.run([sys.executable, script], env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "script.py:3: DeprecationWarning: SIGNALWIRE_TOKEN" in ran.stderr
    assert CANARY not in ran.stderr


def test_a_variable_that_is_empty_counts_as_missing() -> None:
    with pytest.raises(ConfigurationError, match="no project"):
        resolve(token="t", environ={"SIGNALWIRE_PROJECT_ID": ""})
    empty = {"SIGNALWIRE_RELAY_HOST": "", "SIGNALWIRE_SPACE": "", "SIGNALWIRE_RELAY_CA_FILE": ""}
    assert config(empty) == Config("p", "t", "wss://relay.signalwire.com", None)
    with pytest.warns(DeprecationWarning, match="SIGNALWIRE_PROJECT_KEY"):
        assert resolve(token="t", environ={"SIGNALWIRE_PROJECT_ID": "", "SIGNALWIRE_PROJECT_KEY": "k"}).project == "k"


@pytest.mark.parametrize("value", [" ", "x", "with blank ", "ünï", "\n", "a" * 10_000])
def test_project_and_token_are_taken_as_they_are(value: str) -> None:
    found = config(project=value, token=value)
    assert (found.project, found.token) == (value, value)
    environ = {"SIGNALWIRE_PROJECT_ID": value, "SIGNALWIRE_API_TOKEN": value}
    found = resolve(environ=environ)
    assert (found.project, found.token) == (value, value)


def test_a_ca_file_may_be_a_path() -> None:
    assert config(ca_file=Path("/some/ca.pem")).ca_file == "/some/ca.pem"


# Which host


def test_the_hosts_precedence() -> None:
    everything = {"SIGNALWIRE_RELAY_HOST": "variable.example.com", "SIGNALWIRE_SPACE": "variable-space"}
    space = {"SIGNALWIRE_SPACE": "variable-space"}
    assert config(everything, host="h.example.com", space="argument-space").url == "wss://h.example.com"
    assert config(everything, space="argument-space").url == "wss://variable.example.com"
    assert config(space, space="argument-space").url == "wss://argument-space.signalwire.com"
    assert config(space).url == "wss://variable-space.signalwire.com"
    assert config({}).url == "wss://relay.signalwire.com"


SHAPES = [
    ("example", "wss://example.signalwire.com"),
    ("my-space-2", "wss://my-space-2.signalwire.com"),
    ("Example", "wss://example.signalwire.com"),
    ("example/", "wss://example.signalwire.com"),
    ("  example\n", "wss://example.signalwire.com"),
    ("example.signalwire.com", "wss://example.signalwire.com"),
    ("example.signalwire.com/", "wss://example.signalwire.com"),
    ("relay.example.org", "wss://relay.example.org"),
    ("https://example.signalwire.com", "wss://example.signalwire.com"),
    ("https://example.signalwire.com/", "wss://example.signalwire.com"),
    ("https://example.signalwire.com/api/relay/rest?x=1", "wss://example.signalwire.com"),
    ("HTTPS://Example.SignalWire.com/", "wss://example.signalwire.com"),
    ("https://example.signalwire.com:8443/", "wss://example.signalwire.com:8443"),
    ("wss://relay.signalwire.com", "wss://relay.signalwire.com"),
    ("wss://relay.signalwire.com/", "wss://relay.signalwire.com"),
    ("wss://relay.signalwire.com:443/some/path?x=1#y", "wss://relay.signalwire.com:443/some/path?x=1"),
    ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080"),
    ("ws://127.0.0.1:8080/", "ws://127.0.0.1:8080"),
    ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080"),
    ("http://localhost", "ws://localhost"),
    ("ws://emulator:8080", "ws://emulator:8080"),
    ("127.0.0.1:8080", "wss://127.0.0.1:8080"),
    ("127.0.0.1", "wss://127.0.0.1"),
    ("localhost", "wss://localhost"),
    ("LOCALHOST", "wss://localhost"),
    ("localhost:8080", "wss://localhost:8080"),
    ("emulator:8080", "wss://emulator:8080"),
    ("::1", "wss://[::1]"),
    ("[::1]:8080", "wss://[::1]:8080"),
    ("ws://[::1]:8080", "ws://[::1]:8080"),
]


@pytest.mark.parametrize(("given", "url"), SHAPES)
def test_every_shape_of_a_host_is_understood_wherever_it_is_given(given: str, url: str) -> None:
    assert config(host=given).url == url
    assert config(space=given).url == url
    assert config({"SIGNALWIRE_RELAY_HOST": given}).url == url
    assert config({"SIGNALWIRE_SPACE": given}).url == url


@pytest.mark.parametrize(
    "value",
    [
        "exam ple",
        "exam\nple",
        "ftp://example.com",
        "https://",
        "https:///path",
        "ws://:8080",
        "example.com:port",
        "example.com:99999999",
        "://",
        "a..b",
        ".",
        "wh$t",
        "wss://exa$mple.com",
        "[::1",
        "   ",
        "-" + CANARY + "@@",
    ],
)
def test_what_is_no_address_is_refused_with_its_source_and_the_shapes_there_are(value: str) -> None:
    for argument in ("host", "space"):
        with pytest.raises(ConfigurationError, match=f"^{argument}= ") as refused:
            config({}, **{argument: value})
        assert CANARY not in str(refused.value)
    with pytest.raises(ConfigurationError, match="SIGNALWIRE_RELAY_HOST"):
        config({"SIGNALWIRE_RELAY_HOST": value})


@pytest.mark.parametrize(
    "value", [f"wss://user:{CANARY}@example.com", f"{CANARY}@example.com", f"https://{CANARY}@x.y"]
)
def test_credentials_in_an_address_are_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ConfigurationError, match="user name or password") as refused:
        config(host=value)
    assert CANARY not in str(refused.value)


# What cannot be


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("project", ("SIGNALWIRE_PROJECT_ID", "SIGNALWIRE_PROJECT_KEY")),
        ("token", ("SIGNALWIRE_API_TOKEN", "SIGNALWIRE_TOKEN")),
    ],
)
def test_what_is_missing_is_named_with_every_variable_that_was_looked_for(
    argument: str, names: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        config(**{argument: None})
    for part in (f"{argument}=", *names):
        assert part in str(refused.value)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("argument", ["project", "token", "host", "space", "ca_file"])
@pytest.mark.parametrize("value", ["", 5, b"bytes", ["list"], True, 0, b""])
def test_an_argument_that_is_empty_or_no_text_is_refused_even_if_a_variable_is_set(
    argument: str, value: object
) -> None:
    environ = {
        "SIGNALWIRE_PROJECT_ID": "p",
        "SIGNALWIRE_API_TOKEN": "t",
        "SIGNALWIRE_RELAY_HOST": "h.example.com",
        "SIGNALWIRE_RELAY_CA_FILE": "/ca.pem",
    }
    # A space is not looked at where a host is known.
    if argument == "space":
        environ.pop("SIGNALWIRE_RELAY_HOST")
    with pytest.raises(ConfigurationError, match=f"^{argument}= is ") as refused:
        config(environ, **{argument: value})
    assert "bytes'" not in str(refused.value)


def test_no_message_contains_a_credential() -> None:
    for arguments in (
        {"project": CANARY, "token": ""},
        {"project": CANARY, "token": None},
        {"project": [CANARY], "token": CANARY},
        {"project": CANARY, "token": CANARY.encode()},
        {"project": CANARY, "token": CANARY, "host": "no address"},
    ):
        with pytest.raises(ConfigurationError) as refused:
            resolve(**arguments, environ={})
        assert CANARY not in repr(refused.value)
        assert refused.value.__cause__ is None


def test_the_repr_shows_no_credential() -> None:
    found = config(project=CANARY, token=CANARY)
    assert CANARY not in repr(found)
    assert CANARY not in str(found)
    assert "wss://relay.signalwire.com" in repr(found)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        config().token = "other"  # type: ignore[misc]


# Credentials


def test_a_jwt_makes_project_and_token_unnecessary() -> None:
    found = resolve(jwt_token="j", environ={})
    assert (found.project, found.token, found.jwt_token) == ("", "", "j")
    assert resolve(environ={"SIGNALWIRE_JWT_TOKEN": "j"}) == found
    assert resolve(project="p", environ={"SIGNALWIRE_JWT_TOKEN": "j"}).project == "p"


def test_a_token_given_as_an_argument_goes_before_a_jwt_of_the_environment() -> None:
    environ = {"SIGNALWIRE_JWT_TOKEN": "j", "SIGNALWIRE_PROJECT_ID": "p"}
    assert resolve(token="t", environ=environ).jwt_token is None
    assert resolve(environ={**environ, "SIGNALWIRE_API_TOKEN": "t"}).jwt_token == "j"


def test_a_token_and_a_jwt_are_one_too_many() -> None:
    with pytest.raises(ConfigurationError, match="jwt_token= and token= were both given"):
        resolve(project="p", token=CANARY, jwt_token=CANARY, environ={})


@pytest.mark.parametrize("wrong", ["", 5, b"j"])
def test_a_jwt_that_is_no_text_is_refused_and_no_jwt_is_shown(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="jwt_token= is"):
        resolve(jwt_token=wrong, environ={})
    assert CANARY not in repr(resolve(jwt_token=CANARY, environ={}))


def test_without_any_credential_a_jwt_is_named_as_a_way_out() -> None:
    with pytest.raises(ConfigurationError, match="or authenticate with jwt_token= or SIGNALWIRE_JWT_TOKEN"):
        resolve(environ={})
