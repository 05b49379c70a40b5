"""Shared tablets: registered by administrators, unlocked by animators."""

from __future__ import annotations

from dataclasses import asdict

from services.identity.api.access import ADMINISTRATOR, REPEATED
from services.identity.commands import tablets
from services.identity.commands.base import Identity
from services.identity.domain.devices import device_label
from services.identity.domain.tablets import Tablet
from services.identity.schemas.sessions import RefreshToken, TokenPair
from services.identity.schemas.tablets import (
    PinChosen,
    TabletAnimator,
    TabletAnimators,
    TabletCard,
    TabletPage,
    TabletRegistered,
    TabletShown,
    TabletWanted,
    Unlocking,
)
from shared.auth import ACCOUNT, PUBLIC
from shared.errors import Refused
from shared.web.routes import Call, Empty, NoBody, NoQuery, PageQuery, Route


async def post_tablet(identity: Identity, call: Call[TabletWanted, NoQuery]) -> TabletRegistered:
    tablet, secret = await tablets.register(
        identity, call.agent_scope, call.body.name, call.body.site, call.known_command
    )
    return TabletRegistered(**_card(tablet).model_dump(), secret=secret)


async def get_tablets(identity: Identity, call: Call[NoBody, PageQuery]) -> TabletPage:
    asked = call.query
    found = await identity.store.tablets(call.agent_scope, asked.after, asked.limit)
    items = tuple(_card(one) for one in found)
    return TabletPage(items=items, next=items[-1].tablet if len(items) == asked.limit else None)


async def delete_tablet(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await tablets.revoke(identity, call.agent_scope, call.path["tablet"])
    return Empty()


async def post_pin(identity: Identity, call: Call[PinChosen, NoQuery]) -> Empty:
    await tablets.set_pin(
        identity,
        call.known_bearer,
        call.body.password.get_secret_value(),
        _digits(call.body.pin.get_secret_value()),
        call.address,
        call.known_command,
    )
    return Empty()


async def post_animators(identity: Identity, call: Call[TabletShown, NoQuery]) -> TabletAnimators:
    found = await tablets.animators(identity, call.town, call.body.secret.get_secret_value())
    return TabletAnimators(
        animators=[
            TabletAnimator(
                account=one.id, first_name=one.person.first_name, last_name=one.person.last_name
            )
            for one in found
        ]
    )


async def post_unlocking(identity: Identity, call: Call[Unlocking, NoQuery]) -> TokenPair:
    tokens = await tablets.unlock(
        identity,
        call.town,
        call.body.secret.get_secret_value(),
        call.body.account,
        _digits(call.body.pin.get_secret_value()),
        device_label(call.user_agent),
        call.known_command,
    )
    return TokenPair(**asdict(tokens))


async def post_locking(identity: Identity, call: Call[RefreshToken, NoQuery]) -> Empty:
    await tablets.lock(identity, call.town, call.body.refresh_token.get_secret_value())
    return Empty()


def _digits(pin: str) -> str:
    if not (pin.isascii() and pin.isdigit()):
        raise Refused("invalid-input", "Le code a six chiffres.", status=422, field="/pin")
    return pin


def _card(tablet: Tablet) -> TabletCard:
    return TabletCard(
        tablet=tablet.id, name=tablet.name, site=tablet.site,
        registered_at=tablet.registered_at, revoked_at=tablet.revoked_at,
    )  # fmt: skip


ROUTES = [
    Route(
        "POST", "/tablets", post_tablet, "Register a shared tablet of a site", ADMINISTRATOR,
        TabletRegistered, body=TabletWanted, status=201, idempotent=True,
        refusals=("site-unknown", "keys-not-repeatable", "too-busy", *REPEATED),
    ),
    Route(
        "GET", "/tablets", get_tablets, "The town's shared tablets", ADMINISTRATOR, TabletPage,
        query=PageQuery,
    ),
    Route(
        "DELETE", "/tablets/{tablet}", delete_tablet,
        "A lost tablet opens nothing any more; what it has open ends within five minutes",
        ADMINISTRATOR, Empty, status=204,
    ),
    Route(
        "POST", "/pins", post_pin, "The bearer's own PIN for shared tablets", ACCOUNT, Empty,
        body=PinChosen, status=204, idempotent=True,
        refusals=(
            "pin-too-easy", "wrong-password", "not-an-animator", "too-many-attempts", "too-busy",
            *REPEATED,
        ),
    ),
    Route(
        "POST", "/tablet-animators", post_animators,
        "Who may unlock a tablet today, for its first screen", PUBLIC, TabletAnimators,
        body=TabletShown, refusals=("tablet-unknown",),
    ),
    Route(
        "POST", "/tablet-sessions", post_unlocking,
        "Unlock a tablet: the animator's role at its site, for two hours at most, fifteen minutes"
        " without a token; `POST /tokens` gives the next", PUBLIC, TokenPair, body=Unlocking,
        status=201, idempotent=True,
        refusals=(
            "tablet-unknown", "wrong-pin", "too-many-attempts", "login-session-ended", "too-busy",
            *REPEATED,
        ),
    ),
    Route(
        "POST", "/tablet-locks", post_locking, "Lock a tablet, by its last refresh token", PUBLIC,
        Empty, body=RefreshToken, status=204, idempotent=True,
        refusals=("login-session-ended",),
    ),
]  # fmt: skip
