"""The settings of Flask and Django: after the arguments, before the environment, and without importing either."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from relay_sync import Client, ConfigurationError, Task
from relay_sync.config import Config, resolve

VARIABLES = {
    "SIGNALWIRE_PROJECT_ID": "env-project",
    "SIGNALWIRE_API_TOKEN": "env-token",
    "SIGNALWIRE_RELAY_HOST": "env.example.com",
    "SIGNALWIRE_SPACE": "envspace",
    "SIGNALWIRE_RELAY_CA_FILE": "env.pem",
    "HTTPS_PROXY": "http://env-proxy:1",
}


class Frameworks:
    """Stands for whichever framework is there: flask 3 and django 5 were looked at for what they offer here."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def flask(self, config: Mapping[str, Any], *, active: bool = True) -> None:
        module = ModuleType("flask")
        vars(module).update(has_app_context=lambda: active, current_app=SimpleNamespace(config=config))
        self._patch.setitem(sys.modules, "flask", module)

    def django(self, value: object, *, configured: bool = True) -> None:
        module = ModuleType("django.conf")
        vars(module).update(settings=SimpleNamespace(configured=configured, RELAY_SYNC=value))
        self._patch.setitem(sys.modules, "django.conf", module)

    def set(self, kind: str, values: Mapping[str, Any]) -> None:
        if kind == "flask":
            self.flask({f"RELAY_SYNC_{name}": value for name, value in values.items()})
        else:
            self.django({"default": values, "other": {}} if kind == "django alias" else values)


@pytest.fixture
def frameworks(monkeypatch: pytest.MonkeyPatch) -> Frameworks:
    for name in ("flask", "django.conf"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Frameworks(monkeypatch)


KINDS = ["flask", "django", "django alias"]
SET = {
    "PROJECT": "set-project",
    "TOKEN": "set-token",
    "HOST": "set.example.com",
    "SPACE": "setspace",
    "CA_FILE": Path("set.pem"),
    "PROXY": "http://set-proxy:2",
}


def resolved(**more: Any) -> Config:
    return resolve(environ=VARIABLES, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_goes_before_the_environment_and_an_argument_before_both(frameworks: Frameworks, kind: str) -> None:
    frameworks.set(kind, SET)
    found = resolved()
    assert (found.project, found.token, found.url) == ("set-project", "set-token", "wss://set.example.com")
    assert (found.ca_file, str(found.proxy)) == ("set.pem", "http://set-proxy:2")
    given = resolved(project="p", token="t", host="h.example.com", ca_file="a.pem", proxy=False)
    assert (given.project, given.token, given.url, given.ca_file, given.proxy) == (
        "p",
        "t",
        "wss://h.example.com",
        "a.pem",
        None,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "arguments", "url"),
    [
        ({"SPACE": "setspace"}, {}, "wss://setspace.signalwire.com"),
        ({"SPACE": "setspace", "HOST": ""}, {}, "wss://setspace.signalwire.com"),
        ({"SPACE": "setspace"}, {"host": "h.example.com"}, "wss://h.example.com"),
        ({"HOST": "ws://127.0.0.1:9"}, {"space": "argspace"}, "ws://127.0.0.1:9"),
        ({"PROJECT": "p"}, {}, "wss://env.example.com"),
    ],
)
def test_a_space_that_is_set_beats_a_host_of_the_environment(
    frameworks: Frameworks, kind: str, settings: dict[str, str], arguments: dict[str, str], url: str
) -> None:
    frameworks.set(kind, settings)
    assert resolved(**arguments).url == url


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_set_or_empty_comes_from_the_environment(frameworks: Frameworks, kind: str) -> None:
    frameworks.set(kind, {"PROJECT": "", "TOKEN": None})
    found = resolved()
    assert (found.project, found.token, found.url) == ("env-project", "env-token", "wss://env.example.com")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SET)
def test_a_setting_that_is_no_text_is_named_and_not_shown(frameworks: Frameworks, kind: str, name: str) -> None:
    frameworks.set(kind, {"PROJECT": "p", "TOKEN": "t", name: ["canary"]})
    with pytest.raises(ConfigurationError, match=rf'RELAY_SYNC.*{name}"\] is of type list') as caught:
        resolved()
    assert "canary" not in str(caught.value)


def test_a_setting_that_is_no_address_is_named(frameworks: Frameworks) -> None:
    frameworks.set("django", {"HOST": "no address"})
    with pytest.raises(ConfigurationError, match=r'settings.RELAY_SYNC\["HOST"\] is not the address of a server'):
        resolved()
    frameworks.set("django", {"PROXY": "socks5://ann:canary@p:1"})
    with pytest.raises(ConfigurationError, match=r'settings.RELAY_SYNC\["PROXY"\] names a proxy of the kind') as caught:
        resolved()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", ["text", 1, [("PROJECT", "p")]])
def test_django_settings_that_are_no_dict_are_refused(frameworks: Frameworks, value: object) -> None:
    frameworks.django(value)
    with pytest.raises(ConfigurationError, match=r"settings.RELAY_SYNC is of type"):
        resolved()


def test_outside_an_application_and_before_settings_are_read_the_environment_is_meant(frameworks: Frameworks) -> None:
    frameworks.flask({"RELAY_SYNC_PROJECT": "set"}, active=False)
    frameworks.django({"PROJECT": "set"}, configured=False)
    assert resolved().project == "env-project"
    frameworks.django(None)
    assert resolved().project == "env-project"


def test_client_and_task_are_configured_by_them(frameworks: Frameworks) -> None:
    frameworks.set("flask", SET)
    assert (Client().project, Client().host) == ("set-project", "wss://set.example.com")
    assert (Task().project, Task().host) == ("set-project", "https://set.example.com")


def test_neither_framework_is_imported_nor_half_of_one_a_problem(frameworks: Frameworks) -> None:
    sys.modules["flask"] = ModuleType("flask")  # as while it is being imported
    sys.modules["django.conf"] = ModuleType("django.conf")
    try:
        assert resolved().project == "env-project"
    finally:
        del sys.modules["flask"], sys.modules["django.conf"]
    program = "import sys, relay_sync; relay_sync.Client('p', 't'); assert not {'flask', 'django'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_a_real_flask_application(monkeypatch: pytest.MonkeyPatch) -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("app")
    app.config.update({f"RELAY_SYNC_{name}": value for name, value in SET.items()})
    with app.app_context():
        assert resolved().project == "set-project"
    assert resolved().project == "env-project"


def test_a_real_django_project() -> None:
    pytest.importorskip("django")
    program = (
        "from django.conf import settings\n"
        "settings.configure(RELAY_SYNC={'default': {'PROJECT': 'p', 'TOKEN': 't'}})\n"
        "from relay_sync import Client; assert Client().project == 'p'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
