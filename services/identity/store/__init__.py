"""Identity's documents.

``towns``           a town's file, whole, with its ``version``, who saved it and when; `_id` is the
                    town's slug. Guarded by ``v``.
``town_files``      a version of a town's file that was replaced: ``<town>/<version>``, never
                    changed.
``signing_keys``    ``current``: the public keys last said; in development, the private ones too.
``accounts``        an account with its memberships, families and roles, and its sealed second
                    factor; ``done`` holds the last commands with their answers. One writer at a
                    time: guarded by ``v``.
``login_sessions``  one login to one town; `_id` derives from the command. Guarded by the
                    generation of its refresh token. Removed when it runs out.
``tablets``         a tablet that animators share at a site; its secret is known by its hash.
``family_keys``     one key by its hash. Guarded by conditions on its use.
``key_issues``      one act of issuing keys; the keys derive from it.
``invitations``     the last invitation of one guardian. Guarded by ``v``.
``paper_issues``    one act of making accounts on paper; names and secrets derive from it.
``families``        family-changed, by family: who its guardians are, of which other it is part.
``attempts``        failed guesses, by policy and hashed target. Forgotten after a day.
``authorizations``  a trip to an OpenID provider; no secret of it is kept. Claimed by one command.
                    Forgotten after three days.
``returns``         who came back without an account yet, sealed, for half an hour.
``provider_sessions``  the provider's id_token, sealed, beside the login session it opened.
``mail_requests``   somebody asked for a mail; a job finds out whether an account is concerned.

Each module of this package holds one kind of document with its indexes.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.identity.store import (
    accounts,
    attempts,
    family_keys,
    federation,
    invitations,
    mail_requests,
    sessions,
    signing_keys,
    tablets,
    towns,
)
from shared.erasure import Erased, Erasing, erase

__all__ = ["INDEXES", "OUTBOXES", "STATES", "IdentityStore"]

OUTBOXES = (towns.TOWNS, signing_keys.KEYS, accounts.ACCOUNTS, invitations.INVITATIONS)
INDEXES = (
    towns.INDEXES
    | accounts.INDEXES
    | sessions.INDEXES
    | family_keys.INDEXES
    | invitations.INDEXES
    | attempts.INDEXES
    | mail_requests.INDEXES
    | federation.INDEXES
    | tablets.INDEXES
)
#: What each document says again when copies are rebuilt.
STATES = {
    towns.TOWNS: towns.states_of,
    signing_keys.KEYS: signing_keys.states_of,
    accounts.ACCOUNTS: accounts.states_of,
}


class IdentityStore(
    towns.Towns,
    signing_keys.SigningKeys,
    accounts.Accounts,
    sessions.LoginSessions,
    family_keys.FamilyKeys,
    invitations.Invitations,
    attempts.AttemptCounts,
    mail_requests.MailRequests,
    federation.Federation,
    tablets.Tablets,
):
    """Every query and write of the service."""

    async def erase(
        self, table: Sequence[Erasing], gone: Erased, *, but: str | None = None
    ) -> None:
        """Carry out what ``table`` says of an erasure; see ``shared.erasure``."""
        await erase(self._store, table, gone, but=but)
