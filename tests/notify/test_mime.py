"""A mail as bytes says exactly what was rendered, and nothing can be put into its headers."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify import mime

NOW = datetime(2026, 9, 14, 11, 0, 30, tzinfo=UTC)
LINES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\n.-=_ \t")
)
WORDS = st.lists(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1), min_size=1)


def parsed(raw: bytes) -> EmailMessage:
    """As a mail program reads it."""
    return message_from_bytes(raw, policy=SMTP)


def written(headers: bytes = b"", text: str = "", html: str = "") -> bytes:
    return mime.message(
        headers, to="nadia@famille.example", message_id="<1@preau.example>", date=NOW,
        text=text, html=html,
    )  # fmt: skip


@given(LINES, LINES)
def test_both_ways_of_reading_it_come_out_as_they_went_in(text: str, html: str) -> None:
    raw = written(text=text, html=html)
    read = parsed(raw)
    assert not read.defects
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    for part, sent in zip(read.iter_parts(), (text, html), strict=True):
        assert cast("bytes", part.get_payload(decode=True)).decode() == sent.replace("\n", "\r\n")


@given(LINES, LINES)
def test_no_line_is_longer_than_mail_servers_take_and_all_is_ascii(text: str, html: str) -> None:
    raw = written(mime.header("Subject", "Réponses à vos demandes"), text, html)
    assert raw.isascii()
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b"\n" in line or b"\r" in line for line in lines)


@given(WORDS)
def test_a_subject_is_read_as_it_was_written(words: list[str]) -> None:
    subject = " ".join(words)
    assert parsed(written(mime.header("Subject", subject)))["Subject"] == subject


def test_headers_of_a_mail() -> None:
    sender = mime.header("From", formataddr(("Ville de Véyras, Ardèche", "a@preau.example")))
    read = parsed(written(sender))
    assert read["From"].addresses[0].display_name == "Ville de Véyras, Ardèche"
    assert read["From"].addresses[0].addr_spec == "a@preau.example"
    assert read["To"].addresses[0].addr_spec == "nadia@famille.example"
    assert read["Date"].datetime == NOW
    assert read["Message-ID"] == "<1@preau.example>"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_header_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        mime.header("Subject", f"Bonjour{end}Bcc: tous@famille.example")


@pytest.mark.parametrize(
    "address", ["a@b.fr\r\nBcc: c@d.fr", "a@b.fr\nx", "a@b.fr, c@d.fr", "é@b.fr", ""]
)
def test_an_address_that_is_more_than_one_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        mime.message(b"", to=address, message_id="<1@b.fr>", date=NOW, text="", html="")
