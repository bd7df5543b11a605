"""The same work in processes of multiprocessing: python many_processes.py fork|spawn."""

from __future__ import annotations

import json
import multiprocessing
import sys

from work import client, dial_play_and_pause


def send(results):
    results.put(dial_play_and_pause())


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    results = context.Queue()
    workers = [context.Process(target=send, args=(results,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    print(json.dumps([results.get(timeout=40) for _ in workers]), flush=True)
    for worker in workers:
        worker.join(40)
    print([worker.exitcode for worker in workers], client.state, flush=True)
