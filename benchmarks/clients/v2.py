"""signalwire 2.1.1, unmodified."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from asyncio_peer import Peer
from driver import place, run_async

WHERE = place()
if WHERE.ca_file is not None:
    os.environ["SSL_CERT_FILE"] = WHERE.ca_file  # it has no option for it; the standard library reads this
from signalwire.blade.messages.execute import Execute  # noqa: E402  (reads the environment)
from signalwire.relay.client import Client  # noqa: E402

logging.disable(logging.WARNING)


class V2(Peer):
    """One client."""

    def __init__(self, client: Any, ready_s: float) -> None:
        super().__init__(ready_s)
        self._client = client
        self._told: Callable[[dict[str, Any]], object] = lambda params: None
        self._listening: set[str] = set()

    async def dial(self) -> Any:
        result = await self._client.calling.dial(from_number="+15550100", to_number="+15550101")
        return result.call

    async def play_on(self, call: Any) -> Any:
        return await call.play_audio_async("https://example.com/a.mp3")

    async def execute(self, method: str, params: dict[str, object]) -> None:
        await self._client.execute(Execute({"protocol": self._client.protocol, "method": method, "params": params}))

    def listen(self, call: Any, callback: Callable[[dict[str, Any]], object]) -> None:
        self._told = callback
        if call.tag not in self._listening:
            self._listening.add(call.tag)
            call.on("play.stateChange", lambda params: self._told(params))


async def connected(client: Any) -> None:
    """Connect without giving the loop away, and wait for ready."""
    ready = asyncio.get_running_loop().create_future()
    client.on("ready", lambda _: ready.done() or ready.set_result(None))
    client.connecting = asyncio.ensure_future(client._connect())
    await asyncio.wait_for(ready, 30)


async def main(client: Any) -> None:
    begin = time.perf_counter()
    await connected(client)
    peer = V2(client, time.perf_counter() - begin)
    await peer.start()
    await run_async(peer.functions())


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    made = Client(project="bench", token="bench", host=WHERE.url)
    made.loop.run_until_complete(main(made))
    os._exit(0)
