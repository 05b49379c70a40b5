"""The virus scanner: clamd, where the town's operator runs one.

A scanner that is configured and does not answer lets nothing in: a file that nobody has scanned
is neither kept nor shown.
"""

from __future__ import annotations

from io import BytesIO
from urllib.parse import urlsplit

from aioclamd import ClamdAsyncClient, ClamdError

from services.family.domain.uploads import BadFile
from shared.errors import Refused
from shared.logs import get_logger

_PORT = 3310
_SECONDS = 20.0
_log = get_logger()


class Scanner:
    """Asks clamd at ``url`` (``tcp://host:3310``); without one, every file passes."""

    def __init__(self, url: str | None) -> None:
        self._clamd: ClamdAsyncClient | None = None
        if url is not None:
            place = urlsplit(url)
            if place.scheme != "tcp" or not place.hostname:
                raise ValueError("PREAU_CLAMD_URL: tcp://host:port is expected")
            self._clamd = ClamdAsyncClient(place.hostname, place.port or _PORT, timeout=_SECONDS)

    async def check(self, content: bytes) -> None:
        """Raises ``BadFile`` for a virus, ``Refused`` (503) while the scanner is away."""
        if self._clamd is None:
            return
        try:
            answer = await self._clamd.instream(BytesIO(content))
            status, found = answer["stream"]
        except (ClamdError, OSError, KeyError, TypeError) as error:
            raise _away(error) from error
        if status == "FOUND":
            _log.warning("file-infected", kind=found)
            raise BadFile("file-infected")
        if status != "OK":
            raise _away(None)


def _away(error: Exception | None) -> Refused:
    _log.error("scanner-unavailable", reason=type(error).__name__)
    return Refused(
        "scanner-unavailable",
        "L'analyse antivirus ne répond pas : votre fichier n'a pas été enregistré. Réessayez dans"
        " quelques minutes.",
        status=503,
        retry_after=60,
    )
