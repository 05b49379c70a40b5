"""A family of two parents and two children, of whom the second parent sees one."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.family.commands.importing import import_families
from services.family.domain.household import family_id
from services.family.store.families import FAMILIES
from shared.ids import new_id
from tests.family.test_spreadsheet import CHILD, CO_HOLDER, CONTACT, HEADER, HOLDER
from tests.world import World

HIDDEN = CHILD.replace(";3;", ";5;").replace("Zoé", "Tom").replace(";voir;", ";aucun;")
FILE = HEADER + HOLDER + CO_HOLDER + CHILD + HIDDEN + CONTACT


@dataclass
class Home:
    """Its ids; the accounts are those of the two parents. The second may see ``zoe``, decide
    nothing, and does not see ``tom``."""

    running: World
    family: str
    holder: str
    co_holder: str
    zoe: str
    tom: str
    account: str = field(default_factory=new_id)
    other_account: str = field(default_factory=new_id)

    def token(self) -> str:
        """The holder's."""
        return self.running.token(account=self.account, families={self.family: self.holder})

    def other_token(self) -> str:
        """The second parent's."""
        return self.running.token(
            account=self.other_account, families={self.family: self.co_holder}
        )


async def home_in(running: World, reference: str = "12") -> Home:
    """Import a family, and know its members."""
    text = FILE.replace("12;", f"{reference};")
    report = await import_families(running.state("family"), "veyras", text.encode())
    assert report.stored, report.problems
    family = family_id("veyras", reference)
    document = await running.store("family").get(FAMILIES, family)
    assert document is not None
    holder, co_holder = (one["id"] for one in document["guardians"])
    children = {one["first_name"]: one["id"] for one in document["children"]}
    return Home(running, family, holder, co_holder, children["Zoé"], children["Tom"])
