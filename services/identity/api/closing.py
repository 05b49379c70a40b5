"""The end of an account: closed, undone."""

from __future__ import annotations

from services.identity.api.access import REPEATED
from services.identity.commands import closing
from services.identity.commands.base import Identity
from services.identity.schemas.closing import AccountClosed, AccountClosure, ClosureUndoing
from shared.auth import ACCOUNT, PUBLIC
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route


async def post_account_closure(
    identity: Identity, call: Call[AccountClosure, NoQuery]
) -> AccountClosed:
    answer = await closing.close(
        identity,
        call.known_bearer,
        call.body.password.get_secret_value(),
        call.address,
        call.known_command,
    )
    return AccountClosed(**answer)


async def delete_account_closure(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await closing.undo(identity, call.known_bearer)
    return Empty()


async def post_closure_undoing(identity: Identity, call: Call[ClosureUndoing, NoQuery]) -> Empty:
    token = call.body.token.get_secret_value()
    await closing.undo_by_token(identity, token, call.known_command)
    return Empty()


ROUTES = [
    Route(
        "POST", "/account-closures", post_account_closure,
        "Close the bearer's account: it is erased in seven days, unless undone", ACCOUNT,
        AccountClosed, body=AccountClosure, status=202, idempotent=True,
        refusals=(
            "wrong-password", "no-password", "agent-account", "too-many-attempts", "too-busy",
            *REPEATED,
        ),
    ),
    Route(
        "DELETE", "/account-closures", delete_account_closure, "Keep the account after all",
        ACCOUNT, Empty, status=204, refusals=("too-busy",),
    ),
    Route(
        "POST", "/account-closure-undoings", post_closure_undoing,
        "Keep the account after all, by the link of the mail", PUBLIC, Empty, body=ClosureUndoing,
        status=204, idempotent=True, refusals=("token-unknown", "too-busy", *REPEATED),
    ),
]  # fmt: skip
