"""A Celery application whose task is one unit of work. The broker is a folder: no server to install."""

from __future__ import annotations

import os

from celery import Celery
from work import dial_play_and_pause

BOX = os.environ["TASKS_FOLDER"]
app = Celery("tasks", broker="filesystem://", backend=f"file://{BOX}/results")
app.conf.update(
    broker_transport_options={
        "data_folder_in": f"{BOX}/messages",
        "data_folder_out": f"{BOX}/messages",
        "control_folder": f"{BOX}/control",
    },
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
)


@app.task
def work():
    return dial_play_and_pause()
