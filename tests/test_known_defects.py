"""The 111 defects of the official clients (api.md 16), and where it is proved that ours has none of them.

   1  calling/test_play  pause_and_resume_are_true_when_they_return_and_the_play_goes_on_to_its_end
   3  calling/test_play_order  the_call_s_end_fails_its_plays_with_the_ended_event
   4  calling/test_play  a_media_list_is_not_changed_and_can_be_used_twice
   5  calling/test_play  a_media_list_is_not_changed_and_can_be_used_twice
   6  calling/test_bad_input  media_that_is_none_is_refused_and_never_dropped
  18  calling/test_end  answer_is_no_success_when_the_call_ended_instead
  19  calling/test_end  answering_an_answered_call_is_successful_at_once_and_sends_nothing
  20  calling/test_play  each_verb_sends_its_own_method_and_the_three_ids
  21  calling/test_call  handlers_of_events_of_an_operation_that_is_not_ours_run_too
  22  calling/test_call  busy_and_failed_tell_why_it_ended
  23  calling/test_call  busy_and_failed_tell_why_it_ended
  25  calling/test_play  each_method_and_its_async_twin_send_their_media
  26  calling/test_call  busy_and_failed_are_right_in_the_handlers_of_the_end
  27  calling/test_result  every_result_is_a_frozen_value_with_slots
  28  calling/test_connect  both_calls_know_each_other_whichever_event_comes_first
  29  calling/test_result  raise_for_status_raises_what_happened
  32  calling/test_bad_input  a_volume_that_is_no_finite_number_from_minus_40_to_40_is_refused
  33  calling/test_play  the_end_of_the_call_ends_its_plays
  34  calling/test_play_order  an_empty_answer_is_not_taken_for_an_end
  35  calling/test_play_order  only_finished_is_success
  36  calling/test_call  a_call_that_was_not_dialled_shows_what_it_was_made_with
  37  calling/test_call  waiting_for_the_answer_of_a_call_that_is_never_answered_is_false
  38  calling/test_call  two_waiters_on_one_state_of_a_call_both_wake
  39  calling/test_play_order  play_with_a_limit_for_all_of_it_names_that_limit_and_lets_the_play_go_on
  40  calling/test_call  waiting_for_the_answer_of_a_call_that_is_never_answered_is_false
  41  calling/test_call  a_wait_that_timed_out_leaves_the_next_one_alone
  42  calling/test_call  a_wait_that_timed_out_leaves_the_next_one_alone
  43  calling/test_dial  events_of_a_dialled_call_find_it_by_its_tag_and_then_by_its_id
  44  calling/test_play_order  ended_plays_are_kept_by_nobody
  45  calling/test_dial  a_refused_dial_has_relay_s_code_and_message
  46  calling/test_call  a_call_that_was_not_dialled_shows_what_it_was_made_with
  47  calling/test_call  a_sip_device_is_kept_as_it_was_received
  48  calling/test_call  an_event_about_no_call_of_ours_is_dropped
  49  calling/test_call  handlers_of_one_event_run_in_the_order_they_were_added_and_each_once
  50  calling/test_call  off_removes_one_handler_or_all_of_an_event
  51  calling/test_call  handlers_of_events_of_an_operation_that_is_not_ours_run_too
  52  calling/test_dial  events_of_a_dialled_call_find_it_by_its_tag_and_then_by_its_id
  53  calling/test_inbound  each_call_goes_to_the_handler_of_its_context_only
  54  calling/test_dial  events_of_a_dialled_call_find_it_by_its_tag_and_then_by_its_id
  55  calling/test_dial  the_dial_s_answer_may_come_after_its_events
  56  calling/test_inbound  the_context_of_a_call_is_the_event_s
  57  calling/test_dial  a_dial_that_times_out_hangs_up_its_leg_when_it_shows_up
  58  calling/test_inbound  a_call_for_a_context_that_nobody_handles_is_passed_back_loudly
  59  calling/test_dial  the_dial_event_may_come_before_the_answered_state
  60  calling/test_play_order  a_command_in_flight_when_the_connection_breaks_raises_that_its_fate_is_unknown
  61  calling/test_play_order  a_start_without_an_answer_raises_with_the_ids_and_leaves_nothing
  62  calling/test_play_order  a_refusal_without_a_message_is_a_refusal
  63  calling/test_play_order  a_code_of_2xx_as_number_is_success_too
  64  calling/test_dial  a_refused_dial_has_relay_s_code_and_message
  65  calling/test_session_loss  one_slow_answer_fails_that_command_and_not_the_connection
  66  calling/test_call  a_handler_that_raises_is_logged_and_stops_no_other
  67  test_client  a_command_while_reconnecting_waits_for_ready_and_is_sent_once
  68  test_client  a_command_while_reconnecting_waits_for_ready_and_is_sent_once
  69  test_client  a_command_while_reconnecting_waits_for_ready_and_is_sent_once
  70  test_known_defects  what_one_thread_gave_while_disconnected_goes_out_in_that_order
  71  test_client  a_command_while_reconnecting_waits_for_ready_and_is_sent_once
  72  calling/test_session_loss  one_slow_answer_fails_that_command_and_not_the_connection
  73  calling/test_session_loss  calls_and_plays_survive_a_restored_session
  74  calling/test_inbound  contexts_are_registered_again_after_a_reconnect_and_after_a_new_connect
  75  calling/test_inbound  contexts_are_registered_again_after_a_reconnect_and_after_a_new_connect
  76  calling/test_inbound  contexts_are_registered_again_after_a_reconnect_and_after_a_new_connect
  77  calling/test_inbound  contexts_are_registered_again_after_a_reconnect_and_after_a_new_connect
  78  calling/test_inbound  a_refused_context_is_reported_and_forgotten
  79  calling/test_call  the_session_s_end_wakes_even_who_waits_for_a_call_that_is_not_dialled
  80  test_client  wrong_credentials_are_told_at_once_and_never_retried
  81  test_client  wrong_credentials_are_told_at_once_and_never_retried
  82  test_known_defects  each_attempt_to_reconnect_waits_for_a_longer_random_time_until_relay_says_ready
  83  test_client  a_port_that_nobody_listens_on_is_told_with_host_and_port
  84  test_client  relay_may_ask_to_reconnect_and_calls_live_on
  85  test_client  pings_of_relay_are_answered_with_their_timestamp
  86  test_client  pings_of_relay_are_answered_with_their_timestamp
  87  test_client  a_silent_relay_is_found_and_replaced
  88  test_client  a_silent_relay_is_found_and_replaced
  89  test_manners  importing_and_constructing_start_no_thread_and_open_no_socket
  90  test_client  several_clients_at_once_keep_apart
  92  calling/test_call  handlers_may_block_and_use_the_call
  93  calling/test_call  handlers_may_block_and_use_the_call
  94  test_known_defects  the_time_of_an_event_is_read_from_the_outer_level
  95  test_client  the_handshake_says_what_protocol_and_version_are_spoken
  96  test_manners  importing_constructing_and_using_touch_nothing_of_the_process
  97  test_manners  importing_constructing_and_using_touch_nothing_of_the_process
  98  test_client  ctrl_c_ends_run_and_disconnects_without_a_traceback
  99  test_client  a_client_works_inside_a_running_event_loop
 100  test_client  a_client_works_inside_a_running_event_loop
 101  test_known_defects  no_default_argument_can_be_changed_by_a_call
 102  test_client  handlers_of_the_client_can_be_removed_one_by_one
 103  calling/test_call  handlers_are_dropped_when_the_call_is_over
 104  calling/test_call  a_handler_that_removes_itself_skips_no_other
 105  test_known_defects  every_thread_is_owned_and_named_and_ends_with_its_client
 107  test_client  no_log_line_at_debug_shows_a_credential
 110  calling/test_result  the_truth_of_a_result_is_its_success_and_always_a_bool

A number stands once here, with the file and the name of one test that proves it; further ones name it in their
docstrings. Those of operations and services with tests of their own (prompt, record, detect, fax, tap, digits,
connect, messages, tasks, consumers) are named there: see ``ELSEWHERE``.
"""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import pkgutil
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import relay_sync
from relay_sync.wire.events import RelayEvent
from tests.stage import ScriptedClient, Stage, parked
from tests.support import ScriptedRelay, in_thread

TESTS = Path(__file__).parent

# Record, prompt, collect, detect, fax, pay; ruby's record and tap; connect; digits; tap; messages, tasks, consumers.
ELSEWHERE = {2, *range(7, 18), 21, 24, 30, 31, 51, 91, 106, 108, 109, 111}


def table() -> dict[int, tuple[str, str]]:
    """The table above: number -> (file, test)."""
    rows = re.findall(r"^ *(\d+)  (\S+)  (\w+)$", __doc__ or "", re.MULTILINE)
    return {int(number): (file, f"test_{name}") for number, file, name in rows}


def numbers_in(file: str, test: str) -> set[int]:
    """The defects that a test says in its docstring it proves."""
    tree = ast.parse((TESTS / f"{file}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == test:
            return named_in(node)
    raise AssertionError(f"there is no {test} in {file}.py")


def named_in(test: ast.FunctionDef | ast.ClassDef) -> set[int]:
    named = re.findall(r"[Dd]efects? (\d+(?:(?:, | and )\d+)*)", ast.get_docstring(test) or "")
    return {int(number) for part in named for number in re.findall(r"\d+", part)}


@pytest.mark.parametrize(("number", "place"), table().items())
def test_the_table_names_a_test_that_names_the_defect(number: int, place: tuple[str, str]) -> None:
    assert number in numbers_in(*place)


def test_no_defect_is_left_out() -> None:
    assert set(table()) | ELSEWHERE == set(range(1, 112))


def test_those_that_are_named_elsewhere_are_named_there() -> None:
    told: set[int] = set()
    for file in TESTS.rglob("test_*.py"):
        if file != Path(__file__):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            tests = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))
            told.update(number for node in tests for number in named_in(node))
    assert told >= ELSEWHERE


# -- those that belong to no other file ------------------------------------------------------------------------


def test_what_one_thread_gave_while_disconnected_goes_out_in_that_order(stage: Stage) -> None:
    """Defect 70: first in, first out."""
    stage.relay.line.break_()
    stage.relay.next_line()
    methods = [f"calling.step{number}" for number in range(5)]
    with in_thread(lambda: [stage.client.execute(method, {}).successful for method in methods]) as giving:
        parked(stage.client._life().connection)
        stage.relay.shake_hands(restored=True)
        for method in methods:
            stage.relay.accept_command(method)
    assert giving.result() == [True] * 5


def test_each_attempt_to_reconnect_waits_for_a_longer_random_time_until_relay_says_ready(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defects 81 and 82: exponential with jitter, and reset only after the handshake."""
    asked: list[tuple[int, float]] = []
    monkeypatch.setattr("relay_sync.link.reader.delay", lambda attempt, chance: asked.append((attempt, chance)) or 0.0)
    stage.client._life().connection._reader._jitter = lambda: 0.625
    stage.relay.refuse_next(3)
    stage.relay.line.break_()
    for _ in range(3):
        stage.relay.next_line()
    stage.relay.next_line()  # opens, and breaks before the handshake is through
    stage.relay.line.take()
    stage.relay.line.break_()
    stage.come_back()
    stage.reconnect()
    assert asked == [(0, 0.625), (1, 0.625), (2, 0.625), (3, 0.625), (4, 0.625), (0, 0.625)]


def test_two_clients_wait_for_different_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defect 82: jitter comes from a random source, so that clients do not come back in step."""
    chances = {relay_sync.Client("p", "t", "example")._life().connection._reader._jitter() for _ in range(10)}
    assert len(chances) == 10
    assert all(0 <= chance <= 1 for chance in chances)


def test_the_time_of_an_event_is_read_from_the_outer_level() -> None:
    """Defect 94."""
    event = RelayEvent.read({"event_type": "calling.call.play", "timestamp": 12.5, "params": {"timestamp": 99.0}})
    assert event is not None
    assert event.timestamp == 12.5


def functions() -> Iterator[tuple[str, object]]:
    """Every function and method of the client side."""
    for module in pkgutil.walk_packages(relay_sync.__path__, "relay_sync."):
        if module.name.startswith(("relay_sync.emulator", "relay_sync.cli", "relay_sync.__main__")):
            continue
        for name, found in vars(importlib.import_module(module.name)).items():
            members = vars(found).items() if inspect.isclass(found) else [(name, found)]
            for member, function in members:
                if inspect.isfunction(function):
                    yield f"{module.name}.{name}.{member}", function


def test_no_default_argument_can_be_changed_by_a_call() -> None:
    """Defect 101."""
    changeable = [
        f"{where}({parameter})"
        for where, function in functions()
        for parameter in inspect.signature(function).parameters.values()  # type: ignore[arg-type]  # all are functions
        if isinstance(parameter.default, (list, dict, set, bytearray))
    ]
    assert changeable == []


def test_every_thread_is_owned_and_named_and_ends_with_its_client() -> None:
    """Defect 105: nothing runs that nobody holds."""
    before = set(threading.enumerate())
    relay = ScriptedRelay()
    client = ScriptedClient(relay)
    with in_thread(client.connect):
        relay.accept()
    gc.collect()
    ours = [thread for thread in threading.enumerate() if thread not in before]
    assert ours == [client._life().connection._thread]
    assert ours[0].name.startswith("relay-reader-")
    assert ours[0].daemon
    client.disconnect()
    ours[0].join(10)
    assert not ours[0].is_alive()
