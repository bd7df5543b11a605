"""Flask views that call a phone with music, and pause, resume and stop it. Run: flask --app flask_app run

For one process, with any number of threads: a call's events come back on the connection that
made the call, so only the process that started the music can control it. A second process
would have a client and `actions` of its own, and answer 404.
"""

from flask import Flask, abort, request

from relay_sync import Client, RelayError

app = Flask(__name__)
app.register_error_handler(RelayError, lambda error: ({"error": error.message}, 503))
client = Client()  # shared by all threads; opens no connection yet
actions = {}  # call id -> the music that plays


@app.post("/calls")
def start():
    client.connect()  # connects at the first request, and does nothing at the others
    dialled = client.calling.dial(from_number=request.form["from"], to_number=request.form["to"], timeout=30)
    if dialled:
        music = dialled.call.play_audio_async("https://cdn.signalwire.com/default-music/welcome.mp3")
        actions[dialled.call.id] = music
        # When the music is over, or the call is, this runs on a thread of the client's:
        music.future.add_done_callback(lambda future: actions.pop(dialled.call.id).call.hangup())
    return {"ok": dialled.successful, "message": dialled.message, "id": dialled.call.id}


@app.post("/calls/<call_id>/<any(pause, resume, stop):verb>")
def control(call_id, verb):
    music = actions.get(call_id) or abort(404)
    result = getattr(music, verb)()
    return {"ok": result.successful, "message": result.message}
