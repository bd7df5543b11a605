"""How to test your own calling code: with no account, no network and no waiting. Run it with pytest."""

from relay_sync import Client
from relay_sync.emulator import Emulator


def hold_music(client, number):  # your code, which lives in your project
    """Call a number and play music to it; return the action, or None when nobody answered."""
    dialled = client.calling.dial(from_number="+15550100", to_number=number)
    return dialled.call.play_audio_async("welcome.mp3") if dialled else None


def test_music_waits_for_the_caller_to_come_back():
    with Emulator(stepped=True) as relay, Client(**relay.credentials) as client:  # time stands still ...
        phone = relay.phone("+15550101")
        action = hold_music(client, phone.number)
        relay.clock.advance(2)  # ... until the test moves it
        action.pause()
        relay.clock.advance(600)
        action.resume()
        relay.clock.advance(3)

    assert phone.heard.between(0, 2).rms_db() > -40
    assert phone.heard.between(2, 602).rms_db() == float("-inf")  # silent, to the sample
    assert phone.heard.between(602, 605).rms_db() > -40


def test_a_busy_phone_gets_no_music():
    with Emulator(stepped=True) as relay, Client(**relay.credentials) as client:
        phone = relay.phone("+15550102", busy=True)
        assert hold_music(client, phone.number) is None

    assert not relay.journal.commands("calling.play")
