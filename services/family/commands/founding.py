"""A family's record made at the desk, beside those that may be the same family's."""

from __future__ import annotations

from collections.abc import Sequence

from services.family.commands.dossiers import answered, entry
from services.family.commands.registering import form
from services.family.commands.uploads import own_named
from services.family.domain.fields import rules_of
from services.family.domain.household import Family, family_id
from services.family.domain.kinds import Setting
from services.family.domain.named_files import drafted_files
from services.family.domain.parts import Author
from services.family.domain.registration import built
from services.family.domain.work import Actor, Work
from services.family.queries.households import alike
from services.family.schemas.registrations import DraftIn
from services.family.state import State
from services.family.store.families import family_in
from shared.auth import AgentScope
from shared.errors import Refused
from shared.web.routes import Command


async def found(
    state: State,
    scope: AgentScope,
    reference: str | None,
    draft: DraftIn,
    apart_from: Sequence[str],
    command: Command,
) -> Family:
    """Make a record as an agent fills it in; the same command again changes nothing.

    Raises ``Refused``: ``possible-duplicates`` with every record that may be the same family's and
    is not among ``apart_from``; ``reference-taken``; what is wrong with the form.
    """
    number = reference or f"G-{command.id[-10:].upper()}"
    family = family_id(scope.town, number)
    if (made := await _made(state, family, command)) is not None:
        return made
    await own_named(state, scope, drafted_files(draft.household, draft.children))
    file = (await state.towns.get(scope.town)).file
    work = Work(
        family=Family(
            id=family, town=scope.town, reference=number, guardians=(), children=(), contacts=()
        ),
        rules=rules_of(file.dossier),
        setting=Setting(file, state.clock.town(), Author(account=scope.account, agent=True)),
        actor=Actor(roles=scope.roles), seal=state.seal, open=state.open,
    )  # fmt: skip
    fresh = built(work, command.id, form(draft))
    await _check_alike(state, scope, fresh, apart_from)
    done = entry(state, family, command, {"family": family})
    if await state.families.insert(fresh, done):
        return fresh
    return await _made(state, family, command) or fresh


async def _made(state: State, family: str, command: Command) -> Family | None:
    """The record that this command made already. Raises ``Refused``: ``reference-taken`` when it
    is another's, ``idempotency-key-reused``."""
    document = (await state.families.of_ids([family])).get(family)
    if document is None:
        return None
    if answered(state, document, command) is None:
        raise Refused(
            "reference-taken", "Ce numéro de dossier est déjà pris.", field="/reference"
        )  # fmt: skip
    return family_in(document)


async def _check_alike(
    state: State, scope: AgentScope, fresh: Family, apart_from: Sequence[str]
) -> None:
    like = [
        (other, how)
        for other, how in await alike(state, scope, fresh)
        if other.id not in apart_from
    ]
    if like:
        raise Refused(
            "possible-duplicates",
            "Cette famille a peut-être déjà un dossier. Ouvrez-le, ou confirmez que c'en est une"
            " autre.",
            field="/apart_from",
            candidates=[
                {
                    "family": other.id, "reference": other.reference, "points": how.points,
                    "reasons": [reason.words for reason in how.reasons],
                }
                for other, how in like
            ],
        )  # fmt: skip
