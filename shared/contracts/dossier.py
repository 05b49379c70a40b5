"""The fields of a family's dossier, as one table: what each holds, who may read it, and the rule it
has until a town sets another (``town_file.dossier``).

A field's path is ``<owner>.<name>``. A ``keyed`` field has one value for each thing the town
declares (``child.permissions:photo``, ``household.facts:resident``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Owner = Literal["household", "guardian", "child", "contact"]
#: ``hidden`` from everybody; ``shown``: agents alone change it; ``editable`` by the family;
#: ``required``: editable, and never empty.
FieldRule = Literal["hidden", "shown", "editable", "required"]
#: Whether a family's change counts at once or waits for an agent.
Validation = Literal["automatic", "agent"]
Sensitivity = Literal["ordinary", "contact", "income", "own", "bank", "health"]
#: What a value is made of (``services.family.domain.kinds``).
FieldKind = Literal[
    "text", "long_text", "phone", "email", "address", "date", "birth_date", "yes_no", "school",
    "level", "diet", "scheme", "tax_reference", "tax_shares", "iban", "file", "quotient",
    "insurance", "fact", "consent", "certificate", "doctor", "care_plan", "vaccinations",
    "sex", "birth_place", "birth_country",
]  # fmt: skip

OWNERS: tuple[Owner, ...] = get_args(Owner)


@dataclass(frozen=True, slots=True)
class Reach:
    """Who reads a field besides its own person.

    ``household``: the other guardians, as far as they may see the member; ``protected``: but not
    of a guardian whose address is protected. ``roles``: the agents who do; None for every role
    that reads dossiers. ``sealed``: kept encrypted, read one member at a time, each reading
    recorded.
    """

    household: bool = True
    protected: bool = False
    roles: frozenset[str] | None = None
    sealed: bool = False


_OFFICES = frozenset({"administrator", "billing_office", "childcare_office"})

REACH: Mapping[Sensitivity, Reach] = {
    "ordinary": Reach(),
    "contact": Reach(protected=True),
    "income": Reach(roles=_OFFICES),
    "own": Reach(household=False, roles=_OFFICES),
    "bank": Reach(household=False, roles=frozenset({"billing_office"}), sealed=True),
    "health": Reach(roles=frozenset({"childcare_office", "centre_director"}), sealed=True),
}


@dataclass(frozen=True, slots=True)
class DossierField:
    """One row of the table; ``label`` is what families and agents read."""

    path: str
    label: str
    kind: FieldKind
    sensitivity: Sensitivity = "ordinary"
    rule: FieldRule = "editable"
    validation: Validation = "agent"
    keyed: bool = False

    @property
    def owner(self) -> str:
        """Whose field it is."""
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """Its name among its owner's fields."""
        return self.path.partition(".")[2]

    @property
    def reach(self) -> Reach:
        """Who reads it."""
        return REACH[self.sensitivity]


_F = DossierField
FIELDS: tuple[DossierField, ...] = (
    _F("guardian.first_name", "Prénom", "text", rule="required"),
    _F("guardian.last_name", "Nom", "text", rule="required"),
    _F("guardian.birth_name", "Nom de naissance", "text", "own"),
    _F("guardian.first_names", "Tous les prénoms", "text", "own"),
    _F("guardian.sex", "Sexe (état civil)", "sex", "own"),
    _F("guardian.birth_date", "Date de naissance", "birth_date", "own"),
    _F("guardian.birth_place", "Commune de naissance", "birth_place", "own"),
    _F("guardian.birth_country", "Pays de naissance", "birth_country", "own"),
    _F("guardian.phone", "Téléphone", "phone", "contact"),
    _F("guardian.second_phone", "Autre téléphone", "phone", "contact"),
    _F("guardian.email", "Courriel", "email", "contact"),
    _F("guardian.address", "Adresse postale", "address", "contact"),
    _F("guardian.workplace", "Employeur et lieu de travail", "text", "contact"),
    _F("guardian.work_phone", "Téléphone professionnel", "phone", "contact"),
    _F("guardian.tax_reference", "Numéro fiscal", "tax_reference", "own"),
    _F("guardian.tax_shares", "Nombre de parts", "tax_shares", "own"),
    _F("guardian.benefit_scheme", "Régime", "scheme", "own"),
    _F("guardian.benefit_number", "Numéro d'allocataire", "text", "own"),
    _F("guardian.iban", "IBAN", "iban", "bank"),
    _F("guardian.account_holder", "Titulaire du compte bancaire", "text", "bank"),
    _F("child.first_name", "Prénom", "text", rule="required"),
    _F("child.last_name", "Nom", "text", rule="required"),
    _F("child.birth_date", "Date de naissance", "birth_date", rule="required"),
    _F("child.school", "École", "school"),
    _F("child.level", "Niveau", "level"),
    _F("child.school_class", "Classe", "text"),
    _F("child.diet", "Régime alimentaire", "diet"),
    _F("child.permissions", "Autorisations", "consent", keyed=True),
    _F("child.photo", "Photo", "file"),
    _F("child.allergies", "Allergies", "long_text", "health"),
    _F("child.care_plan", "Projet d'accueil individualisé (PAI)", "care_plan", "health"),
    _F("child.doctor", "Médecin traitant", "doctor", "health"),
    _F("child.vaccinations", "Vaccinations", "vaccinations", "health"),
    _F("child.medical_history", "Antécédents et recommandations", "long_text", "health"),
    _F("child.health_certificate", "Exactitude des informations de santé", "certificate",
       validation="automatic"),
    _F("contact.first_name", "Prénom", "text", rule="required"),
    _F("contact.last_name", "Nom", "text", rule="required"),
    _F("contact.phone", "Téléphone", "phone", rule="required"),
    _F("contact.relation", "Lien avec les enfants", "text"),
    _F("contact.adult", "Personne majeure", "yes_no"),
    _F("contact.birth_date", "Date de naissance (mineur)", "birth_date"),
    _F("household.quotients", "Quotient familial", "quotient", "income"),
    _F("household.insurance", "Assurance scolaire et extrascolaire", "insurance"),
    _F("household.facts", "Situation de la famille", "fact", keyed=True),
)  # fmt: skip

BY_PATH: Mapping[str, DossierField] = {field.path: field for field in FIELDS}
