"""The town file as a whole, and what has to agree across its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import time
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, Field, field_validator, model_validator

from shared.contracts.town_file.activities import Activity
from shared.contracts.town_file.answers import OwnAnswer
from shared.contracts.town_file.calendars import Calendar, Periods
from shared.contracts.town_file.collecting import CollectionOffice
from shared.contracts.town_file.conditions import Audience, Scope
from shared.contracts.town_file.cutoffs import BUILT_IN, HoursCutoff, PeriodCutoff
from shared.contracts.town_file.documents import REQUEST_PROOFS, DocumentType
from shared.contracts.town_file.dossier import Dossier
from shared.contracts.town_file.enrolments import EnrolmentGroup
from shared.contracts.town_file.grids import check_cost, check_for_all, check_grid
from shared.contracts.town_file.letters import DEFAULT_LETTERS, LetterCategory
from shared.contracts.town_file.parts import (
    ClockTime,
    Part,
    Slug,
    Span,
    Text,
    known,
    one_at_a_time,
    unique,
)
from shared.contracts.town_file.portal import PortalSettings
from shared.contracts.town_file.prices import Pricing, Tariff
from shared.contracts.town_file.rules import Counter, Times
from shared.roles import Role


@lru_cache(maxsize=1)
def _zones() -> Set[str]:
    """The names of the IANA list; to read them anew walks through a thousand files."""
    return available_timezones()


class Contact(Part):
    """The block at the foot of every page and mail."""

    service: Text
    telephone: Text
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    hours: Text


class DigestSettings(Part):
    """When decisions are mailed (``design/digest.md``), in the town's time."""

    at: Annotated[tuple[ClockTime, ...], Field(min_length=1, max_length=6)] = (time(13), time(18))
    leave_out_receipted: bool = False
    immediate_mail: bool = False
    show_agents: bool = False
    show_units: bool = False

    @field_validator("at")
    @classmethod
    def _whole_minutes_in_order(cls, at: tuple[time, ...]) -> tuple[time, ...]:
        if any(cut.second or cut.microsecond or cut.tzinfo for cut in at):
            raise ValueError("les heures des bilans sont des minutes entières, sans fuseau.")
        if list(at) != sorted(set(at)):
            raise ValueError("les heures des bilans vont en croissant, chacune une fois.")
        return at


class Notice(Part):
    """What is shown after a login until its reader says « J'ai compris »; another ``version``
    is shown again."""

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")]
    title: Text
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class QuotientConsent(Part):
    """What a family agrees to before the town asks the CAF or the MSA for its quotient; another
    text is another ``version``."""

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")]
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class FranceConnect(Part):
    """Families may log in with FranceConnect; ``siret`` is the town's, which API Particulier
    wants to know; without ``quotient_consent`` no quotient is asked of families."""

    siret: Annotated[str, Field(pattern=r"^[0-9]{14}$")] | None = None
    quotient_consent: QuotientConsent | None = None

    @model_validator(mode="after")
    def _sound(self) -> FranceConnect:
        if self.siret is not None and _luhn(self.siret) % 10:
            raise ValueError("siret: un chiffre est faux (la clé de contrôle ne correspond pas).")
        if self.quotient_consent is not None and self.siret is None:
            raise ValueError(
                "quotient_consent: il faut le `siret` de la commune pour demander un quotient."
            )
        return self


def _luhn(digits: str) -> int:
    doubled = [int(one) * (1 + place % 2) for place, one in enumerate(digits, start=1)]
    return sum(value - 9 if value > 9 else value for value in doubled)


class FamilyKeySettings(Part):
    """The keys that link an account to its family (row ID6). ``called``: the town's own word for
    them. ``once``: a key for each guardian, that works once; ``per_adult``: one for the household,
    that works once for each of its guardians."""

    called: Text = "clé famille"
    use: Literal["once", "per_adult"] = "once"
    valid_days: Annotated[int, Field(ge=7, le=1100)] = 400


class AgentSettings(Part):
    """``second_factor``: the roles that an agent has only in login sessions opened with one."""

    second_factor: tuple[Role, ...] = ("administrator", "billing_office", "collection_officer")


class School(Part):
    """A school; children belong to one."""

    id: Slug
    name: Text


class TownFile(Part):
    """Everything a town decides.

    ``bridge_days`` and ``local_holidays`` close every calendar that observes public holidays;
    ``school_holidays`` are those of the calendars without a ``school_zone`` (Corsica, overseas).
    """

    town: Slug
    name: Text
    time_zone: str
    contact: Contact
    portal: PortalSettings = PortalSettings()
    digest: DigestSettings = DigestSettings()
    family_key: Literal["required", "optional", "hidden"] = "optional"
    dossier: Dossier = Dossier()
    first_login_notice: Notice | None = None
    franceconnect: FranceConnect | None = None
    family_keys: FamilyKeySettings = FamilyKeySettings()
    agents: AgentSettings = AgentSettings()
    schools: Annotated[tuple[School, ...], Field(min_length=1)]
    audiences: Annotated[tuple[Audience, ...], Field(max_length=60)] = ()
    calendars: Annotated[tuple[Calendar, ...], Field(min_length=1)]
    local_holidays: Annotated[tuple[Span, ...], Field(max_length=100)] = ()
    bridge_days: Annotated[tuple[Span, ...], Field(max_length=100)] = ()
    school_holidays: Annotated[tuple[Span, ...], Field(max_length=200)] = ()
    periods: Periods = ()
    counters: Annotated[tuple[Counter, ...], Field(max_length=60)] = ()
    activities: Annotated[tuple[Activity, ...], Field(min_length=1)]
    answers: Annotated[tuple[OwnAnswer, ...], Field(max_length=40)] = ()
    enrolments: Annotated[tuple[EnrolmentGroup, ...], Field(max_length=60)] = ()
    documents: Annotated[tuple[DocumentType, ...], Field(max_length=60)] = ()
    letters: Annotated[tuple[LetterCategory, ...], Field(max_length=40)] = ()
    collection_office: CollectionOffice
    tariffs: tuple[Tariff, ...] = ()
    pricing: Pricing = Pricing()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in _zones():
            raise ValueError(f"fuseau horaire inconnu : « {zone} ».")
        return zone

    @field_validator("town")
    @classmethod
    def _not_reserved(cls, town: str) -> str:
        if town == "all":
            raise ValueError("« all » est réservé.")
        return town

    @model_validator(mode="after")
    def _consistent(self) -> TownFile:
        for name in ("schools", "audiences", "calendars", "periods", "counters", "activities",
                     "enrolments", "documents", "letters", "tariffs"):  # fmt: skip
            unique(name, (part.id for part in getattr(self, name)))
        unique("answers", (one.code for one in self.answers))
        unique("answers", (one.label for one in self.answers))
        unique("calendars", [*(one.id for one in self.calendars), *BUILT_IN])
        self._check_references()
        for calendar in self.calendars:
            if calendar.school_days == "holidays" and not self._has_school_holidays(calendar):
                raise ValueError(
                    f"calendars: {calendar.id}: school_days: dites quelles vacances, par "
                    "`school_zone` ou par les `school_holidays` de la commune."
                )
        for earlier, later in pairwise(sorted(self.periods, key=lambda period: period.first)):
            if later.first <= earlier.last:
                raise ValueError(f"periods: {later.id}: commence avant la fin de « {earlier.id} ».")
        for activity in self.activities:
            _check_lawful(activity)
            self._check_readable(activity)
        self._check_enrolments()
        self._check_prices()
        return self

    def _check_references(self) -> None:
        declared = {
            field: {part.id for part in parts}
            for field, parts in (
                ("schools", self.schools),
                ("audiences", self.audiences),
                ("counter", self.counters),
            )
        }
        for audience in self.audiences:
            for trait in (*audience.all, *audience.any):
                if trait.fact == "school":
                    named = map(str, trait.is_)
                    known(f"audiences: {audience.id}", named, declared["schools"])
        for means in self.collection_office.means:
            where = f"collection_office: means: {means.means}"
            known(where, means.activities, (one.id for one in self.activities))
        calendars = {one.id for one in self.calendars}
        declared |= {"calendar": calendars, "office": calendars,
                     "counting": calendars | set(BUILT_IN)}  # fmt: skip
        for activity in self.activities:
            where = f"activities: {activity.id}"
            here = {**declared, "units": {unit.id for unit in activity.units}}
            _known_all(where, activity, here)
        declared["activities"] = {activity.id for activity in self.activities}
        for calendar in self.calendars:
            _known_all(f"calendars: {calendar.id}", calendar, declared)
        for group in self.enrolments:
            _known_all(f"enrolments: {group.id}", group, declared)
        for tariff in self.tariffs:
            _known_all(f"tariffs: {tariff.id}", tariff, declared)
        units = {unit.id for activity in self.activities for unit in activity.units}
        _known_all("pricing", self.pricing, {**declared, "units": units})
        self._check_papers(declared)

    def _check_papers(self, declared: Mapping[str, set[str]]) -> None:
        """Documents and letters name what there is."""
        for document in self.documents:
            _known_all(f"documents: {document.id}", document, declared)
        types = self.document_types()
        unique("documents", (*types, *(one.id for one in REQUEST_PROOFS.values())))
        for letter in self.letters:
            known(f"letters: {letter.id}: document", [letter.document or ""], {"", *types})

    def _check_readable(self, activity: Activity) -> None:
        """Refuse rules that would never fit, never give an instant or never count anew: about
        school holidays or periods where no calendar says whose, and hours before a start that is
        not known."""
        calendar = next(one for one in self.calendars if one.id == activity.calendar)
        started = all(unit.starts for unit in activity.units)
        windows = {counter.id: counter.window for counter in self.counters}
        for path, part in _inside(activity):
            where = ": ".join(("activities", activity.id, *path))
            of_holidays = isinstance(part, Scope) and (
                part.in_school_holidays is not None or part.first_days_back is not None
            )
            of_periods = not self.periods and (
                isinstance(part, PeriodCutoff)
                or (isinstance(part, Times) and windows[part.counter] == "period")
            )
            if (of_holidays or of_periods) and not self._has_school_holidays(calendar):
                raise ValueError(
                    f"{where}: il manque `school_zone` au calendrier « {calendar.id} »."
                )
            if isinstance(part, HoursCutoff) and part.of is None and not started:
                raise ValueError(f"{where}: donnez `of`, ou `starts` pour chaque unité.")

    def _has_school_holidays(self, calendar: Calendar) -> bool:
        return bool(calendar.school_zone or self.school_holidays)

    def _check_enrolments(self) -> None:
        """Groups that families can tell apart, and school meals for every pupil."""
        unique("enrolments", (group.title for group in self.enrolments))
        meals = {one.id for one in self.activities if one.service == "school_meals"}
        for group in self.enrolments:
            if meals & {*group.activities} and any(one.audiences for one in group.windows):
                raise ValueError(f"enrolments: {group.id}: windows: {_FOR_EVERY_PUPIL}")

    def _check_prices(self) -> None:
        """One price for everybody, every quotient and every day, of things that are there."""
        units = {(a.id, u.id) for a in self.activities for u in a.units}
        for tariff in self.tariffs:
            for unit in tariff.units:
                if (tariff.activity, unit) not in units:
                    raise ValueError(f"tariffs: {tariff.id}: pas d'unité « {unit} » dans "
                                     f"l'activité « {tariff.activity} ».")  # fmt: skip
            check_grid(tariff, whole=tariff.of == "quotient" and bool(self.pricing.quotient.whole))
            check_cost(tariff)
        one_at_a_time("tariffs", self.tariffs, lambda one: f"{one.about}/{one.for_.key}")
        check_for_all(self.tariffs)
        for name in ("statuses", "adjustments", "late_pick_ups", "paid_by_others"):
            unique(f"pricing.{name}", (one.id for one in getattr(self.pricing, name)))

    def sites(self) -> frozenset[str]:
        """What agents may be bound to: the activities' sites, and schools by id."""
        return frozenset((*(a.site for a in self.activities), *(s.id for s in self.schools)))

    def activity(self, activity_id: str) -> Activity | None:
        """The activity of that id, or None."""
        return next((a for a in self.activities if a.id == activity_id), None)

    def answer(self, code: str) -> OwnAnswer | None:
        """The town's own answer of that code, or None."""
        return next((one for one in self.answers if one.code == code), None)

    def enrolment(self, group_id: str) -> EnrolmentGroup | None:
        """The enrolment group of that id, or None."""
        return next((one for one in self.enrolments if one.id == group_id), None)

    def letter(self, category: str) -> LetterCategory | None:
        """The category of letters of that id, or None."""
        return next((one for one in self.letter_categories() if one.id == category), None)

    def letter_categories(self) -> tuple[LetterCategory, ...]:
        """What families may write about: the usual, where the town declares nothing."""
        return self.letters or DEFAULT_LETTERS

    def document_types(self) -> dict[str, DocumentType]:
        """The documents asked for, by id: those declared, then those that enrolment groups alone
        name, which are of the child and decided by an agent."""
        types = {one.id: one for one in self.documents}
        for group in self.enrolments:
            for asked in group.documents:
                types.setdefault(asked.id, DocumentType(id=asked.id, name=asked.name))
        return types

    def document_type(self, kind: str) -> DocumentType | None:
        """A type that families may send: what goes with a request, or what is asked for."""
        every = {one.id: one for one in REQUEST_PROOFS.values()}
        return every.get(kind) or self.document_types().get(kind)


def _known_all(where: str, part: BaseModel, declared: Mapping[str, set[str]]) -> None:
    """Refuse a name under one of the fields of ``declared`` that is declared nowhere, at any
    depth. A field of names is called the same everywhere."""
    for path, inner in _inside(part):
        for field in type(inner).model_fields:
            value = getattr(inner, field)
            names: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
            if field in declared and all(isinstance(one, str) for one in names):
                known(": ".join((where, *path)), names, declared[field])


def _inside(
    part: BaseModel, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], BaseModel]]:
    """A part and every part below it, with the words that lead there in the file."""
    yield path, part
    for name, info in type(part).model_fields.items():
        for step, inner in _parts(info.alias or name, getattr(part, name)):
            yield from _inside(inner, (*path, *step))


def _parts(name: str, value: Any) -> Iterator[tuple[Sequence[str], BaseModel]]:
    """The parts under a field, with the words that lead there in the file."""
    if isinstance(value, BaseModel):
        yield (name,), value
    elif isinstance(value, tuple):
        for one in value:
            if isinstance(one, BaseModel):
                identity = getattr(one, "id", None)
                yield ((name, identity) if identity else (name,)), one


def _check_lawful(activity: Activity) -> None:
    """School meals are a right of every pupil, whatever the family's situation (code de
    l'éducation L131-13): shape C8."""
    if activity.service != "school_meals":
        return
    limited = [rule.id for rule in activity.deadlines.book if rule.for_.audiences]
    if activity.eligible.audiences or limited or not activity.eligible.children:
        raise ValueError(f"activities: {activity.id}: {_FOR_EVERY_PUPIL}")


_FOR_EVERY_PUPIL = (
    "la cantine est ouverte à tout élève (code de l'éducation, L131-13) : aucun public ne la "
    "réserve avant un autre ni à sa place."
)
