"""What notify holds of the bearer."""

from __future__ import annotations

from services.notify.state import Notify
from shared.auth import FamilyScope
from shared.personal_data import Section, section

_PAGE = 100


async def collect(notify: Notify, scope: FamilyScope) -> list[Section]:
    """Where the town writes to, and the log of what it wrote."""
    contacts = await notify.directory.contacts(scope.town, [scope.account])
    mails = []
    after = None
    while True:
        page = await notify.mails.log(
            scope.town, state=None, account=scope.account, after=after, limit=_PAGE
        )
        mails += page
        if len(page) < _PAGE:
            break
        after = page[-1]["_id"]
    return [
        section("Adresse", [
            {"Prénom": one.first_name, "Nom": one.last_name, "Adresse électronique": one.email}
            for one in contacts.values()
        ]),
        section("Messages envoyés", [
            {"Sorte": mail["kind"], "État": mail["state"], "Le": mail["created_at"]}
            for mail in mails
        ]),
    ]  # fmt: skip
