"""Letters to the town: a form, a thread of messages, where it stands, who has read it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.family.domain.uploads import KeptFile
from shared.contracts.family import (
    LetterAnswered,
    LetterClosed,
    LetterContinued,
    LetterSent,
    RequestChanged,
)
from shared.contracts.requests import RequestAct, RequestPart
from shared.contracts.town_file import LetterCategory, LetterField
from shared.errors import Refused
from shared.events import Event

#: ``new``: nobody has taken it up; ``in_progress``; ``answered``; ``closed``: written no further.
LetterState = Literal["new", "in_progress", "answered", "closed"]
Side = Literal["family", "town"]

MAX_MESSAGES = 200
_LONGEST_TEXT = {"text": 200, "long_text": 4000, "choice": 500, "child": 32, "date": 10}
FieldValue = str | bool


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Message(_Part):
    """One message of a thread; ``id`` is that of its command, ``body_hash`` tells a repetition."""

    id: str
    body_hash: str
    side: Side
    account: str
    at: datetime
    text: str
    files: tuple[KeptFile, ...] = ()


class Letter(_Part):
    """A letter. ``read``: when each account of the family has last read it; ``unread``: the town
    has not read the last message of the family. ``fields`` are as the category asks for them."""

    id: str
    town: str
    family: str
    guardian: str | None
    account: str
    child: str | None
    shared: bool
    category: str
    fields: Mapping[str, FieldValue]
    state: LetterState
    messages: tuple[Message, ...]
    unread: bool = True
    read: Mapping[str, datetime] = {}

    @property
    def last(self) -> Message:
        """The newest message."""
        return self.messages[-1]

    def message(self, message: str) -> Message | None:
        """The message of that id, or None."""
        return next((one for one in self.messages if one.id == message), None)

    def file(self, file: str) -> KeptFile | None:
        """An attachment of any of its messages, or None."""
        return next((f for one in self.messages for f in one.files if f.id == file), None)

    def unread_by(self, account: str) -> bool:
        """Whether the town has written since that account of the family last read it."""
        seen = self.read.get(account)
        return any(one.side == "town" and (seen is None or one.at > seen) for one in self.messages)

    def card(self) -> RequestChanged:
        """How the family finds it among its requests."""
        waiting = self.state in ("new", "in_progress")
        first, *rest = self.messages
        return RequestChanged(
            request=self.id, kinds=("letter",), number=None, family=self.family,
            account=self.account, channel="online",
            guardian=None if self.shared else self.guardian, requested_at=first.at,
            parts=(
                RequestPart(child=self.child, states={"waiting" if waiting else "answered": 1}),
            ),
            history=(
                RequestAct(at=first.at, what="asked", by="family", children=(self.child,)),
                *(
                    RequestAct(
                        at=one.at, what="answered" if one.side == "town" else "message",
                        by="agent" if one.side == "town" else "family", children=(self.child,),
                    )
                    for one in rest
                ),
            ),
        )  # fmt: skip


Changed = tuple[Letter, tuple[Event, ...]]


def checked_fields(
    category: LetterCategory, given: Mapping[str, FieldValue], children: frozenset[str]
) -> dict[str, FieldValue]:
    """The fields of a form, each as its kind asks. Raises ``Refused`` (422) with the field."""
    asked = {field.id: field for field in category.fields}
    for name in given:
        if name not in asked:
            raise _fault(name, "ce champ n'est pas demandé.")
    kept: dict[str, FieldValue] = {}
    for name, field in asked.items():
        value = given.get(name)
        if value is None or value == "":
            if field.required:
                raise _fault(name, f"« {field.label} » est obligatoire.")
            continue
        if why := _wrong(field, value, children):
            raise _fault(name, why)
        kept[name] = value
    return kept


def _wrong(field: LetterField, value: FieldValue, children: frozenset[str]) -> str | None:
    if field.kind == "yes_no":
        return None if isinstance(value, bool) else "oui ou non est attendu."
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT[field.kind]:
        return "un texte plus court est attendu."
    if field.kind == "choice" and value not in field.choices:
        return "choisissez dans la liste."
    if field.kind == "child" and value not in children:
        return "cet enfant n'est pas de votre dossier."
    if field.kind == "date":
        try:
            date.fromisoformat(value)
        except ValueError:
            return "une date est attendue (AAAA-MM-JJ)."
    return None


def _fault(name: str, sentence: str) -> Refused:
    field = f"/fields/{name}"
    return Refused("invalid-input", f"{field} : {sentence}", status=422, field=field)


def child_of(category: LetterCategory, fields: Mapping[str, FieldValue]) -> str | None:
    """The child that a letter is about: what its first field of that kind says."""
    named = [fields.get(one.id) for one in category.fields if one.kind == "child"]
    return next((str(one) for one in named if one), None)


def opened(letter: Letter, category: LetterCategory) -> Changed:
    """A letter just written."""
    return letter, (LetterSent(**_about(letter, category, letter.last)), letter.card())


def continued(known: Letter, category: LetterCategory, message: Message) -> Changed | Refused:
    """The letter with another message of the family."""
    if refused := _over(known):
        return refused
    after = known.model_copy(
        update={"messages": (*known.messages, message), "unread": True,
                "state": "in_progress" if known.state != "new" else "new",
                "read": {**known.read, message.account: message.at}}
    )  # fmt: skip
    return after, (LetterContinued(**_about(after, category, message)), after.card())


def answered(known: Letter, category: LetterCategory, message: Message) -> Changed | Refused:
    """The letter with the town's answer, which has read what it answers."""
    if refused := _over(known):
        return refused
    after = known.model_copy(
        update={"messages": (*known.messages, message), "unread": False, "state": "answered"}
    )
    event = LetterAnswered(**_about(after, category, message), agent=message.account)
    return after, (event, after.card())


def moved(
    known: Letter, category: LetterCategory, state: LetterState, agent: str, now: datetime
) -> Changed | None:
    """The letter taken up or settled by the town; None when it stands there already."""
    if known.state == state:
        return None
    after = known.model_copy(update={"state": state})
    if state != "closed":
        return after, (after.card(),)
    about = {**_about(after, category, after.last), "at": now}
    return after, (LetterClosed(**about, agent=agent), after.card())


def read_by_family(known: Letter, account: str, now: datetime) -> Changed | None:
    """The letter once an account of the family has read it; None when it had."""
    if not known.unread_by(account):
        return None
    return known.model_copy(update={"read": {**known.read, account: now}}), ()


def read_by_town(known: Letter) -> Changed | None:
    """The letter once an agent has read it; None when one had."""
    return (known.model_copy(update={"unread": False}), ()) if known.unread else None


def _over(known: Letter) -> Refused | None:
    if known.state == "closed":
        return Refused("letter-closed", "Cette demande est close. Écrivez-en une nouvelle.")
    if len(known.messages) >= MAX_MESSAGES:
        return Refused("letter-too-long", "Cet échange est trop long. Écrivez-en un nouveau.")
    return None


def _about(letter: Letter, category: LetterCategory, message: Message) -> dict[str, object]:
    return {
        "letter": letter.id, "family": letter.family, "guardian": letter.guardian,
        "account": letter.account, "child": letter.child, "shared": letter.shared,
        "category": letter.category, "subject": None if category.sensitive else category.label,
        "message": message.id, "at": message.at,
    }  # fmt: skip
