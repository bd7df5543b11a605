"""signalwire-sdk, unmodified. It speaks TLS only."""

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
assert WHERE.ca_file is not None, "signalwire-sdk can't do without TLS"
os.environ["SIGNALWIRE_RELAY_CA_FILE"] = WHERE.ca_file
os.environ["SIGNALWIRE_LOG_MODE"] = "off"
from signalwire.relay import RelayClient  # noqa: E402  (reads the environment)

logging.disable(logging.WARNING)


class Sdk(Peer):
    """One client."""

    def __init__(self, client: Any, ready_s: float) -> None:
        super().__init__(ready_s)
        self._client = client
        self._told: Callable[[dict[str, Any]], object] = lambda params: None
        self._listening: set[int] = set()

    async def dial(self) -> Any:
        device = {"type": "phone", "params": {"from_number": "+15550100", "to_number": "+15550101"}}
        return await self._client.dial([[device]])

    async def play_on(self, call: Any) -> Any:
        return await call.play([{"type": "audio", "params": {"url": "https://example.com/a.mp3"}}])

    async def execute(self, method: str, params: dict[str, object]) -> None:
        await self._client.execute(method, params)

    def listen(self, call: Any, callback: Callable[[dict[str, Any]], object]) -> None:
        self._told = callback
        if id(call) not in self._listening:
            self._listening.add(id(call))
            call.on("calling.call.play", lambda event: self._told(event.params))


async def main() -> None:
    client = RelayClient(project="bench", token="bench", host=f"127.0.0.1:{WHERE.port}", max_active_calls=100_000)
    begin = time.perf_counter()
    await client.connect()
    peer = Sdk(client, time.perf_counter() - begin)
    await peer.start()
    await run_async(peer.functions())


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)
