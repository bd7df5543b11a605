"""Django views that call a phone with music, and pause, resume and stop it. Run: django_app.py runserver

For one process, with any number of threads: a call's events come back on the connection that
made the call, so only the process that started the music can control it.
"""

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import Http404, JsonResponse
from django.urls import path, re_path
from django.views.decorators.http import require_POST

from relay_sync import Client

settings.configure(DEBUG=True, SECRET_KEY="only an example", ROOT_URLCONF=__name__)
client = Client()  # shared by all threads; opens no connection yet
actions = {}  # call id -> the music that plays


def start(request):
    client.connect()  # connects at the first request, and does nothing at the others
    dialled = client.calling.dial(from_number=request.POST["from"], to_number=request.POST["to"], timeout=30)
    if dialled:
        music = dialled.call.play_audio_async("https://cdn.signalwire.com/default-music/welcome.mp3")
        actions[dialled.call.id] = music
        music.future.add_done_callback(lambda future: actions.pop(dialled.call.id).call.hangup())  # when it ends
    return JsonResponse({"ok": dialled.successful, "message": dialled.message, "id": dialled.call.id})


def control(request, call_id, verb):
    if not (music := actions.get(call_id)):
        raise Http404
    result = getattr(music, verb)()
    return JsonResponse({"ok": result.successful, "message": result.message})


urlpatterns = [path("calls", require_POST(start)), re_path("^calls/(.+)/(pause|resume|stop)$", require_POST(control))]
if __name__ == "__main__":
    execute_from_command_line()
