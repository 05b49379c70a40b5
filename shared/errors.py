"""Refusals: the one way a rule or a command says no.

A ``Refused`` carries a stable ``code`` (kebab-case, listed in the OpenAPI documents), the HTTP
status it becomes, a sentence a person can act on, and, where one field is at fault, its path.
The HTTP layer turns it into problem+json; nothing else may build an error answer.
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A command that cannot be done, and why.

    ``status`` is an HTTP status; ``field`` is a JSON pointer into the request body, without
    the leading ``#``, or into the query, after ``?``; ``retry_after`` is in seconds;
    ``details`` are further problem+json members.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int = 409,
        field: str | None = None,
        retry_after: int | None = None,
        **details: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.status = status
        self.field = field
        self.retry_after = retry_after
        self.details = details


def not_found(what: str) -> Refused:
    """The same answer for what does not exist and for what is somebody else's."""
    return Refused("not-found", f"Introuvable : {what}.", status=404)


def forbidden(detail: str = "Vous n'avez pas le droit de faire cela.") -> Refused:
    """The bearer is known, its rights do not reach this act."""
    return Refused("forbidden", detail, status=403)


def unknown_cursor() -> Refused:
    """A listing cannot go on after something that the bearer cannot reach, or that is not."""
    return Refused(
        "cursor-unknown",
        "La suite de cette liste n'est pas connue. Reprenez-la depuis le début.",
        status=422,
        field="?/after",
    )


class MissingCopy(Exception):
    """A reaction lacks the copy of another service's fact about ``subject``.

    The consumer then keeps the event until that subject is heard of (``bus.consumer``).
    """

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject


class StoreUnavailable(Exception):
    """The database does not answer: nothing may be parked or answered as done."""
