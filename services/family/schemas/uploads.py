"""Answers about files received."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.family.domain.uploads import KeptFile
from shared.web.routes import Output

#: An identifier of ours.
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
#: Files sent before, by ``POST /files``.
FileIds = Annotated[tuple[Id, ...], Field(max_length=10)]


class FileOut(Output):
    """A file as it is kept: ``size`` in bytes; ``pages`` is 1 for an image."""

    file: str
    name: str
    media_type: str
    size: int
    pages: int

    @classmethod
    def of(cls, kept: KeptFile) -> FileOut:
        """The answer for a file."""
        return cls(file=kept.id, **kept.model_dump(exclude={"id"}))
