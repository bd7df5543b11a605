"""Consumers: what is left for them in a context."""

from __future__ import annotations

import asyncio

from signalwire.relay.consumer import Consumer
from signalwire.relay.task import Task
from steps import FROM, MUSIC, outcome, say, step


class Receptionist(Consumer):
    def ready(self):
        say("ready")

    async def on_incoming_call(self, call):
        say("incoming", context=call.context, state=call.state, caller=call.from_number, called=call.to_number)
        answered = await call.answer()
        say("answered", successful=answered.successful, state=call.state)
        await step("played", **outcome(await call.play_audio(MUSIC)))
        gone = await call.hangup()
        say("hung up", successful=gone.successful, reason=gone.reason, state=call.state)
        await self.client.disconnect()


def facts(message):
    named = ("context", "from_number", "to_number", "direction", "state", "body", "media", "tags", "segments", "reason")
    return {name: getattr(message, name) for name in named}


class Texter(Consumer):
    """Sends a message to each of some numbers, and takes one. The handlers may be called before send() returns."""

    numbers = ()

    def setup(self):
        self.changes = asyncio.Queue()

    def on_message_state_change(self, message):
        self.changes.put_nowait(message)

    async def ready(self):
        say("ready")
        for number in self.numbers:
            sent = await self.send(number, body="Hello", media=["https://media.example/cat.jpg"], tags=["vip"])
            changes = [await self.changes.get()]
            while changes[-1].state not in ("delivered", "undelivered", "failed"):
                changes.append(await self.changes.get())
            ids = {change.id for change in changes}
            states = [change.state for change in changes]
            say(
                "sent", successful=sent.successful, own=ids == {sent.message_id}, states=states, last=facts(changes[-1])
            )
        # Nothing to send: the client leaves it to Relay to refuse that.
        empty = await self.send(self.numbers[0])
        say("refused", successful=empty.successful, id=empty.message_id)

    async def send(self, number, **message):
        return await self.client.messaging.send(from_number=FROM, to_number=number, context="office", **message)

    async def on_incoming_message(self, message):
        say("incoming", **facts(message))
        await self.client.disconnect()


class Worker(Consumer):
    """Leaves a task for itself, and takes two."""

    rest = ""
    left = 2

    async def ready(self):
        right = Task(project=self.project, token=self.token, host=self.rest)
        wrong = Task(project=self.project, token="PTwrong", host=self.rest)
        task = {"number": 7, "nested": {"list": [1, None, "ü"]}}
        say("delivered", right=right.deliver("office", task), wrong=wrong.deliver("office", task))

    async def on_task(self, message):
        say("task", message=message)
        self.left -= 1
        if not self.left:
            await self.client.disconnect()


def receptionist(**login):
    return Receptionist(contexts=["reception"], **login)


def texter(*numbers, **login):
    consumer = Texter(contexts=["office"], **login)
    consumer.numbers = numbers
    return consumer


def worker(rest, **login):
    consumer = Worker(contexts=["office"], **login)
    consumer.rest = rest
    return consumer
