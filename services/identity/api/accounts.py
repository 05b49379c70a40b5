"""Accounts: made, activated, seen."""

from __future__ import annotations

from services.identity import queries
from services.identity.api.access import KEY_REFUSALS, REPEATED
from services.identity.commands import accounts
from services.identity.commands.base import Identity
from services.identity.domain.accounts import Person, PostalAddress, Telephones
from services.identity.schemas.accounts import (
    Accepted,
    AccountMade,
    Activated,
    ActivationToken,
    LinkedFamily,
    MailWanted,
    Me,
    NewAccount,
)
from shared.auth import ACCOUNT, PUBLIC
from shared.web.routes import Call, NoBody, NoQuery, Route


async def post_account(identity: Identity, call: Call[NewAccount, NoQuery]) -> AccountMade:
    body = call.body
    asked = accounts.SignUp(
        person=Person(**body.identity.model_dump()),
        postal_address=PostalAddress(**body.address.model_dump()),
        email=body.contact.email,
        telephones=Telephones(mobile=body.contact.mobile, landline=body.contact.landline),
        login_name=body.credentials.login_name,
        password=body.credentials.password.get_secret_value(),
        family_key=body.family_key,
    )
    made = await accounts.sign_up(identity, call.town, asked, call.address, call.known_command)
    return AccountMade.model_validate(made)


async def post_activation(identity: Identity, call: Call[ActivationToken, NoQuery]) -> Activated:
    token = call.body.token.get_secret_value()
    return Activated.model_validate(await accounts.activate(identity, token, call.known_command))


async def post_activation_request(identity: Identity, call: Call[MailWanted, NoQuery]) -> Accepted:
    name = call.body.login_or_email
    await accounts.ask_mail(identity, call.town, "activation", name, call.known_command)
    return Accepted()


async def get_me(identity: Identity, call: Call[NoBody, NoQuery]) -> Me:
    bearer = call.known_bearer
    account = await queries.holder(identity, bearer)
    membership = account.membership(call.town)
    return Me(
        account=account.id,
        login_name=account.login_name,
        first_name=account.person.first_name,
        last_name=account.person.last_name,
        email=account.email,
        town=call.town,
        families=[
            LinkedFamily(family=link.family, guardian=link.guardian)
            for link in (membership.families if membership else ())
        ],
        roles=sorted(bearer.roles),
        sites=sorted(bearer.sites),
        withheld_roles=await queries.withheld_roles(identity, bearer, account),
        second_factor=account.second_factor is not None,
        closes_at=account.closing.due_at if account.closing else None,
    )


ROUTES = [
    Route(
        "POST", "/accounts", post_account, "Create an account; a mail activates it", PUBLIC,
        AccountMade, body=NewAccount, status=201, idempotent=True,
        refusals=(
            "login-name-invalid", "login-name-taken", "password-too-weak", "family-key-required",
            "family-key-not-asked", "too-busy", *REPEATED, *KEY_REFUSALS,
        ),
    ),
    Route(
        "POST", "/activations", post_activation, "Activate an account by its mailed token",
        PUBLIC, Activated, body=ActivationToken, idempotent=True,
        refusals=("token-unknown", "already-activated", *REPEATED),
    ),
    Route(
        "POST", "/activation-requests", post_activation_request, "Send the activation again",
        PUBLIC, Accepted, body=MailWanted, status=202, idempotent=True, refusals=REPEATED,
    ),
    Route("GET", "/me", get_me, "Who the bearer is", ACCOUNT, Me),
]  # fmt: skip
