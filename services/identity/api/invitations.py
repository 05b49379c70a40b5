"""Invitations: sent by the town, accepted by a guardian."""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.api.access import FAMILY_OFFICE, REPEATED
from services.identity.commands import invitations
from services.identity.commands.base import Identity
from services.identity.domain.accounts import Person, PostalAddress, Telephones
from services.identity.domain.devices import device_label
from services.identity.schemas.invitations import (
    InvitationAcceptance,
    InvitationCard,
    InvitationLink,
    InvitationPage,
    InvitationsAsked,
    InvitationSent,
    InvitationShown,
    InvitationsSent,
    InvitationsWanted,
)
from services.identity.schemas.sessions import TokenPair
from shared.auth import ACCOUNT, PUBLIC
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route

_CARD = {
    "id", "family", "guardian", "first_name", "last_name", "email", "round", "sent_at",
    "expires_at",
}  # fmt: skip


async def post_invitations(
    identity: Identity, call: Call[InvitationsWanted, NoQuery]
) -> InvitationsSent:
    wanted = [invitations.Wanted(**one.model_dump()) for one in call.body.invited]
    sent = await invitations.invite(identity, call.agent_scope, wanted, call.known_command)
    return InvitationsSent(
        invitations=[
            InvitationSent(
                invitation=_id, family=one.family, guardian=one.guardian, outcome=outcome
            )
            for one, (_id, outcome) in zip(wanted, sent, strict=True)
        ]
    )


async def get_invitations(
    identity: Identity, call: Call[NoBody, InvitationsAsked]
) -> InvitationPage:
    asked = call.query
    found = await queries.invitations(
        identity, call.agent_scope, asked.family, asked.after, asked.limit
    )
    cards = [InvitationCard(**one.model_dump(include=_CARD), state=state) for one, state in found]
    return InvitationPage(
        items=tuple(cards), next=cards[-1].id if len(cards) == asked.limit else None
    )


async def delete_invitation(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await invitations.revoke(identity, call.agent_scope, call.path["invitation"])
    return Empty()


async def post_invitation_shown(
    identity: Identity, call: Call[InvitationLink, NoQuery]
) -> InvitationShown:
    token = call.body.token.get_secret_value()
    found = await invitations.shown(identity, call.town, token)
    return InvitationShown(**found.model_dump(include={*InvitationShown.model_fields}))


async def post_invitation_acceptance(
    identity: Identity, call: Call[InvitationAcceptance, NoQuery]
) -> TokenPair:
    body = call.body
    given = invitations.Acceptance(
        token=body.token.get_secret_value(),
        login_name=body.login_name,
        password=body.password.get_secret_value(),
        person=Person(**body.identity.model_dump()) if body.identity else None,
        postal_address=PostalAddress(**body.address.model_dump()) if body.address else None,
        telephones=Telephones(mobile=body.mobile, landline=body.landline),
    )
    device = device_label(call.user_agent)
    tokens = await invitations.accept(identity, call.town, given, device, call.known_command)
    return TokenPair(**asdict(tokens))


async def post_invited_link(identity: Identity, call: Call[InvitationLink, NoQuery]) -> Empty:
    token = call.body.token.get_secret_value()
    await invitations.link(identity, call.family_scope, token, call.known_command)
    return Empty()


ROUTES = [
    Route(
        "POST", "/invitations", post_invitations,
        "Invite guardians by mail, or send their invitations again", FAMILY_OFFICE,
        InvitationsSent, body=InvitationsWanted, status=201, idempotent=True,
        refusals=("family-unknown", "too-busy", *REPEATED),
    ),
    Route(
        "GET", "/invitations", get_invitations, "Invitations sent", FAMILY_OFFICE, InvitationPage,
        query=InvitationsAsked,
    ),
    Route(
        "DELETE", "/invitations/{invitation}", delete_invitation, "Revoke an invitation",
        FAMILY_OFFICE, Empty, status=204, refusals=("invitation-used", "too-busy"),
    ),
    Route(
        "POST", "/invitations/shown", post_invitation_shown, "Whom an invitation's link invites",
        PUBLIC, InvitationShown, body=InvitationLink, refusals=("token-unknown",),
    ),
    Route(
        "POST", "/invitation-acceptances", post_invitation_acceptance,
        "Accept an invitation: an account, linked to the family and logged in", PUBLIC, TokenPair,
        body=InvitationAcceptance, status=201, idempotent=True,
        refusals=(
            "token-unknown", "login-name-invalid", "login-name-taken", "password-too-weak",
            "login-session-ended", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/invited-links", post_invited_link,
        "Accept an invitation with the account one has: refresh the token to have the family",
        ACCOUNT, Empty, body=InvitationLink, status=204, idempotent=True,
        refusals=("token-unknown", "too-busy", *REPEATED),
    ),
]  # fmt: skip
