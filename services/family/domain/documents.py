"""Supporting documents: one per family, child or guardian and type, whatever asks for it.

What is sent anew stands beside what was accepted, which counts until the new one is accepted or
its own last day is over. Pure: who may do it was asked before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from services.family.domain.uploads import KeptFile
from shared.contracts.family import (
    DocumentChanged,
    DocumentDecided,
    DocumentExpired,
    DocumentExpiring,
    DocumentState,
    DocumentSubmitted,
    RequestChanged,
)
from shared.contracts.requests import RequestAct, RequestPart, Standing
from shared.contracts.town_file import DocumentType, is_request_proof
from shared.events import Event
from shared.ids import derived_id

Channel = Literal["online", "desk"]
VersionState = Literal["pending", "accepted", "refused", "replaced", "expired", "withdrawn"]
Decision = Literal["accepted", "refused", "already-decided", "not-found"]

#: Versions kept of a document: what is older says nothing to anybody.
_VERSIONS_KEPT = 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class About(_Part):
    """Whose a document is: a family's, or one of its children's or guardians'."""

    family: str
    child: str | None = None
    guardian: str | None = None


class Version(_Part):
    """What was sent at once: its files, and what became of it.

    ``id`` is that of the command that sent it, ``body_hash`` tells a repetition. ``agent`` is who
    decided it; None by the town's rule. ``valid_until`` is the last day on which it counts.
    """

    id: str
    body_hash: str
    account: str
    channel: Channel
    sent_at: datetime
    files: tuple[KeptFile, ...]
    state: VersionState
    decided_at: datetime | None = None
    agent: str | None = None
    reason: str | None = None
    valid_until: date | None = None


class SupportingDocument(_Part):
    """A document and its versions, the newest last; ``warned`` is the last day that families were
    told is near."""

    id: str
    town: str
    about: About
    type: str
    versions: tuple[Version, ...]
    warned: date | None = None
    removed: bool = False

    def version(self, version: str) -> Version | None:
        """The version of that id, or None."""
        return next((one for one in self.versions if one.id == version), None)

    @property
    def standing(self) -> Version:
        """What counts: the version accepted, else the newest."""
        accepted = [one for one in self.versions if one.state == "accepted"]
        return accepted[-1] if accepted else self.versions[-1]

    @property
    def state(self) -> DocumentState:
        """Where the document stands for whatever asks for it."""
        if self.removed:
            return "removed"
        state = self.standing.state
        return "withdrawn" if state == "replaced" else state

    def file(self, file: str) -> KeptFile | None:
        """A file of one of its versions, or None."""
        return next((f for one in self.versions for f in one.files if f.id == file), None)

    def said(self) -> DocumentChanged:
        """What the other services are told."""
        return DocumentChanged(
            document=self.id, **self.about.model_dump(), document_type=self.type,
            state=self.state, valid_until=self.standing.valid_until,
        )  # fmt: skip

    def card(self) -> RequestChanged:
        """How the family finds it among its requests."""
        last = self.versions[-1]
        return RequestChanged(
            request=self.id, kinds=("document",), number=None, family=self.about.family,
            account=last.account, channel=last.channel, guardian=self.about.guardian,
            requested_at=self.versions[0].sent_at,
            parts=(RequestPart(child=self.about.child, states={self._standing: 1}),),
            history=tuple(act for one in self.versions for act in _acts(one, self.about.child)),
        )  # fmt: skip

    def states(self) -> tuple[Event, ...]:
        """The states that are said of it at each change; what goes with a request has the card of
        that request."""
        return (self.said(),) if is_request_proof(self.type) else (self.said(), self.card())

    @property
    def _standing(self) -> Standing:
        return "withdrawn" if self.removed else _STANDINGS[self.versions[-1].state]


_STANDINGS: dict[VersionState, Standing] = {
    "pending": "waiting",
    "accepted": "accepted",
    "refused": "refused",
    "replaced": "withdrawn",
    "expired": "accepted",
    "withdrawn": "withdrawn",
}


def _acts(version: Version, child: str | None) -> list[RequestAct]:
    """What happened to a version: sent, then accepted, refused or taken back."""
    sender: Literal["family", "agent"] = "agent" if version.channel == "desk" else "family"
    acts = [RequestAct(at=version.sent_at, what="asked", by=sender, children=(child,))]
    if version.decided_at is not None:
        what = {"refused": "refused", "withdrawn": "withdrawn"}.get(version.state, "accepted")
        by = "agent" if version.agent else "family" if what == "withdrawn" else "rule"
        acts.append(
            RequestAct.model_validate(
                {"at": version.decided_at, "what": what, "by": by, "children": (child,)}
            )
        )
    return acts


Changed = tuple[SupportingDocument, tuple[Event, ...]]


def document_id(town: str, about: About, kind: str, command: str) -> str:
    """The id of the one document of a type that somebody has; what goes with a request is another
    for each command that sends it."""
    own = (command,) if is_request_proof(kind) else ()
    person = about.child or about.guardian or ""
    return derived_id("document", town, about.family, person, kind, *own)


def sent(
    known: SupportingDocument | None,
    town: str,
    about: About,
    kind: DocumentType,
    version: Version,
    zone: ZoneInfo,
) -> Changed:
    """The document once something was sent; what waited for an answer is replaced by it."""
    settled: Version = version
    if kind.decision == "automatic":
        settled = _accepted(version, kind, None, version.sent_at, None, zone)
    replaced: list[VersionState] = ["pending"]
    if settled.state == "accepted":
        replaced.append("accepted")
    earlier = _ended(known.versions if known else (), replaced)
    document = SupportingDocument(
        id=document_id(town, about, kind.id, version.id), town=town, about=about, type=kind.id,
        versions=(*earlier, settled)[-_VERSIONS_KEPT:],
        warned=None if settled.state == "accepted" else known.warned if known else None,
    )  # fmt: skip
    fact = DocumentSubmitted(
        **_named(document, kind), version=version.id, account=version.account,
        channel=version.channel, sent_at=version.sent_at,
        state="accepted" if settled.state == "accepted" else "pending",
    )  # fmt: skip
    return document, (fact, *document.states())


class Wish(_Part):
    """What an agent wants of a version; a refusal has its reason. ``valid_until`` goes before
    what the type says."""

    version: str
    accept: bool
    reason: str | None = None
    valid_until: date | None = None


def decided(
    known: SupportingDocument | None,
    kind: DocumentType,
    wish: Wish,
    agent: str,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[Decision, Changed | None]:
    """What a decision comes to; the same one again changes nothing."""
    wanted: Decision = "accepted" if wish.accept else "refused"
    version = known.version(wish.version) if known else None
    if known is None or version is None or known.removed:
        return "not-found", None
    if version.state != "pending":
        again = version.state == wanted and version.agent == agent
        return wanted if again else "already-decided", None
    if wish.accept:
        after = _accepted(version, kind, agent, now, wish.valid_until, zone)
        versions = _ended(known.versions, ("accepted",))
    else:
        after = version.model_copy(
            update={
                "state": "refused", "decided_at": now, "agent": agent, "reason": wish.reason,
            }
        )  # fmt: skip
        versions = known.versions
    document = known.model_copy(
        update={
            "versions": tuple(after if one.id == version.id else one for one in versions),
            "warned": None if wish.accept else known.warned,
        }
    )
    fact = DocumentDecided(
        **_named(document, kind), version=version.id, account=version.account, decided_at=now,
        agent=agent, accepted=wish.accept, reason=None if kind.health else wish.reason,
        valid_until=after.valid_until,
    )  # fmt: skip
    return wanted, (document, (fact, *document.states()))


def withdrawn(known: SupportingDocument, now: datetime) -> Changed | None:
    """The document without what waits for an answer, whose files go; None when nothing waits."""
    if not any(one.state == "pending" for one in known.versions):
        return None
    versions = tuple(
        one.model_copy(update={"state": "withdrawn", "decided_at": now, "files": ()})
        if one.state == "pending"
        else one
        for one in known.versions
    )
    document = known.model_copy(update={"versions": versions})
    return document, (*document.states(),)


def removed(known: SupportingDocument) -> Changed | None:
    """The document without any of its files; None when it was removed before."""
    if known.removed:
        return None
    over = {"pending": "withdrawn", "accepted": "replaced"}
    versions = tuple(
        one.model_copy(update={"files": (), "state": over.get(one.state, one.state)})
        for one in known.versions
    )
    document = known.model_copy(update={"versions": versions, "removed": True})
    return document, (*document.states(),)


def aged(known: SupportingDocument, kind: DocumentType, today: date) -> Changed | None:
    """The document once a day has come: expired, or near its end and told so once; None when
    neither."""
    standing = known.standing
    last = standing.valid_until
    if known.removed or standing.state != "accepted" or last is None:
        return None
    if today > last:
        versions = tuple(
            one.model_copy(update={"state": "expired"}) if one.id == standing.id else one
            for one in known.versions
        )
        document = known.model_copy(update={"versions": versions})
        expired = DocumentExpired(
            **_named(document, kind), account=standing.account, valid_until=last
        )
        return document, (expired, *document.states())
    waiting = any(one.state == "pending" for one in known.versions)
    near = today > last - timedelta(days=kind.warn_days)
    if not near or waiting or known.warned == last:
        return None
    document = known.model_copy(update={"warned": last})
    told = DocumentExpiring(**_named(document, kind), account=standing.account, valid_until=last)
    return document, (told,)


def _accepted(
    version: Version,
    kind: DocumentType,
    agent: str | None,
    now: datetime,
    valid_until: date | None,
    zone: ZoneInfo,
) -> Version:
    sent_on = version.sent_at.astimezone(zone).date()
    last = valid_until or (kind.validity.last_day(sent_on) if kind.validity else None)
    return version.model_copy(
        update={"state": "accepted", "decided_at": now, "agent": agent, "valid_until": last}
    )


def _ended(versions: Sequence[Version], states: Sequence[VersionState]) -> tuple[Version, ...]:
    """Replaced where they are in one of these states; what nobody has looked at keeps no file."""
    return tuple(
        one.model_copy(
            update={"state": "replaced", "files": one.files if one.state == "accepted" else ()}
        )
        if one.state in states
        else one
        for one in versions
    )


def _named(document: SupportingDocument, kind: DocumentType) -> dict[str, str | None]:
    return {
        "document": document.id, **document.about.model_dump(),
        "title": None if kind.health else kind.name,
    }  # fmt: skip
