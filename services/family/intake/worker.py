"""The process that parses what strangers send; started by ``pool``, and by nobody else.

Frames of four bytes of length and so many of content: a file in; out, what became of it as JSON
and, when it was cleaned, the file. Its memory is bounded by the system: a bomb ends in a refusal
or in the end of this process, which is the same to ``pool``.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from services.family.domain.uploads import BadFile
from services.family.intake.cleaning import clean

#: Address space: the libraries themselves, and the largest image twice.
MEMORY_BYTES = 1024 * 1024 * 1024


def main() -> None:
    """Clean one file after another until the pipe is closed."""
    source = sys.stdin.buffer
    # A library that writes to standard output must not write into an answer.
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _limit()
    while (content := _read(source)) is not None:
        outcome, cleaned = _outcome(content)
        outcome["peak_kib"] = _peak_kib()
        _write(target, orjson.dumps(outcome))
        _write(target, cleaned)


def _peak_kib() -> int:
    """The most memory that this program has used; the system's other figure has that of the
    process which started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _limit() -> None:
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    with suppress(OSError):  # where memory runs out all the same, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")


def _outcome(content: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        cleaned = clean(content)
    except BadFile as bad:
        return {"code": bad.code}, b""
    except MemoryError:
        return {"code": "file-too-complex"}, b""
    return {"kind": cleaned.kind, "pages": cleaned.pages}, cleaned.content


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack("!I", head)
    return source.read(size)


def _write(target: BinaryIO, content: bytes) -> None:
    target.write(struct.pack("!I", len(content)))
    target.write(content)
    target.flush()


if __name__ == "__main__":
    main()
