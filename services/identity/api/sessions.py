"""Logging in, tokens, logging out."""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.api.access import REPEATED
from services.identity.commands import sessions
from services.identity.commands.base import Identity
from services.identity.domain.devices import device_label
from services.identity.schemas.sessions import (
    Credentials,
    OpenSession,
    OpenSessions,
    RefreshToken,
    TokenPair,
)
from shared.auth import ACCOUNT, PUBLIC
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route


async def post_login_session(identity: Identity, call: Call[Credentials, NoQuery]) -> TokenPair:
    tokens = await sessions.log_in(
        identity,
        call.town,
        call.body.login_name,
        call.body.password.get_secret_value(),
        call.address,
        device_label(call.user_agent),
        call.known_command,
        call.body.code,
    )
    return TokenPair(**asdict(tokens))


async def post_token(identity: Identity, call: Call[RefreshToken, NoQuery]) -> TokenPair:
    token = call.body.refresh_token.get_secret_value()
    return TokenPair(**asdict(await sessions.refresh(identity, call.town, token)))


async def delete_login_session(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await sessions.log_out(identity, call.known_bearer)
    return Empty()


async def get_login_sessions(identity: Identity, call: Call[NoBody, NoQuery]) -> OpenSessions:
    bearer = call.known_bearer
    found = await queries.login_sessions(identity, bearer)
    return OpenSessions(
        login_sessions=[
            OpenSession(
                id=one.id, town=one.town, device=one.device, created_at=one.created_at,
                refreshed_at=one.pairs[-1].issued_at, current=one.id == bearer.login_session,
            )
            for one in found
        ]
    )  # fmt: skip


async def delete_one_login_session(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await sessions.revoke(identity, call.known_bearer, call.path["session"])
    return Empty()


async def delete_other_login_sessions(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await sessions.revoke_others(identity, call.known_bearer)
    return Empty()


ROUTES = [
    Route(
        "POST", "/login-sessions", post_login_session, "Log in", PUBLIC, TokenPair,
        body=Credentials, status=201, idempotent=True,
        refusals=(
            "wrong-credentials", "first-login-needed", "account-not-active", "not-of-this-town",
            "agent-no-longer", "second-factor-required", "too-many-attempts",
            "login-session-ended", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/tokens", post_token,
        "The next tokens. The refresh token is its own idempotency key: used again within 30 s"
        " it gives the same pair, later it ends the login session",
        PUBLIC, TokenPair, body=RefreshToken,
        refusals=("login-session-ended", "agent-no-longer", "too-busy"),
    ),
    Route("DELETE", "/login-session", delete_login_session, "Log out", ACCOUNT, Empty, status=204),
    Route(
        "GET", "/login-sessions", get_login_sessions,
        "Where the bearer's account is logged in, in every town", ACCOUNT, OpenSessions,
    ),
    Route(
        "DELETE", "/login-sessions/{session}", delete_one_login_session,
        "End one login session; what it holds runs out within five minutes", ACCOUNT, Empty,
        status=204,
    ),
    Route(
        "DELETE", "/other-login-sessions", delete_other_login_sessions,
        "End every login session of the account but the bearer's", ACCOUNT, Empty, status=204,
    ),
]  # fmt: skip
