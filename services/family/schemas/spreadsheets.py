"""Request and response models of spreadsheets in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from services.family.commands.importing import ImportProgress, ImportReport
from services.family.domain.members import Problem
from services.family.domain.writing import Format
from shared.web.routes import Input, Output


class ImportQuery(Input):
    """``dry_run``: check the file and store nothing."""

    dry_run: bool = False


class ProblemOut(Output):
    """What is wrong at a line (the header is line 1) and, when one cell is at fault, in which
    column."""

    line: int
    column: str | None
    message: str


class AlikeLineOut(Output):
    """A new record of the file that looks like another one."""

    line: int
    reference: str
    other: str
    reasons: tuple[str, ...]


class ImportOut(Output):
    """What an import did, or would do (``stored`` false): with any problem nothing is stored.
    ``notices``: where the file is not followed, because something else was decided."""

    created: int
    changed: int
    unchanged: int
    stored: bool
    problems: tuple[ProblemOut, ...]
    duplicates: tuple[AlikeLineOut, ...]
    notices: tuple[ProblemOut, ...]

    @classmethod
    def of(cls, report: ImportReport) -> ImportOut:
        """The answer for a report."""
        return cls(
            created=report.created, changed=report.changed, unchanged=report.unchanged,
            stored=report.stored,
            problems=_told(report.problems),
            duplicates=tuple(
                AlikeLineOut(
                    line=one.line, reference=one.reference, other=one.other, reasons=one.reasons
                )
                for one in report.duplicates
            ),
            notices=_told(report.notices),
        )  # fmt: skip


class ImportSummary(Output):
    """How far an import has come: ``done`` of ``families`` (null before the file is read) are as
    its file says. ``interrupted``: the same file, sent again, does what is left. ``stored`` as in
    the report, once it is finished."""

    id: str
    at: datetime
    state: Literal["running", "interrupted", "finished"]
    families: int | None
    done: int
    stored: bool

    @classmethod
    def of(cls, one: ImportProgress) -> ImportSummary:
        """The answer for an import."""
        return cls.model_validate(_progress(one))


class ImportsOut(Output):
    """What was imported these last days, newest first; trials left out."""

    items: tuple[ImportSummary, ...]


class ImportProgressOut(ImportSummary):
    """An import, with its report once it is finished."""

    report: ImportOut | None

    @classmethod
    def of(cls, one: ImportProgress) -> ImportProgressOut:
        """The answer for an import."""
        report = ImportOut.of(one.report) if one.report else None
        return cls.model_validate({**_progress(one), "report": report})


def _progress(one: ImportProgress) -> dict[str, object]:
    state = "finished" if one.report else "interrupted" if one.interrupted else "running"
    stored = one.report is not None and one.report.stored
    return {
        "id": one.id, "at": one.at, "state": state, "families": one.families, "done": one.done,
        "stored": stored,
    }  # fmt: skip


#: A file with more is another file: the first are enough to see it.
_MOST_PROBLEMS = 1000


def _told(problems: Sequence[Problem]) -> tuple[ProblemOut, ...]:
    return tuple(
        ProblemOut(line=one.line, column=one.column, message=one.message)
        for one in problems[:_MOST_PROBLEMS]
    )


class ExportQuery(Input):
    """``form``: the file wanted."""

    form: Format = "xlsx"
