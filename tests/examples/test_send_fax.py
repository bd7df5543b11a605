"""examples/send_fax.py."""

from __future__ import annotations

from pathlib import Path

from relay_sync.emulator import Emulator
from relay_sync.emulator.media import fax_document
from tests.examples.programs import EXAMPLES, Program

EXAMPLE = EXAMPLES / "send_fax.py"


def test_the_fax_arrives_page_by_page(relay: Emulator, tmp_path: Path) -> None:
    document = tmp_path / "document.pdf"
    document.write_bytes(fax_document(2, "A letter"))
    with Program(EXAMPLE, document.as_uri(), relay=relay, folder=tmp_path) as program:
        relay.expect("calling.send_fax")
        relay.clock.advance(60)
        assert program.ends() == "page\npage\nfinished\nsent 2 pages\n"
    (fax,) = relay.phones["+15550199043"].faxes
    assert (fax.pages, fax.header) == (2, "From relay_sync")


def test_a_phone_that_is_no_fax_machine_is_told(relay: Emulator, tmp_path: Path) -> None:
    phone = relay.phone("+15550101")
    document = tmp_path / "document.pdf"
    document.write_bytes(fax_document(1, "A letter"))
    arguments = (EXAMPLE, document.as_uri())
    with Program(*arguments, relay=relay, folder=tmp_path, TO_NUMBER=phone.number) as program:
        relay.expect("calling.send_fax")
        relay.clock.advance(60)
        assert program.ends().startswith("error\nthe fax failed: ")
