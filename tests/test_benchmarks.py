"""The parts of the benchmarks that can be wrong without anybody's noticing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import picture, report, responder
from benchmarks.groups import GROUPS, Figure
from benchmarks.peers import FLOORS, OURS, OURS_PLAIN, SDK
from benchmarks.programs import Program

ROOT = Path(__file__).parents[1]


def figure() -> Figure:
    made = Figure("1 group", "p50", "µs")
    for ours, plain, theirs, floor in (
        (100.0, 50.0, 200.0, 40.0),
        (300.0, 60.0, 300.0, 60.0),
        (90.0, 55.0, 180.0, 50.0),
    ):
        made.add(OURS.name, ours)
        made.add(OURS_PLAIN.name, plain)
        made.add(SDK.name, theirs)
        made.add(FLOORS[2].name, floor)
    return made


def test_a_figure_is_a_median_and_its_ratio_is_made_within_a_round() -> None:
    assert figure().medians[OURS.name] == 100.0
    assert figure().ratios == {SDK.name: 0.5, FLOORS[2].name: pytest.approx(1.1)}


def test_the_table_has_every_contestant_and_the_json_every_round() -> None:
    text = report.table([figure()])
    assert "| p50 (µs) | 100 | 55.0 | 200 (0.50) | 50.0 (1.10) |" in text
    told = json.loads(json.dumps(figure().as_json()))
    assert told["rounds"][SDK.name] == [200.0, 300.0, 180.0]


@pytest.mark.parametrize(
    "drawn",
    [
        picture.costs({"relay_sync": {1: 10.0, 100: 11.0, 10_000: 12.0}, "<another>": {1: 30.0, 10_000: 90.0}}),
        picture.latencies({"relay_sync": [[[0.01, 50.0], [0.5, 90.0], [0.99, 300.0]]] * 5}),
    ],
    ids=["costs", "latencies"],
)
def test_a_picture_is_xml_with_a_line_for_each(drawn: str) -> None:
    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert root.findall(".//{*}polyline")


def test_the_responder_reads_what_a_client_sends_in_whatever_spelling() -> None:
    assert responder.unmask(bytes(a ^ b for a, b in zip(b"pause", b"abcda", strict=True)), b"abcd") == b"pause"
    for text in (b'{"id":"x-1","method":"calling.play"}', b'{"method": "calling.play", "id": "x-1"}'):
        found = responder.ID.search(text)
        assert found is not None
        assert found[1] == b"x-1"
        assert responder.METHOD.findall(text) == [b"calling.play"]


def test_every_group_is_described() -> None:
    assert [(function.__doc__ or "")[0] for function in GROUPS.values()] == list("1234567")


def test_our_program_measures_all_it_is_asked_for() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "responder.py"), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as far:
        try:
            assert far.stdout is not None
            port = far.stdout.readline().strip()
            ours = Program(OURS_PLAIN, [*OURS_PLAIN.command(ROOT), port, "-"])
            try:
                assert ours.ask("start")["ready_ms"] > 0
                assert ours.ask("scale", calls=3)["threads"] == 2
                assert ours.ask("play", calls=3)["memory"] > 0
                assert ours.ask("round_trip", count=5)["p50"] > 0
                assert ours.ask("together", count=10, workers=3)["per_second"] > 0
                assert ours.ask("pipeline", count=10, in_flight=4)["per_second"] > 0
                assert ours.ask("events", calls=3, count=10)["us"] > 0
                assert ours.ask("handler", count=3)["p99"] > 0
                assert ours.ask("idle", seconds=0.01)["percent"] >= 0
            finally:
                ours.close()
        finally:
            far.kill()
