"""The documents of a fax: how many pages one has, and one to be received (protocol.md 11.6)."""

from __future__ import annotations

import io

from relay_sync.emulator.media.sound import MediaError

_WIDTH, _HEIGHT = 595, 842  # A4, in points
_MARGIN = 42
_FONT_SIZE = 10
_LONGEST = 100  # characters that fit on the header line


def page_count(content: bytes, shown: str) -> int:
    """Return how many pages a PDF has; ``shown`` names it in errors.

    MediaError if it is no PDF, has no page, needs a password or is too broken to be read.
    """
    # Here, since importing pypdf takes longer than all else in this package, and few tests send a fax.
    from pypdf import PdfReader

    if b"%PDF-" not in content[:1024]:  # where readers look for it: some documents begin with a letterhead of bytes
        raise MediaError(f"{shown} is not a PDF")
    try:
        pages = len(PdfReader(io.BytesIO(content)).pages)
    except Exception as error:  # besides its own errors pypdf lets TypeError and others out of broken documents
        raise MediaError(f"{shown} is a PDF that can't be read: {error}") from error
    if not pages:
        raise MediaError(f"{shown} is a PDF without a page")
    return pages


def fax_document(pages: int, header: str = "") -> bytes:
    """Return a PDF with ``pages`` pages of A4, each with the line a fax machine prints at the top.

    That is ``header``, cut to 100 characters, and the number of the page. Characters beyond Windows-1252, which the
    built-in fonts don't have, become question marks. The same arguments make the same bytes. ValueError for less than
    one page.
    """
    if pages < 1:
        raise ValueError(f"a fax has 1 page or more, not {pages!r}")
    kids = " ".join(f"{_page_number(page)} 0 R" for page in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for page in range(pages):
        text = f"{header[:_LONGEST]}  P. {page + 1}/{pages}".strip()
        drawing = b"BT /F1 %d Tf %d %d Td (%s) Tj ET" % (_FONT_SIZE, _MARGIN, _HEIGHT - _MARGIN, _literal(text))
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] "
                f"/Resources << /Font << /F1 3 0 R >> >> /Contents {_page_number(page) + 1} 0 R >>"
            ).encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        ]
    return _file(objects)


def _page_number(page: int) -> int:
    """Return the number of a page's object; its drawing has the next one."""
    return 4 + 2 * page


def _literal(text: str) -> bytes:
    """Return ``text`` as it stands between the brackets of a string, without control characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    encoded = printable.encode("cp1252", "replace")
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(objects: list[bytes]) -> bytes:
    """Return the file that these objects make, the first one being number 1 and the root."""
    content = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    content += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(content)
