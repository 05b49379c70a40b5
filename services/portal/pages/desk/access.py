"""How a family comes to the portal: its accounts, keys, invitations, letters to print."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.pages.desk.common import desk_page, done, show
from services.portal.web import Visit, quoted


async def _access(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    family, accounts, keys, invitations = await asyncio.gather(
        visit.get(f"family/families/{wanted}"),
        visit.get(f"identity/families/{wanted}/accounts"),
        visit.get("identity/family-keys", family=wanted, limit=20),
        visit.get("identity/invitations", family=wanted, limit=20),
    )
    return show(
        visit, "family-access", family=family, accounts=accounts["accounts"], keys=keys["items"],
        invitations=invitations["items"],
        people={one["id"]: f"{one['first_name']} {one['last_name']}"
                for one in family["guardians"]},
    )  # fmt: skip


async def _issue(visit: Visit) -> web.Response:
    """A new key: its letter to print holds it, and nothing else does."""
    wanted = _wanted(visit)
    issued = await visit.send("POST", "identity/family-keys", {"families": [wanted]})
    path = f"/agents/familles/{wanted}/acces/lettres/{quoted(issued['issue'])}"
    return visit.go(path)


async def _letters(visit: Visit) -> web.Response:
    """The page that hands the letters, and the letters."""
    wanted, issue = _wanted(visit), quoted(visit.request.match_info["issue"])
    if visit.query.get("document") is None:
        family = await visit.get(f"family/families/{wanted}")
        return show(visit, "family-letters", family=family, issue=issue)
    letters = await visit.file(f"identity/family-key-issues/{issue}/letters.pdf", families=[wanted])
    return visit.hand(letters, inline=True)


async def _revoke_key(visit: Visit) -> web.Response:
    await visit.send("DELETE", f"identity/family-keys/{quoted(visit.request.match_info['key'])}")
    return done(visit, f"/agents/familles/{_wanted(visit)}/acces", ["revoked"])


async def _invite(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    guardian, email = visit.form.get("guardian"), visit.form.get("email")
    invited = [{"family": wanted, "guardian": guardian, "email": email}]
    found = await visit.send("POST", "identity/invitations", {"invited": invited})
    path = f"/agents/familles/{wanted}/acces"
    return done(visit, path, (one["outcome"] for one in found["invitations"]))


async def _revoke_invitation(visit: Visit) -> web.Response:
    invitation = quoted(visit.request.match_info["invitation"])
    await visit.send("DELETE", f"identity/invitations/{invitation}")
    return done(visit, f"/agents/familles/{_wanted(visit)}/acces", ["revoked"])


async def _print_access(visit: Visit) -> web.Response:
    """A login name and a first secret on paper, for who has no e-mail."""
    body: dict[str, Any] = {
        "guardians": [{"family": _wanted(visit), "guardian": visit.form.get("guardian")}]
    }
    letter = await visit.portal.gateway.made(
        visit.caller, "identity/paper-access-letters", body, once=visit.once
    )
    return visit.hand(letter)


async def _unlink(visit: Visit) -> web.Response:
    wanted, account = _wanted(visit), quoted(visit.request.match_info["account"])
    await visit.send("DELETE", f"identity/families/{wanted}/accounts/{account}")
    return done(visit, f"/agents/familles/{wanted}/acces", ["unlinked"])


def _wanted(visit: Visit) -> str:
    return quoted(visit.request.match_info["family"])


PAGES = (
    desk_page("/familles/{family}/acces", _access),
    desk_page("/familles/{family}/acces/cle", _access, _issue),
    desk_page("/familles/{family}/acces/lettres/{issue}", _letters),
    desk_page("/familles/{family}/acces/cles/{key}/retrait", _access, _revoke_key),
    desk_page("/familles/{family}/acces/invitation", _access, _invite),
    desk_page(
        "/familles/{family}/acces/invitations/{invitation}/retrait", _access, _revoke_invitation
    ),
    desk_page("/familles/{family}/acces/papier", _access, _print_access),
    desk_page("/familles/{family}/acces/comptes/{account}/retrait", _access, _unlink),
)
