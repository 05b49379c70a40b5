"""FranceConnect: logging in, linking, unlinking, logging out; the quotient familial.

A front end posts to ``authorizations``, keeps ``binding`` and sends the browser to ``url``. Back at
its redirect URI it posts what it finds there, with the binding, to ``callbacks``.
"""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.api.access import KEY_REFUSALS, REPEATED
from services.identity.commands import federation, provider_logins, quotients
from services.identity.commands.base import Identity
from services.identity.domain.accounts import PostalAddress, Telephones
from services.identity.domain.devices import device_label
from services.identity.domain.quotient import SENTENCES, QuotientOutcome
from services.identity.schemas.franceconnect import (
    AuthorizationBegun,
    AuthorizationWanted,
    CallbackAnswer,
    CallbackInput,
    CodeInput,
    EnteredAnswer,
    FederatedAccount,
    FederatedMean,
    FranceConnectCard,
    Known,
    LinkInput,
    LoggedOutAnswer,
    LoginMeans,
    LogoutReturn,
    QuotientAnswer,
    QuotientAsked,
    QuotientSaid,
)
from services.identity.schemas.sessions import TokenPair
from shared.auth import ACCOUNT, PUBLIC, Bearer, agents
from shared.contracts.family import CivilIdentity
from shared.contracts.identity import AccountFamily
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route

_QUOTIENT_OFFICE = agents("childcare_office", "billing_office")


async def get_card(identity: Identity, call: Call[NoBody, NoQuery]) -> FranceConnectCard:
    offer = await queries.franceconnect(identity, call.town)
    return FranceConnectCard(
        available=offer is not None,
        quotient_consent=offer.consent_text if offer else None,
    )


async def post_authorization(
    identity: Identity, call: Call[AuthorizationWanted, NoQuery]
) -> AuthorizationBegun:
    return await _begin(identity, call, None)


async def post_link_authorization(
    identity: Identity, call: Call[AuthorizationWanted, NoQuery]
) -> AuthorizationBegun:
    return await _begin(identity, call, call.known_bearer)


async def _begin(
    identity: Identity, call: Call[AuthorizationWanted, NoQuery], bearer: Bearer | None
) -> AuthorizationBegun:
    wanted = call.body
    begun = await federation.begin(
        identity, call.town, wanted.redirect_uri, wanted.quotient_consent, bearer,
        call.known_command,
    )  # fmt: skip
    return AuthorizationBegun(**asdict(begun))


async def post_callback(identity: Identity, call: Call[CallbackInput, NoQuery]) -> CallbackAnswer:
    body = call.body
    back = federation.CameBack(
        state=body.state.get_secret_value(),
        binding=body.binding.get_secret_value(),
        code=body.code.get_secret_value() if body.code else None,
        error=body.error,
        issuer=body.iss,
    )
    arrived = await federation.come_back(
        identity, call.town, back, device_label(call.user_agent), call.known_command
    )
    quotient = _said(arrived.quotient)
    if arrived.tokens is not None:
        tokens = TokenPair(**asdict(arrived.tokens))
        return CallbackAnswer(outcome="logged-in", tokens=tokens, quotient=quotient)
    if arrived.returned is None:
        return CallbackAnswer(outcome="linked", quotient=quotient)
    if arrived.guarded:
        return CallbackAnswer(
            outcome="second-factor", ticket=arrived.ticket,
            ticket_expires_at=arrived.ticket_expires_at,
        )  # fmt: skip
    who = arrived.returned
    return CallbackAnswer(
        outcome="not-linked",
        ticket=arrived.ticket,
        ticket_expires_at=arrived.ticket_expires_at,
        person=Known(first_name=who.first_name, last_name=who.last_name, email=who.email),
    )


async def post_link(identity: Identity, call: Call[LinkInput, NoQuery]) -> EnteredAnswer:
    entered = await provider_logins.link_by_credentials(
        identity,
        call.town,
        call.body.ticket.get_secret_value(),
        call.body.login_name,
        call.body.password.get_secret_value(),
        call.address,
        device_label(call.user_agent),
        call.known_command,
        call.body.code,
    )
    return _entered(entered)


async def post_code(identity: Identity, call: Call[CodeInput, NoQuery]) -> EnteredAnswer:
    entered = await provider_logins.enter_with_code(
        identity, call.town, call.body.ticket.get_secret_value(), call.body.code,
        device_label(call.user_agent), call.known_command,
    )  # fmt: skip
    return _entered(entered)


async def post_federated_account(
    identity: Identity, call: Call[FederatedAccount, NoQuery]
) -> EnteredAnswer:
    body = call.body
    asked = provider_logins.NewFederated(
        email=body.email,
        postal_address=PostalAddress(**body.address.model_dump()) if body.address else None,
        telephones=Telephones(mobile=body.mobile, landline=body.landline),
        family_key=body.family_key,
    )
    entered = await provider_logins.create_federated(
        identity, call.town, body.ticket.get_secret_value(), asked, call.address,
        device_label(call.user_agent), call.known_command,
    )  # fmt: skip
    return _entered(entered)


async def post_logout(identity: Identity, call: Call[NoBody, NoQuery]) -> LoggedOutAnswer:
    done = await provider_logins.log_out_everywhere(identity, call.known_bearer)
    return LoggedOutAnswer(**asdict(done))


async def post_logout_return(identity: Identity, call: Call[LogoutReturn, NoQuery]) -> Empty:
    await provider_logins.confirm_logged_out(identity, call.body.state.get_secret_value())
    return Empty()


async def get_login_means(identity: Identity, call: Call[NoBody, NoQuery]) -> LoginMeans:
    account = await queries.holder(identity, call.known_bearer)
    return LoginMeans(
        login_name=account.login_name,
        password=account.password is not None,
        providers=[
            FederatedMean(provider=one.provider, linked_at=one.linked_at)
            for one in account.federated
        ],
        removable=account.password is not None,
    )


async def delete_login_mean(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await provider_logins.unlink(identity, call.known_bearer, call.path["provider"])
    return Empty()


async def post_quotient(identity: Identity, call: Call[QuotientAsked, NoQuery]) -> QuotientAnswer:
    body = call.body
    call.act.concerns(family=body.family)
    answer = await quotients.ask_by_identity(
        identity,
        call.agent_scope,
        AccountFamily(family=body.family, guardian=body.guardian),
        CivilIdentity(**body.identity.model_dump()),
        call.known_command,
    )
    return QuotientAnswer(**answer)


def _entered(entered: provider_logins.Entered) -> EnteredAnswer:
    return EnteredAnswer(
        account=entered.account,
        state="active" if entered.tokens else "pending",
        tokens=TokenPair(**asdict(entered.tokens)) if entered.tokens else None,
        quotient=_said(entered.quotient),
    )


def _said(outcome: QuotientOutcome | None) -> QuotientSaid | None:
    return QuotientSaid(outcome=outcome, message=SENTENCES[outcome]) if outcome else None


_OFF = ("franceconnect-off", "franceconnect-unavailable")
_BEGIN = (*_OFF, "redirect-uri-unknown", "quotient-off", "consent-outdated", *REPEATED)
_ENTER = ("ticket-unknown", "franceconnect-linked-elsewhere", "franceconnect-other-person")

ROUTES = [
    Route("GET", "/franceconnect", get_card, "Whether the town offers FranceConnect", PUBLIC,
          FranceConnectCard),
    Route(
        "POST", "/franceconnect/authorizations", post_authorization,
        "Start a login with FranceConnect", PUBLIC, AuthorizationBegun,
        body=AuthorizationWanted, status=201, idempotent=True, refusals=_BEGIN,
    ),
    Route(
        "POST", "/franceconnect/link-authorizations", post_link_authorization,
        "Start linking the bearer's account with FranceConnect, or ask its quotient familial",
        ACCOUNT, AuthorizationBegun, body=AuthorizationWanted, status=201, idempotent=True,
        refusals=_BEGIN,
    ),
    Route(
        "POST", "/franceconnect/callbacks", post_callback,
        "Back from FranceConnect. Once per authorization: after a refusal one starts again",
        PUBLIC, CallbackAnswer, body=CallbackInput, status=201, idempotent=True,
        refusals=(
            *_OFF, *_ENTER, "authorization-unknown", "authorization-used",
            "authorization-expired", "franceconnect-cancelled", "franceconnect-refused",
            "account-not-active", "login-session-ended", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/franceconnect/links", post_link,
        "Who came back is the holder of an account: by its credentials", PUBLIC, EnteredAnswer,
        body=LinkInput, status=201, idempotent=True,
        refusals=(
            *_ENTER, "wrong-credentials", "first-login-needed", "account-not-active",
            "second-factor-required", "too-many-attempts", "not-of-this-town",
            "login-session-ended", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/franceconnect/codes", post_code,
        "Who came back has an account with a second factor: log in with its code", PUBLIC,
        EnteredAnswer, body=CodeInput, status=201, idempotent=True,
        refusals=(
            *_ENTER, "wrong-code", "too-many-attempts", "account-not-active",
            "login-session-ended", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/franceconnect/accounts", post_federated_account,
        "Who came back opens an account, without a password", PUBLIC, EnteredAnswer,
        body=FederatedAccount, status=201, idempotent=True,
        refusals=(
            *_ENTER, "email-required", "family-key-required", "family-key-not-asked",
            "login-session-ended", "too-busy", *REPEATED, *KEY_REFUSALS,
        ),
    ),
    Route(
        "POST", "/franceconnect/logouts", post_logout,
        "Log out, and learn where to log out of FranceConnect", ACCOUNT, LoggedOutAnswer,
        idempotent=True, refusals=REPEATED,
    ),
    Route(
        "POST", "/franceconnect/logout-returns", post_logout_return,
        "Back from FranceConnect's logout", PUBLIC, Empty, body=LogoutReturn, status=204,
        idempotent=True, refusals=("state-unknown", *REPEATED),
    ),
    Route("GET", "/login-means", get_login_means, "What opens the bearer's account", ACCOUNT,
          LoginMeans),
    Route(
        "DELETE", "/login-means/{provider}", delete_login_mean,
        "Unlink the bearer's account from a provider (franceconnect)", ACCOUNT, Empty, status=204,
        refusals=("last-login-mean", "too-busy"),
    ),
    Route(
        "POST", "/quotients", post_quotient,
        "Ask the CAF or the MSA for a guardian's quotient familial, in the town's mission",
        _QUOTIENT_OFFICE, QuotientAnswer, body=QuotientAsked, idempotent=True,
        refusals=("quotient-off", *REPEATED),
    ),
]  # fmt: skip
