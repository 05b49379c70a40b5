"""From the rows of one family to its record: each cell checked, each problem told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.family.domain.household import (
    LEVELS,
    Child,
    Contact,
    ContactKind,
    Family,
    Guardian,
    GuardianRole,
    family_id,
    member_id,
    plain,
)
from services.family.domain.parts import Address
from shared.contracts.family import ChildRights

_GUARDIANS: dict[str, GuardianRole] = {"titulaire": "holder", "co-titulaire": "co_holder"}
_CONTACTS: dict[str, ContactKind] = {"urgence": "emergency", "habilite": "authorised_collector"}
_CHILD = "enfant"
_ROLES = (*_GUARDIANS, _CHILD, *_CONTACTS)
_RIGHTS_COLUMN: dict[GuardianRole, str] = {
    "holder": "droits titulaire",
    "co_holder": "droits co-titulaire",
}
_RIGHTS = {"voir": "see", "decider": "decide", "payer": "pay"}

_OF_ALL = frozenset({"dossier", "personne", "rôle", "nom", "prénom"})
_OF_GUARDIANS = frozenset({"facturé", "téléphone", "courriel", "adresse", "code postal", "ville"})
_OF_CHILDREN = frozenset({"naissance", "école", "niveau", *_RIGHTS_COLUMN.values()})
_OF_CONTACTS = frozenset({"téléphone", "lien"})

_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9./_-]{0,29}")
_EMAIL = re.compile(r"[^@\s;,]+@[^@\s;,]+\.[^@\s;,]+")
_PHONE = re.compile(r"\+?[0-9][0-9 .()/-]*")
_POSTCODE = re.compile(r"[0-9]{5}")
_DATE = re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})")
_MAX_TEXT = 100
_OLDEST = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a line (from 1) and, when one cell is at fault, in which column."""

    line: int
    column: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; reading a cell tells what is wrong with it."""

    line: int
    cells: Mapping[str, str]
    problems: list[Problem]

    def fault(self, column: str | None, message: str) -> None:
        """Tell a problem of this line."""
        self.problems.append(Problem(self.line, column, message))

    def text(self, column: str, *, required: bool = False) -> str | None:
        """A cell's text on one line, or None when it is empty."""
        text = unicodedata.normalize("NFC", " ".join(self.cells.get(column, "").split()))
        if not text:
            if required:
                self.fault(column, "Cette cellule est obligatoire.")
            return None
        if len(text) > _MAX_TEXT:
            self.fault(column, f"Texte trop long (au plus {_MAX_TEXT} caractères).")
            return None
        if not text.isprintable():
            self.fault(column, "Cette cellule contient un caractère non admis.")
            return None
        return text

    def matching(
        self, column: str, pattern: re.Pattern[str], message: str, *, required: bool = False
    ) -> str | None:
        """A cell's text, which must match."""
        text = self.text(column, required=required)
        if text is not None and not pattern.fullmatch(text):
            self.fault(column, message)
            return None
        return text

    def number(self, column: str) -> str | None:
        """A number given by the town, in capitals."""
        text = self.text(column, required=True)
        if text is not None and not _NUMBER.fullmatch(text.upper()):
            self.fault(column, "Numéro non admis : chiffres, lettres, « . », « / », « - », « _ ».")
            return None
        return text and text.upper()

    def reference(self) -> str | None:
        """The number of the family the line belongs to."""
        return self.number("dossier")

    def role(self) -> str | None:
        """The role, lower-case and without accents."""
        text = self.text("rôle", required=True)
        if text is None:
            return None
        role = plain(text).replace("cotitulaire", "co-titulaire")
        if role not in _ROLES:
            self.fault("rôle", "Rôle inconnu : titulaire, co-titulaire, enfant, urgence ou"
                       " habilité.")  # fmt: skip
            return None
        return role

    def only(self, columns: frozenset[str]) -> None:
        """Refuse what is written where it would not be read."""
        for column, cell in self.cells.items():
            if cell.strip() and column not in columns and column not in _OF_ALL:
                self.fault(column, "Sans objet pour ce rôle : laissez cette cellule vide.")

    def phone(self, *, required: bool = False) -> str | None:
        """A telephone number as written."""
        text = self.matching(
            "téléphone", _PHONE, "Numéro de téléphone non reconnu.", required=required
        )
        if text is None:
            return None
        digits = sum(letter.isdigit() for letter in text)
        if digits == 9 and not text.startswith(("0", "+")):
            self.fault("téléphone", "Il manque un chiffre : le tableur a sans doute retiré le"
                       " zéro initial.")  # fmt: skip
            return None
        if not 6 <= digits <= 15:
            self.fault("téléphone", "Numéro de téléphone non reconnu.")
            return None
        return text

    def address(self) -> Address | None:
        """The postal address: its three cells, or none of them."""
        if not any(
            self.cells.get(name, "").strip() for name in ("adresse", "code postal", "ville")
        ):
            return None
        street = self.text("adresse", required=True)
        postcode = self.matching(
            "code postal", _POSTCODE, "Un code postal a cinq chiffres.", required=True
        )
        city = self.text("ville", required=True)
        if street and postcode and city:
            return Address(street=street, postcode=postcode, city=city)
        return None

    def birth_date(self, today: date) -> date | None:
        """A date of birth, not after ``today``."""
        text = self.text("naissance", required=True)
        if text is None:
            return None
        french = _DATE.fullmatch(text)
        try:
            day = (
                date(int(french["year"]), int(french["month"]), int(french["day"]))
                if french
                else date.fromisoformat(text)
            )
        except ValueError:
            self.fault("naissance", "Date non reconnue : écrivez JJ/MM/AAAA.")
            return None
        if not _OLDEST <= day <= today:
            self.fault("naissance", "Cette date de naissance n'est pas possible.")
            return None
        return day

    def yes(self, column: str) -> bool:
        """Whether a cell says yes; empty is no."""
        text = plain(self.text(column) or "non")
        if text not in ("oui", "non"):
            self.fault(column, "Écrivez oui, non, ou laissez vide.")
        return text == "oui"

    def rights(self, column: str) -> frozenset[str]:
        """The rights a cell gives: all when empty."""
        text = plain(self.text(column) or "voir, decider, payer")
        if text == "aucun":
            return frozenset()
        named = [part.strip() for part in text.split(",")]
        if any(part not in _RIGHTS for part in named):
            self.fault(column, "Écrivez aucun, ou des droits parmi voir, décider, payer,"
                       " séparés par des virgules.")  # fmt: skip
        return frozenset(_RIGHTS.get(part, "") for part in named)


@dataclass(frozen=True, slots=True)
class _Member:
    """A row whose person and role are known, and nobody else's."""

    row: Row
    id: str
    role: str


def family_of(
    town: str, reference: str, rows: Sequence[Row], schools: frozenset[str], today: date
) -> Family | None:
    """The family its rows describe; None when problems left nothing to build."""
    members = _members(family_id(town, reference), rows)
    adults = [member for member in members if member.role in _GUARDIANS]
    children = [member for member in members if member.role == _CHILD]
    _one_of_each_role(rows[0], adults)
    built = [_child(member, schools, today) for member in children]
    _no_twice([child for child in built if child], children)
    rights = _rights_by_role(children, {_GUARDIANS[member.role] for member in adults})
    contacts = [_contact(member) for member in members if member.role in _CONTACTS]
    invoiced = _invoiced(adults)
    guardians = [_guardian(member, invoiced, rights) for member in adults]
    if not guardians or None in guardians or None in built or None in contacts:
        return None
    return Family(
        id=family_id(town, reference),
        town=town,
        reference=reference,
        guardians=tuple(
            sorted((one for one in guardians if one), key=lambda one: one.role, reverse=True)
        ),
        children=tuple(one for one in built if one),
        contacts=tuple(one for one in contacts if one),
    )


def _members(family: str, rows: Sequence[Row]) -> list[_Member]:
    lines: dict[str, int] = {}
    members = []
    for row in rows:
        person, role = row.number("personne"), row.role()
        if person is None or role is None:
            continue
        if person in lines:
            row.fault("personne", f"Ce numéro est déjà celui de la ligne {lines[person]}.")
            continue
        lines[person] = row.line
        members.append(_Member(row, member_id(family, person), role))
    return members


def _one_of_each_role(first: Row, adults: Sequence[_Member]) -> None:
    for role in _GUARDIANS:
        for extra in [adult for adult in adults if adult.role == role][1:]:
            extra.row.fault("rôle", f"Ce dossier a déjà un {role}.")
    if not any(_GUARDIANS[adult.role] == "holder" for adult in adults):
        first.fault("rôle", "Ce dossier n'a pas de titulaire.")


def _invoiced(adults: Sequence[_Member]) -> str | None:
    """Who is invoiced: who is marked, else the holder."""
    marked = [adult for adult in adults if adult.row.yes("facturé")]
    for extra in marked[1:]:
        extra.row.fault("facturé", "Une seule personne du dossier reçoit les factures.")
    holders = [adult for adult in adults if _GUARDIANS[adult.role] == "holder"]
    return next((adult.id for adult in (*marked, *holders)), None)


RightsByRole = dict[GuardianRole, tuple[ChildRights, ...]]


def _rights_by_role(children: Sequence[_Member], present: set[GuardianRole]) -> RightsByRole:
    rights: RightsByRole = {}
    for role, column in _RIGHTS_COLUMN.items():
        given = [(child.id, child.row.rights(column)) for child in children]
        rights[role] = tuple(
            ChildRights(child=child, see="see" in some, decide="decide" in some, pay="pay" in some)
            for child, some in given
        )
        if role not in present:
            for child in children:
                if child.row.cells.get(column, "").strip():
                    child.row.fault(column, "Ce dossier n'a pas ce responsable.")
    return rights


def _guardian(member: _Member, invoiced: str | None, rights: RightsByRole) -> Guardian | None:
    row, role = member.row, _GUARDIANS[member.role]
    row.only(_OF_GUARDIANS)
    name = _name(row)
    phone, address = row.phone(), row.address()
    email = row.matching("courriel", _EMAIL, "Adresse électronique non reconnue.")
    if name is None:
        return None
    return Guardian(
        id=member.id, role=role, first_name=name[0], last_name=name[1], phone=phone, email=email,
        address=address, invoiced=member.id == invoiced, rights=rights[role],
    )  # fmt: skip


def _child(member: _Member, schools: frozenset[str], today: date) -> Child | None:
    row = member.row
    row.only(_OF_CHILDREN)
    name, birth_date = _name(row), row.birth_date(today)
    school = row.text("école")
    if school is not None and school not in schools:
        row.fault("école", f"École inconnue (connues : {', '.join(sorted(schools))}).")
    level = row.text("niveau")
    if level is not None and level.upper() not in LEVELS:
        row.fault("niveau", f"Niveau inconnu (connus : {', '.join(LEVELS)}).")
    if name is None or birth_date is None:
        return None
    return Child(
        id=member.id, first_name=name[0], last_name=name[1], birth_date=birth_date,
        school=school, level=level and level.upper(),
    )  # fmt: skip


def _contact(member: _Member) -> Contact | None:
    row = member.row
    row.only(_OF_CONTACTS)
    name, phone = _name(row), row.phone(required=True)
    relation = row.text("lien")
    if name is None or phone is None:
        return None
    return Contact(
        id=member.id, kind=_CONTACTS[member.role], first_name=name[0], last_name=name[1],
        phone=phone, relation=relation,
    )  # fmt: skip


def _name(row: Row) -> tuple[str, str] | None:
    last_name, first_name = row.text("nom", required=True), row.text("prénom", required=True)
    return (first_name, last_name) if first_name and last_name else None


def _no_twice(built: Sequence[Child], members: Sequence[_Member]) -> None:
    """The same child twice in one family is a mistake; two children of a name are not."""
    lines = {member.id: member.row for member in members}
    first: dict[tuple[str, str, date], int] = {}
    for child in built:
        key = (plain(child.first_name), plain(child.last_name), child.birth_date)
        row = lines[child.id]
        if key in first:
            row.fault("prénom", f"Cet enfant figure déjà à la ligne {first[key]}.")
        first.setdefault(key, row.line)
