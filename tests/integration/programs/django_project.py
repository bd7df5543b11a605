"""A Django project whose client is made in a module; with a database, static files and one view."""

from __future__ import annotations

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import path
from work import client, dial_play_and_pause

settings.configure(
    DEBUG=True,
    SECRET_KEY="only for a test",
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "database"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.staticfiles"],
    STATIC_URL="static/",
    STATIC_ROOT="static",
)
urlpatterns = [path("", lambda request: JsonResponse(dial_play_and_pause()))]
assert client.state == "new"
if __name__ == "__main__":
    execute_from_command_line()
