"""Say in JSON what signalwire 2.1.1 has below ``signalwire.relay``; run by ../test_public_names.py.

``{"classes": {"module.Class": {name: what}}, "functions": ["module.name"], "events": [...], "client_events": [...],
"options": [...]}``, where ``what`` is the signature of a method as Python writes it, and None for a property or an
attribute. An inherited name is one of each class that has it. What ``__init__`` alone sets is found by reading it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import textwrap

import signalwire.relay
from signalwire.relay import calling
from signalwire.relay import constants as relay_constants
from signalwire.relay.calling import constants, helpers


def modules():
    """Every module below signalwire.relay, itself included."""
    yield signalwire.relay
    for found in pkgutil.walk_packages(signalwire.relay.__path__, "signalwire.relay."):
        yield importlib.import_module(found.name)


def attributes(kind):
    """The names that ``__init__`` sets on self, those of the bases first."""
    for base in reversed(kind.__mro__):
        if "__init__" in vars(base) and base.__module__.startswith("signalwire."):
            for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(base.__init__)))):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.value.id == "self":
                    yield node.attr


class Named:
    """Stands for a class that is a default, and reads as its name."""

    def __init__(self, kind):
        self.kind = kind

    def __repr__(self):
        return self.kind.__name__


def signature(function):
    """``(url, volume=0)``: without self and annotations."""
    parameters = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        default = parameter.default
        named = Named(default) if inspect.isclass(default) and default is not parameter.empty else default
        parameters.append(parameter.replace(annotation=parameter.empty, default=named))
    return str(inspect.Signature(parameters))


def members(kind):
    """Every public name of a class, and of ``__init__`` the signature under the name ''."""
    names = {"": signature(kind.__init__)} if "__init__" in dir(kind) and kind.__init__ is not object.__init__ else {}
    for name in dir(kind):
        value = inspect.getattr_static(kind, name)
        if not name.startswith("_"):
            names[name] = signature(value) if inspect.isfunction(value) else None
    names.update({name: None for name in attributes(kind) if not name.startswith("_")})
    return names


def events():
    """The names that call.on() knows: ``suffix="name"`` as it stands, ``suffix=f"prefix.{state}"`` with each state."""
    states = {
        "connect": constants.ConnectState,
        "play": constants.CallPlayState,
        "record": constants.CallRecordState,
        "fax": constants.CallFaxState,
        "sendDigits": constants.CallSendDigitsState,
        "tap": constants.CallTapState,
    }
    found = {*constants.CallState.ALL, "stateChange", "detect.error", "detect.finished"}
    for node in ast.walk(ast.parse(inspect.getsource(calling))):
        if not isinstance(node, ast.keyword) or node.arg != "suffix":
            continue
        if isinstance(node.value, ast.Constant):
            found.add(node.value.value)
        elif isinstance(node.value, ast.JoinedStr):
            prefix = node.value.values[0].value.rstrip(".")
            if prefix == "detect":
                found.add("detect.update")
            else:
                found.update(f"{prefix}.{value}" for key, value in vars(states[prefix]).items() if key.isupper())
    return sorted(found)


def options():
    """What the prompts look up by name in their ``**kwargs``."""
    found = {"volume"}
    for helper in (helpers.prepare_collect_params, helpers.prepare_prompt_media_list):
        for node in ast.walk(ast.parse(inspect.getsource(helper))):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
                found.add(node.left.value)
            elif isinstance(node, ast.For):
                found.update(ast.literal_eval(node.iter))
    return sorted(found)


def client_events():
    """The names that client.on() knows."""
    sockets = [value for name, value in vars(relay_constants.WebSocketEvents).items() if name.isupper()]
    return sorted([relay_constants.Constants.READY, *sockets])


classes, functions = {}, []
for module in modules():
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ or name.startswith("_"):
            continue
        if inspect.isclass(value):
            classes[f"{module.__name__}.{name}"] = members(value)
        elif inspect.isfunction(value):
            functions.append(f"{module.__name__}.{name}")
found = {"classes": classes, "functions": functions, "events": events(), "client_events": client_events()}
print(json.dumps({**found, "options": options()}, indent=1))
