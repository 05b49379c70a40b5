"""One account in several towns and families."""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.api.access import FAMILY_OFFICE, REPEATED
from services.identity.commands import memberships
from services.identity.commands.base import Identity
from services.identity.domain.devices import device_label
from services.identity.schemas.accounts import LinkedFamily
from services.identity.schemas.memberships import (
    LinkedAccount,
    LinkedAccounts,
    MyTown,
    MyTowns,
    NoticeRead,
    NoticeShown,
    NoticeText,
    TownSwitch,
)
from services.identity.schemas.sessions import TokenPair
from shared.auth import ACCOUNT
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route


async def get_my_towns(identity: Identity, call: Call[NoBody, NoQuery]) -> MyTowns:
    found = await queries.my_towns(identity, call.known_bearer)
    return MyTowns(
        towns=[
            MyTown(
                town=one.town, name=name, joined_at=one.joined_at,
                families=[
                    LinkedFamily(family=link.family, guardian=link.guardian)
                    for link in one.families
                ],
                roles=list(one.roles), current=one.town == call.town,
            )
            for one, name in found
        ]
    )  # fmt: skip


async def post_town_switch(identity: Identity, call: Call[TownSwitch, NoQuery]) -> TokenPair:
    tokens = await memberships.switch_town(
        identity,
        call.known_bearer,
        call.body.town,
        device_label(call.user_agent),
        call.known_command,
    )
    return TokenPair(**asdict(tokens))


async def get_notice(identity: Identity, call: Call[NoBody, NoQuery]) -> NoticeShown:
    notice, read = await queries.notice(identity, call.known_bearer)
    if notice is None:
        return NoticeShown(notice=None, read_at=None)
    seen = read.read_at if read and read.version == notice.version else None
    return NoticeShown(notice=NoticeText(**notice.model_dump()), read_at=seen)


async def post_notice_reading(identity: Identity, call: Call[NoticeRead, NoQuery]) -> Empty:
    await memberships.read_notice(
        identity, call.known_bearer, call.body.version, call.known_command
    )
    return Empty()


async def get_family_accounts(identity: Identity, call: Call[NoBody, NoQuery]) -> LinkedAccounts:
    found = await queries.family_accounts(identity, call.agent_scope, call.path["family"])
    return LinkedAccounts(
        accounts=[
            LinkedAccount(
                account=account.id, guardian=link.guardian,
                first_name=account.person.first_name, last_name=account.person.last_name,
                login_name=account.login_name, email=account.email,
                activated=account.state == "active" and account.password is not None,
                since=link.since,
            )
            for account, link in found
        ]
    )  # fmt: skip


async def delete_family_account(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await memberships.unlink_family(
        identity, call.agent_scope, call.path["account"], call.path["family"]
    )
    return Empty()


ROUTES = [
    Route("GET", "/my-towns", get_my_towns, "The towns of the bearer's account", ACCOUNT, MyTowns),
    Route(
        "POST", "/town-switches", post_town_switch,
        "Tokens for another town, without typing the password again", ACCOUNT, TokenPair,
        body=TownSwitch, status=201, idempotent=True,
        refusals=("not-of-this-town", "login-session-ended", "too-busy", *REPEATED),
    ),
    Route(
        "GET", "/notice", get_notice, "The town's first-login notice, and when it was read",
        ACCOUNT, NoticeShown,
    ),
    Route(
        "POST", "/notice-readings", post_notice_reading, "« J'ai compris »", ACCOUNT, Empty,
        body=NoticeRead, status=204, idempotent=True,
        refusals=("notice-outdated", "too-busy", *REPEATED),
    ),
    Route(
        "GET", "/families/{family}/accounts", get_family_accounts,
        "The accounts that are guardians of a family", FAMILY_OFFICE, LinkedAccounts,
    ),
    Route(
        "DELETE", "/families/{family}/accounts/{account}", delete_family_account,
        "Withdraw an account's link to a family; its tokens lose it within five minutes",
        FAMILY_OFFICE, Empty, status=204, refusals=("too-busy",),
    ),
]  # fmt: skip
