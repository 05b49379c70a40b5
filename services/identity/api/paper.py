"""A login name and a first secret on paper: made by the town, used once."""

from __future__ import annotations

from dataclasses import asdict

from services.identity.api.access import FAMILY_OFFICE, REPEATED
from services.identity.commands import paper, paper_letters
from services.identity.commands.base import Identity
from services.identity.domain.devices import device_label
from services.identity.schemas.paper import (
    FirstLogin,
    PaperAccessesMade,
    PaperAccessesWanted,
    PaperAccessMade,
)
from services.identity.schemas.sessions import TokenPair
from shared.auth import PUBLIC
from shared.web.routes import PDF, Call, File, NoQuery, Route


async def post_paper_accesses(
    identity: Identity, call: Call[PaperAccessesWanted, NoQuery]
) -> PaperAccessesMade:
    wanted = [(one.family, one.guardian) for one in call.body.guardians]
    made = await paper.issue(identity, call.agent_scope, wanted, call.known_command)
    return PaperAccessesMade(
        accesses=[
            PaperAccessMade(
                family=one.family, guardian=one.guardian, first_name=one.person.first_name,
                last_name=one.person.last_name, outcome=one.outcome, login_name=one.login_name,
                initial_secret=one.secret, expires_at=one.expires_at,
            )
            for one in made
        ]
    )  # fmt: skip


async def post_paper_access_letters(
    identity: Identity, call: Call[PaperAccessesWanted, NoQuery]
) -> File:
    wanted = [(one.family, one.guardian) for one in call.body.guardians]
    printed = await paper_letters.print_letters(
        identity, call.agent_scope, wanted, call.known_command
    )
    return File("premieres-connexions.pdf", printed)


async def post_first_login(identity: Identity, call: Call[FirstLogin, NoQuery]) -> TokenPair:
    body = call.body
    tokens = await paper.first_login(
        identity,
        call.town,
        body.login_name,
        body.initial_secret.get_secret_value(),
        body.password.get_secret_value(),
        body.new_login_name,
        body.email,
        call.address,
        device_label(call.user_agent),
        call.known_command,
    )
    return TokenPair(**asdict(tokens))


ROUTES = [
    Route(
        "POST", "/paper-accesses", post_paper_accesses,
        "Accounts for guardians without an e-mail; a secret never used is replaced",
        FAMILY_OFFICE, PaperAccessesMade, body=PaperAccessesWanted, status=201, idempotent=True,
        refusals=("family-unknown", "keys-not-repeatable", "too-busy", *REPEATED),
    ),
    Route(
        "POST", "/paper-access-letters", post_paper_access_letters,
        "The same, as letters to print: a guardian who has a password gets none", FAMILY_OFFICE,
        PDF, body=PaperAccessesWanted, status=201, idempotent=True,
        refusals=(
            "family-unknown", "keys-not-repeatable", "no-letter-left", "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/first-logins", post_first_login,
        "The first login with the town's letter: it sets the password", PUBLIC, TokenPair,
        body=FirstLogin, status=201, idempotent=True,
        refusals=(
            "wrong-credentials", "initial-secret-expired", "login-name-invalid", "login-name-taken",
            "password-too-weak", "too-many-attempts", "login-session-ended", "too-busy",
            *REPEATED,
        ),
    ),
]  # fmt: skip
