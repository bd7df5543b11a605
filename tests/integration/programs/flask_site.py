"""A Flask application whose client is made in its module."""

from __future__ import annotations

from flask import Flask
from work import dial_play_and_pause

app = Flask(__name__)
app.add_url_rule("/", view_func=dial_play_and_pause, methods=["POST"])
