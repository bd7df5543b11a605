"""Fax documents: pages counted, pages made."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from relay_sync.emulator.media import MediaError, MediaLibrary, fax_document, page_count


def written(pages: int, password: str | None = None) -> bytes:
    """Return a PDF made by somebody else."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize("pages", [1, 2, 30])
def test_the_pages_of_a_document_are_counted(pages: int) -> None:
    assert page_count(written(pages), "a.pdf") == pages


@pytest.mark.parametrize("pages", [1, 3, 120])
def test_a_fax_document_has_its_pages_and_the_header_on_each(pages: int) -> None:
    reader = PdfReader(io.BytesIO(fax_document(pages, "From: +15550100 (Ann)")), strict=True)
    assert len(reader.pages) == pages
    for number, page in enumerate(reader.pages[:3], 1):
        assert page.extract_text() == f"From: +15550100 (Ann)  P. {number}/{pages}"


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("", "P. 1/1"),
        ("a\\b(c))", "a\\b(c))  P. 1/1"),
        ("Zoë’s café", "Zoë’s café  P. 1/1"),
        ("日本", "??  P. 1/1"),
        ("two\nlines\0", "two lines   P. 1/1"),
        ("x" * 300, "x" * 100 + "  P. 1/1"),
    ],
)
def test_any_header_makes_a_valid_document(header: str, line: str) -> None:
    (page,) = PdfReader(io.BytesIO(fax_document(1, header)), strict=True).pages
    assert page.extract_text() == line


def test_the_same_fax_is_the_same_bytes() -> None:
    assert fax_document(2, "Hello") == fax_document(2, "Hello")


def test_a_fax_has_a_page() -> None:
    with pytest.raises(ValueError, match="1 page or more, not 0"):
        fax_document(0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.pdf is not a PDF"),
        (b"<html>404</html>", "a.pdf is not a PDF"),
        (b"%PDF-1.4\nnothing else", "a.pdf is a PDF that can't be read"),
        (written(2)[:300], "a.pdf is a PDF that can't be read"),
        (written(2, password="secret"), "a.pdf is a PDF that can't be read: .*decrypt"),
        (written(0), "a.pdf is a PDF without a page"),
    ],
)
def test_what_has_no_pages_that_can_be_read_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        page_count(content, "a.pdf")


def test_a_document_is_found_by_path_by_url_and_by_override(tmp_path: Path) -> None:
    file = tmp_path / "in.pdf"
    file.write_bytes(fax_document(3))
    library = MediaLibrary({"https://files.example/in.pdf": file})
    assert library.pages(str(file)) == 3
    assert library.pages(file.as_uri()) == 3
    assert library.pages("https://files.example/in.pdf") == 3
    assert library.document(str(file)) == fax_document(3)


def test_a_document_that_is_not_there_is_named() -> None:
    with pytest.raises(MediaError, match=r"there is no document missing\.pdf"):
        MediaLibrary().pages("missing.pdf")
    with pytest.raises(MediaError, match=r"ftp://host/a\.pdf can't be sent: only http, https and file"):
        MediaLibrary().pages("ftp://me:pw@host/a.pdf")
