"""Identity's routes: parse, call, answer."""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.commands import accounts, credentials, family_keys, sessions, towns
from services.identity.commands.base import Identity
from services.identity.domain.accounts import Person, PostalAddress, Telephones
from services.identity.schemas import (
    Accepted,
    AccountMade,
    Activated,
    ActivationToken,
    Credentials,
    EmailChange,
    EmailConfirmation,
    FamilyLink,
    FamilyLinks,
    KeyCard,
    KeyIssued,
    KeyPage,
    KeysAsked,
    KeysIssued,
    KeysWanted,
    KeyTyped,
    LinkedFamily,
    MailWanted,
    Me,
    NewAccount,
    NewPassword,
    PasswordChange,
    RefreshToken,
    TokenPair,
    TownCard,
    TownFileInput,
    TownFileSaved,
    TownFileVersion,
)
from shared.auth import ACCOUNT, PUBLIC, agents
from shared.contracts.town_file import TownFile
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route

_TOWN_FILE_BYTES = 512 * 1024
_KEY_OFFICE = agents("childcare_office", "administrator")
_ADMINISTRATOR = agents("administrator")
_REPEATED = ("idempotency-key-reused", "idempotency-key-outdated")
_KEY_REFUSALS = (
    "family-key-mistyped",
    "family-key-unknown",
    "family-key-used",
    "family-key-revoked",
    "family-key-expired",
    "too-many-attempts",
)


async def get_town(identity: Identity, call: Call[NoBody, NoQuery]) -> TownCard:
    _, file = await queries.town_file(identity, call.town)
    return TownCard(
        town=file.town,
        name=file.name,
        contact=file.contact,
        family_key=file.family_key,
        time_zone=file.time_zone,
    )


async def get_town_file(identity: Identity, call: Call[NoBody, NoQuery]) -> TownFileSaved:
    version, file = await queries.town_file(identity, call.agent_scope.town)
    return TownFileSaved(version=version, file=file)


async def put_town_file(identity: Identity, call: Call[TownFileInput, NoQuery]) -> TownFileVersion:
    file = TownFile.model_validate(call.body.model_dump())
    version = await towns.put_town_file(identity, call.agent_scope, file, call.known_command)
    return TownFileVersion(version=version)


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


async def get_me(identity: Identity, call: Call[NoBody, NoQuery]) -> Me:
    account = await queries.holder(identity, call.known_bearer)
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
        roles=list(membership.roles if membership else ()),
    )


async def get_family_links(identity: Identity, call: Call[NoBody, NoQuery]) -> FamilyLinks:
    links = await queries.family_links(identity, call.family_scope)
    return FamilyLinks(links=[FamilyLink(**link) for link in links])


async def post_family_link(identity: Identity, call: Call[KeyTyped, NoQuery]) -> FamilyLink:
    link = await family_keys.link_family(
        identity, call.family_scope, call.body.key, call.address, call.known_command
    )
    return FamilyLink(**link, refresh_token_now=True)


async def post_family_keys(identity: Identity, call: Call[KeysWanted, NoQuery]) -> KeysIssued:
    issued = await family_keys.issue_keys(
        identity, call.agent_scope, call.body.families, call.known_command
    )
    return KeysIssued(keys=[KeyIssued(**asdict(one)) for one in issued])


async def get_family_keys(identity: Identity, call: Call[NoBody, KeysAsked]) -> KeyPage:
    asked = call.query
    found = await queries.family_keys(
        identity, call.agent_scope, asked.family, asked.after, asked.limit
    )
    cards = [KeyCard(**key.model_dump(include=_SHOWN), state=state) for key, state in found]
    return KeyPage(keys=cards, next=cards[-1].id if len(cards) == asked.limit else None)


_SHOWN = {"id", "family", "guardian", "issued_at", "expires_at", "used_at"}


async def delete_family_key(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await family_keys.revoke_key(identity, call.agent_scope, call.path["key"])
    return Empty()


ROUTES = [
    Route("GET", "/town", get_town, "The town's public card", PUBLIC, TownCard),
    Route(
        "GET", "/town-file", get_town_file, "The town file in force", _ADMINISTRATOR,
        TownFileSaved,
    ),
    Route(
        "PUT", "/town-file", put_town_file, "Replace the town file", _ADMINISTRATOR,
        TownFileVersion, body=TownFileInput, idempotent=True, max_body=_TOWN_FILE_BYTES,
        refusals=("wrong-town", *_REPEATED),
    ),
    Route(
        "POST", "/accounts", post_account, "Create an account; a mail activates it", PUBLIC,
        AccountMade, body=NewAccount, status=201, idempotent=True,
        refusals=(
            "login-name-invalid", "login-name-taken", "password-too-weak", "family-key-required",
            "family-key-not-asked", "too-busy", *_REPEATED, *_KEY_REFUSALS,
        ),
    ),
    Route(
        "POST", "/activations", post_activation, "Activate an account by its mailed token",
        PUBLIC, Activated, body=ActivationToken, idempotent=True,
        refusals=("token-unknown", "already-activated", *_REPEATED),
    ),
    Route(
        "POST", "/activation-requests", post_activation_request, "Send the activation again",
        PUBLIC, Accepted, body=MailWanted, status=202, idempotent=True, refusals=_REPEATED,
    ),
    Route(
        "POST", "/login-sessions", post_login_session, "Log in", PUBLIC, TokenPair,
        body=Credentials, status=201, idempotent=True,
        refusals=(
            "wrong-credentials", "account-not-active", "not-of-this-town", "too-many-attempts",
            "login-session-ended", "too-busy", *_REPEATED,
        ),
    ),
    Route(
        "POST", "/tokens", post_token,
        "The next tokens. The refresh token is its own idempotency key: used again within 30 s"
        " it gives the same pair, later it ends the login session",
        PUBLIC, TokenPair, body=RefreshToken, refusals=("login-session-ended", "too-busy"),
    ),
    Route("DELETE", "/login-session", delete_login_session, "Log out", ACCOUNT, Empty, status=204),
    Route("GET", "/me", get_me, "Who the bearer is", ACCOUNT, Me),
    Route(
        "POST", "/password-resets", post_password_reset,
        "Forgotten password or login name: a mail to each account of that name or address",
        PUBLIC, Accepted, body=MailWanted, status=202, idempotent=True, refusals=_REPEATED,
    ),
    Route(
        "POST", "/passwords", post_password, "A new password by a mailed token", PUBLIC, Empty,
        body=NewPassword, status=204, idempotent=True,
        refusals=("token-unknown", "password-too-weak", "too-busy", *_REPEATED),
    ),
    Route(
        "POST", "/password-changes", post_password_change, "Change the password", ACCOUNT, Empty,
        body=PasswordChange, status=204, idempotent=True,
        refusals=(
            "wrong-password", "password-too-weak", "too-many-attempts", "too-busy", *_REPEATED,
        ),
    ),
    Route(
        "POST", "/email-changes", post_email_change, "Change the address; a mail confirms it",
        ACCOUNT, Empty, body=EmailChange, status=204, idempotent=True,
        refusals=("wrong-password", "too-many-attempts", "too-busy", *_REPEATED),
    ),
    Route(
        "POST", "/email-confirmations", post_email_confirmation, "Confirm the new address",
        PUBLIC, Empty, body=EmailConfirmation, status=204, idempotent=True,
        refusals=("token-unknown", *_REPEATED),
    ),
    Route(
        "GET", "/family-links", get_family_links, "The bearer's families (Mes abonnements)",
        ACCOUNT, FamilyLinks,
    ),
    Route(
        "POST", "/family-links", post_family_link, "Link a family with the key of the letter",
        ACCOUNT, FamilyLink, body=KeyTyped, status=201, idempotent=True,
        refusals=(*_KEY_REFUSALS, "too-busy", *_REPEATED),
    ),
    Route(
        "POST", "/family-keys", post_family_keys,
        "Keys for every guardian of these families; earlier unused ones are revoked",
        _KEY_OFFICE, KeysIssued, body=KeysWanted, status=201, idempotent=True,
        refusals=("family-unknown", "keys-not-repeatable", *_REPEATED),
    ),
    Route(
        "GET", "/family-keys", get_family_keys, "Keys issued, without their text", _KEY_OFFICE,
        KeyPage, query=KeysAsked,
    ),
    Route(
        "DELETE", "/family-keys/{key}", delete_family_key, "Revoke an unused key", _KEY_OFFICE,
        Empty, status=204, refusals=("family-key-used",),
    ),
]  # fmt: skip
