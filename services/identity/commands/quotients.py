"""The quotient familial that an agent asks for by identity, in the town's mission."""

from __future__ import annotations

from typing import Any

from services.identity.api_particulier import Fetched
from services.identity.commands.base import Identity, change_account
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.quotient import receive_for
from shared.auth import AgentScope
from shared.contracts.family import CivilIdentity
from shared.contracts.identity import AccountFamily
from shared.contracts.town_file import FranceConnect
from shared.errors import Refused, not_found
from shared.web.routes import Command


async def ask_by_identity(
    identity: Identity,
    scope: AgentScope,
    about: AccountFamily,
    who: CivilIdentity,
    command: Command,
) -> dict[str, Any]:
    """``{outcome, fund, value, month}``; what was received is said to family.

    The same command asks the fund once, as long as it received an answer.
    """
    particulier, siret, token = await _access(identity, scope.town)
    await _check_guardian(identity, scope, about)
    agent = await identity.store.account(scope.account)
    if agent is None:
        raise not_found("ce compte")
    if (known := identity.repeats.answer_in(agent, command)) is not None:
        return known
    fetched: Fetched = await particulier.by_identity(who, siret, token)
    quotient = fetched.quotient
    if quotient is None:
        return {"outcome": fetched.outcome, "fund": None, "value": None, "month": None}

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        answer = {"outcome": "received", "fund": quotient.fund, "value": quotient.value,
                  "month": quotient.month}  # fmt: skip
        return receive_for(account, scope.town, about, quotient), answer

    return await change_account(identity, scope.account, command, decide)


async def _access(identity: Identity, town: str) -> tuple[Any, str, str]:
    document = await identity.store.town(town)
    part = document["file"].get("franceconnect") if document else None
    siret = FranceConnect.model_validate(part).siret if part else None
    particulier, token = identity.outside.particulier, identity.outside.tokens.get(town)
    if particulier is None or token is None or siret is None:
        raise Refused(
            "quotient-off", "Cette commune n'a pas d'accès à API Particulier.", status=404
        )
    return particulier, siret, token


async def _check_guardian(identity: Identity, scope: AgentScope, about: AccountFamily) -> None:
    found = await identity.store.families(scope.town, [about.family])
    if not any(one["id"] == about.guardian for family in found for one in family["guardians"]):
        raise not_found("ce responsable")
