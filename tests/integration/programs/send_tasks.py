"""Send so many tasks and print what came of each, as JSON: python send_tasks.py COUNT."""

from __future__ import annotations

import json
import os
import sys

from celery import Celery

box = os.environ["TASKS_FOLDER"]
app = Celery("sender", broker="filesystem://", backend=f"file://{box}/results")
folders = {
    "data_folder_in": f"{box}/messages",
    "data_folder_out": f"{box}/messages",
    "control_folder": f"{box}/control",
}
app.conf.broker_transport_options = folders
sent = [app.send_task("tasks.work") for _ in range(int(sys.argv[1]))]
print(json.dumps([one.get(timeout=40, interval=0.05) for one in sent]), flush=True)
