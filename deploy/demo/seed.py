"""What the demo starts from: two towns, their families, keys, agents."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.demo.generator import generate
from services.family.commands.importing import import_families
from services.family.service import state_of
from services.identity.commands.agents import create_agent
from services.identity.commands.family_keys import issue_all
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from services.identity.service import assemble, load_keys
from shared.runner import Parts, Runner
from shared.town_files import read_town_file
from shared.waiting import eventually

TOWNS = Path(__file__).parent / "towns"
FAMILIES = 200
_SEED = 20260901
#: How many keys are left to be used, and which the story takes: neighbours take those around it.
_KEYS = 16
STORY_KEY = 9
AGENT_PASSWORD = "sept-cartables-repeints"  # noqa: S105 - printed for whoever tries the demo


@dataclass(frozen=True)
class DemoAccount:
    """Somebody one can log in as."""

    what: str
    town: str
    login_name: str
    password: str


@dataclass(frozen=True)
class Accounts:
    """The people of the demo, and a free family key per town for who signs up."""

    people: tuple[DemoAccount, ...]
    keys: dict[str, list[str]] = field(default_factory=dict)

    def save(self, file: Path) -> None:
        """Keep them for the next start."""
        file.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1))

    @staticmethod
    def load(file: Path) -> Accounts | None:
        """Those of an earlier start."""
        if not file.exists():
            return None
        raw: dict[str, Any] = json.loads(file.read_text())
        return Accounts(tuple(DemoAccount(**one) for one in raw["people"]), raw["keys"])


def _parts(runner: Runner, service: str) -> Parts:
    return next(one.parts for one in runner.running if one.service.name == service)


async def seed(runner: Runner) -> Accounts:
    """Load towns, import families, make agents and keys; the services' relays say it all."""
    identity_parts = _parts(runner, "identity")
    identity = assemble(identity_parts)
    await load_keys(identity, identity_parts)
    family = state_of(_parts(runner, "family"))
    people: list[DemoAccount] = []
    keys: dict[str, list[str]] = {}
    for file in sorted(TOWNS.glob("*.yaml")):
        town = read_town_file(file.read_bytes())
        slug = town.town
        await load_town(identity, town)

        async def known(slug: str = slug) -> bool:
            return await family.towns.find(slug) is not None

        await eventually(known)
        content = generate(_SEED, slug, town.schools[0].id, FAMILIES)
        report = await import_families(family, slug, content.encode())
        if report.problems:
            raise RuntimeError(f"the demo's own families are refused: {report.problems[0]}")
        login = f"agent.{slug}"
        await create_agent(
            identity, slug, login, f"{login}@preau.example", Person(first_name="Dominique",
            last_name="Agent"), ["childcare_office", "billing_office", "collection_officer",
            "administrator"], AGENT_PASSWORD,
        )  # fmt: skip
        people.append(DemoAccount(f"agent de la mairie, {town.name}", slug, login, AGENT_PASSWORD))

        async def heard(slug: str = slug) -> bool:
            return len(await identity.store.family_page(slug, "", FAMILIES)) == FAMILIES

        await eventually(heard, within=30)
        keys[slug] = []
        async for printed in issue_all(identity, slug, "demo"):
            keys[slug].append(printed.key)
            if len(keys[slug]) == _KEYS:
                break
    return Accounts(tuple(people), keys)
