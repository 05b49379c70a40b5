"""Passwords and addresses: forgotten, changed, confirmed."""

from __future__ import annotations

from services.identity.api.access import REPEATED
from services.identity.commands import accounts, credentials
from services.identity.commands.base import Identity
from services.identity.schemas.accounts import Accepted, MailWanted
from services.identity.schemas.credentials import (
    EmailChange,
    EmailConfirmation,
    LoginNameChange,
    NewPassword,
    PasswordChange,
    PasswordStrength,
    PasswordTyped,
)
from shared.auth import ACCOUNT, PUBLIC
from shared.web.routes import Call, Empty, NoQuery, Route


async def post_password_reset(identity: Identity, call: Call[MailWanted, NoQuery]) -> Accepted:
    name = call.body.login_or_email
    await accounts.ask_mail(identity, call.town, "password", name, call.known_command)
    return Accepted()


async def post_password(identity: Identity, call: Call[NewPassword, NoQuery]) -> Empty:
    token = call.body.token.get_secret_value()
    password = call.body.password.get_secret_value()
    await credentials.set_password(identity, token, password, call.known_command)
    return Empty()


async def post_password_change(identity: Identity, call: Call[PasswordChange, NoQuery]) -> Empty:
    await credentials.change_password(
        identity,
        call.known_bearer,
        call.body.current_password.get_secret_value(),
        call.body.new_password.get_secret_value(),
        call.address,
        call.known_command,
    )
    return Empty()


async def post_email_change(identity: Identity, call: Call[EmailChange, NoQuery]) -> Empty:
    await credentials.ask_email_change(
        identity,
        call.known_bearer,
        call.body.new_email,
        call.body.password.get_secret_value(),
        call.address,
        call.known_command,
    )
    return Empty()


async def post_email_confirmation(
    identity: Identity, call: Call[EmailConfirmation, NoQuery]
) -> Empty:
    token = call.body.token.get_secret_value()
    await credentials.confirm_email(identity, token, call.known_command)
    return Empty()


async def post_login_name_change(identity: Identity, call: Call[LoginNameChange, NoQuery]) -> Empty:
    await credentials.change_login_name(
        identity,
        call.known_bearer,
        call.body.new_login_name,
        call.body.password.get_secret_value(),
        call.address,
        call.known_command,
    )
    return Empty()


async def post_password_strength(
    identity: Identity, call: Call[PasswordTyped, NoQuery]
) -> PasswordStrength:
    body = call.body
    known = filter(None, (body.login_name, body.email, body.first_name, body.last_name))
    found = await identity.strength.of(body.password.get_secret_value(), known)
    return PasswordStrength(
        accepted=found.weakness is None, score=found.score, weakness=found.weakness,
        advice=found.advice,
    )  # fmt: skip


ROUTES = [
    Route(
        "POST", "/password-resets", post_password_reset,
        "Forgotten password or login name: a mail to each account of that name or address",
        PUBLIC, Accepted, body=MailWanted, status=202, idempotent=True, refusals=REPEATED,
    ),
    Route(
        "POST", "/passwords", post_password, "A new password by a mailed token", PUBLIC, Empty,
        body=NewPassword, status=204, idempotent=True,
        refusals=("token-unknown", "password-too-weak", "too-busy", *REPEATED),
    ),
    Route(
        "POST", "/password-changes", post_password_change, "Change the password", ACCOUNT, Empty,
        body=PasswordChange, status=204, idempotent=True,
        refusals=(
            "wrong-password", "no-password", "password-too-weak", "too-many-attempts", "too-busy",
            *REPEATED,
        ),
    ),
    Route(
        "POST", "/login-name-changes", post_login_name_change, "Change the login name", ACCOUNT,
        Empty, body=LoginNameChange, status=204, idempotent=True,
        refusals=(
            "login-name-invalid", "login-name-taken", "wrong-password", "no-password",
            "too-many-attempts", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/password-strengths", post_password_strength,
        "How strong a password is, while it is typed; nothing is kept", PUBLIC, PasswordStrength,
        body=PasswordTyped, refusals=("too-busy",),
    ),
    Route(
        "POST", "/email-changes", post_email_change, "Change the address; a mail confirms it",
        ACCOUNT, Empty, body=EmailChange, status=204, idempotent=True,
        refusals=("wrong-password", "no-password", "too-many-attempts", "too-busy", *REPEATED),
    ),
    Route(
        "POST", "/email-confirmations", post_email_confirmation, "Confirm the new address",
        PUBLIC, Empty, body=EmailConfirmation, status=204, idempotent=True,
        refusals=("token-unknown", *REPEATED),
    ),
]  # fmt: skip
