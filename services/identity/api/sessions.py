"""Logging in, tokens, logging out."""

from __future__ import annotations

from dataclasses import asdict

from services.identity.api.access import REPEATED
from services.identity.commands import sessions
from services.identity.commands.base import Identity
from services.identity.schemas.sessions import Credentials, RefreshToken, TokenPair
from shared.auth import ACCOUNT, PUBLIC
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route


async def post_login_session(identity: Identity, call: Call[Credentials, NoQuery]) -> TokenPair:
    tokens = await sessions.log_in(
        identity,
        call.town,
        call.body.login_name,
        call.body.password.get_secret_value(),
        call.address,
        call.known_command,
    )
    return TokenPair(**asdict(tokens))


async def post_token(identity: Identity, call: Call[RefreshToken, NoQuery]) -> TokenPair:
    token = call.body.refresh_token.get_secret_value()
    return TokenPair(**asdict(await sessions.refresh(identity, call.town, token)))


async def delete_login_session(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await sessions.log_out(identity, call.known_bearer)
    return Empty()


ROUTES = [
    Route(
        "POST", "/login-sessions", post_login_session, "Log in", PUBLIC, TokenPair,
        body=Credentials, status=201, idempotent=True,
        refusals=(
            "wrong-credentials", "account-not-active", "not-of-this-town", "too-many-attempts",
            "login-session-ended", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/tokens", post_token,
        "The next tokens. The refresh token is its own idempotency key: used again within 30 s"
        " it gives the same pair, later it ends the login session",
        PUBLIC, TokenPair, body=RefreshToken, refusals=("login-session-ended", "too-busy"),
    ),
    Route("DELETE", "/login-session", delete_login_session, "Log out", ACCOUNT, Empty, status=204),
]  # fmt: skip
