"""The bearer's own second factor."""

from __future__ import annotations

from services.identity.api.access import REPEATED
from services.identity.commands import second_factor
from services.identity.commands.base import Identity
from services.identity.schemas.agents import (
    NewRecoveryCodesWanted,
    RecoveryCodes,
    SecondFactorBegun,
    SecondFactorProved,
    SecondFactorWanted,
)
from shared.auth import ACCOUNT
from shared.web.routes import Call, NoQuery, Route


async def post_second_factor(
    identity: Identity, call: Call[SecondFactorWanted, NoQuery]
) -> SecondFactorBegun:
    secret, uri = await second_factor.begin(
        identity,
        call.known_bearer,
        call.body.password.get_secret_value(),
        call.body.code,
        call.address,
        call.known_command,
    )
    return SecondFactorBegun(secret=secret, uri=uri)


async def post_second_factor_proof(
    identity: Identity, call: Call[SecondFactorProved, NoQuery]
) -> RecoveryCodes:
    codes = await second_factor.confirm(
        identity, call.known_bearer, call.body.code, call.known_command
    )
    return RecoveryCodes(recovery_codes=codes)


async def post_recovery_codes(
    identity: Identity, call: Call[NewRecoveryCodesWanted, NoQuery]
) -> RecoveryCodes:
    codes = await second_factor.renew_recovery_codes(
        identity,
        call.known_bearer,
        call.body.password.get_secret_value(),
        call.body.code,
        call.address,
        call.known_command,
    )
    return RecoveryCodes(recovery_codes=codes)


ROUTES = [
    Route(
        "POST", "/second-factor", post_second_factor,
        "A secret for an authenticator application; in use once proved", ACCOUNT,
        SecondFactorBegun, body=SecondFactorWanted, status=201, idempotent=True,
        refusals=(
            "wrong-password", "second-factor-required", "wrong-credentials", "too-many-attempts",
            "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/second-factor/proofs", post_second_factor_proof,
        "Prove the secret by a code: it is in use; the recovery codes, shown here only."
        " Refresh the tokens for the roles that were withheld", ACCOUNT, RecoveryCodes,
        body=SecondFactorProved, status=201, idempotent=True,
        refusals=(
            "second-factor-not-begun", "wrong-code", "too-many-attempts", "login-session-ended",
            "too-busy", *REPEATED,
        ),
    ),
    Route(
        "POST", "/second-factor/recovery-codes", post_recovery_codes,
        "New recovery codes, shown here only; the old ones are worth nothing from now on", ACCOUNT,
        RecoveryCodes, body=NewRecoveryCodesWanted, status=201, idempotent=True,
        refusals=(
            "no-second-factor", "wrong-password", "wrong-credentials", "too-many-attempts",
            "too-busy", *REPEATED,
        ),
    ),
]  # fmt: skip
