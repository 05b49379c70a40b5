"""A régie that collects, accounts to collect from, and a family's acts of direct debit."""

from __future__ import annotations

from typing import Any

from shared.ids import new_id
from tests.billing.conftest import BASE, Office
from tests.world import Answer

ICS = "FR72ZZZ123456"
IBAN, OTHER_IBAN = "FR7630006000011234567890189", "FR7630001007941234567890185"
COLLECTING: dict[str, Any] = {
    "creditor": ICS, "creditor_title": "Régie enfance de Veyras",
    "iban": "FR7610071750000000100420187", "bic": "TRPUFRP1",
}  # fmt: skip


def office_with(**changes: Any) -> dict[str, Any]:
    """The collection office, with these settings of direct debit."""
    return {"code": "VEY", "label": "Régie enfance", "due_days": 10,
            "direct_debit": COLLECTING | changes}  # fmt: skip


async def call(
    office: Office, method: str, path: str, body: dict[str, Any] | None = None, *,
    who: str = "anne", family: str = "f1", role: str | None = None, key: str | None = None,
) -> Answer:  # fmt: skip
    """As a guardian, or as an agent with that role."""
    token = (
        office.world.token(account="agent-1", roles=(role,))
        if role
        else office.world.token(account=who, families={family: f"{family}-{who}"})
    )
    return await office.world.call(method, BASE + path, token=token, json=body, key=key)


async def asked(
    office: Office, *, who: str = "anne", family: str = "f1", key: str | None = None, **changes: Any
) -> Answer:
    """Both steps of a request."""
    body = {"family": family, "direct_debit": True}
    recap = await call(office, "POST", "/direct-debit/recaps", body, who=who, family=family)
    assert recap.status == 200, recap.json
    wish = {
        "family": family, "iban": IBAN, "holder": "Anne D'Éon", "agreed": True,
        "agreed_on": "2026-09-14", "counts_from": recap.json["counts_from"],
    } | changes  # fmt: skip
    return await call(
        office, "POST", "/direct-debit/requests", wish, who=who, family=family, key=key
    )


async def decided(
    office: Office, what: str, body: dict[str, Any] | None = None, *, family: str = "f1",
    key: str | None = None, role: str = "collection_officer",
) -> Answer:  # fmt: skip
    """What an agent answers: ``acceptances``, ``refusals``, ``resumptions``, ``ends``."""
    path = f"/office/direct-debits/{family}/{what}"
    return await call(office, "POST", path, body, role=role, key=key or new_id())


async def mandated(office: Office, family: str = "f1", **changes: Any) -> dict[str, Any]:
    """A mandate in force."""
    made = await asked(office, family=family, **changes)
    assert made.status == 201, made.json
    body = {"request": made.json["request"]["request"]}
    given = await decided(office, "acceptances", body, family=family)
    assert given.status == 201, given.json
    mandate: dict[str, Any] = given.json["mandate"]
    return mandate
