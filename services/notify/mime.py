"""A mail as bytes: two ways of reading it, headers that nothing can be put into.

The standard library's message classes build the same bytes in about 2 ms of CPU, most of it to
fold headers that hardly differ from one mail to the next (docs/decisions/0022). Here each header
is folded by the library once and kept; what differs with every mail is plain ASCII by its nature.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache

_PLAIN = re.compile(r"[\x21-\x7e]{1,900}")
#: No line of quoted-printable text begins with this: ``=`` is always followed by hex or the end.
_BOUNDARY = "=_preau_="


@lru_cache(maxsize=4096)
def header(name: str, value: str) -> bytes:
    """One header with its line's end, encoded and folded; ValueError if ``value`` has a line
    break."""
    if len(value.splitlines()) > 1:
        raise ValueError("a header is one line")
    content = Header(value, "us-ascii" if value.isascii() else "utf-8", header_name=name)
    folded = content.encode(linesep="\r\n")
    return f"{name}: {folded}\r\n".encode("ascii")


def message(
    headers: bytes, *, to: str, message_id: str, date: datetime, text: str, html: str
) -> bytes:
    """A mail with the lines of ``headers`` (see ``header``) and its own.

    ``to`` and ``message_id`` (with its angle brackets) are printable ASCII without spaces, else
    ValueError.
    """
    for value in (to, message_id):
        if not _PLAIN.fullmatch(value):
            raise ValueError("not a plain address or id")
    own = (
        f"To: {to}\r\nDate: {format_datetime(date)}\r\nMessage-ID: {message_id}\r\n"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'
    ).encode("ascii")
    parts = _part("plain", text) + _part("html", html)
    return headers + own + parts + f"--{_BOUNDARY}--\r\n".encode("ascii")


def _part(subtype: str, content: str) -> bytes:
    lines = content.replace("\n", "\r\n") + "\r\n"
    return (
        f'--{_BOUNDARY}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii") + b2a_qp(lines.encode("utf-8"), istext=True)
