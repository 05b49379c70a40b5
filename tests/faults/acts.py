"""What people do at identity's desk: each act passes some steps on its way.

An act prepares what it needs, calls ``strike``, does one thing, and looks whether it was done once:
whatever died on the way, one effect, one answer. It gives the events that say so, each once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults.desk import PASSWORD, TOWN, Desk, Home, desk_file, sign_up
from tests.world import access_token, eventually

#: The events that services which are not here hear of it, and how often.
Said = dict[str, int]
Act = Callable[[Desk], Awaitable[Said]]

# -- accounts and login sessions ---------------------------------------------------------------


async def signs_up(desk: Desk) -> Said:
    login = f"nouveau{desk.fresh()}"
    await desk.strike()
    await desk.done("identity", "POST", "/accounts", json=sign_up(login))
    await desk.one("identity", "accounts", {"login": login})
    return {"activation-requested": 1}


async def logs_in(desk: Desk) -> Said:
    account, login = await desk.adult()
    await desk.strike()
    body = {"login_name": login, "password": PASSWORD}
    await desk.done("identity", "POST", "/login-sessions", json=body)
    await desk.one("identity", "login_sessions", {"account": account})
    return {}


async def _logged_in(desk: Desk) -> tuple[str, dict[str, Any]]:
    account, login = await desk.adult()
    body = {"login_name": login, "password": PASSWORD}
    return account, await desk.done("identity", "POST", "/login-sessions", json=body)


async def refreshes(desk: Desk) -> Said:
    account, tokens = await _logged_in(desk)
    await desk.strike()
    body = {"refresh_token": tokens["refresh_token"]}
    await desk.done("identity", "POST", "/tokens", json=body)
    session = await desk.one("identity", "login_sessions", {"account": account})
    assert (session["generation"], session["ended"]) == (1, None)
    return {}


async def logs_out(desk: Desk) -> Said:
    account, tokens = await _logged_in(desk)
    await desk.strike()
    await desk.done("identity", "DELETE", "/login-session", tokens["access_token"])
    session = await desk.one("identity", "login_sessions", {"account": account})
    assert session["ended"] == "logout"
    return {}


async def forgets_a_password(desk: Desk) -> Said:
    _, login = await desk.adult()
    await desk.strike()
    await desk.done("identity", "POST", "/password-resets", json={"login_or_email": login})

    async def handled() -> bool:
        return not await desk.count("identity", "mail_requests", {"handled": False})

    await eventually(handled, what="the mail is asked for")
    return {"password-reset-requested": 1}


# -- letting families in -----------------------------------------------------------------------


async def issues_keys(desk: Desk) -> Said:
    home = await desk.home()
    body = {"families": [home.id]}
    await desk.strike()
    issued = await desk.done("identity", "POST", "/family-keys", desk.agent(), body)
    assert len(issued["keys"]) == 2
    await _open_keys(desk, home, 2)
    return {}


async def replaces_keys(desk: Desk) -> Said:
    home = await desk.home()
    await _keys(desk, home)
    await desk.strike()
    await _keys(desk, home)
    await _open_keys(desk, home, 2)
    assert await desk.count("identity", "family_keys", {"family": home.id}) == 4
    return {}


async def _keys(desk: Desk, home: Home) -> dict[str, str]:
    body = {"families": [home.id]}
    issued = await desk.done("identity", "POST", "/family-keys", desk.agent(), body)
    return {one["guardians"][0]: one["key"] for one in issued["keys"]}


async def _open_keys(desk: Desk, home: Home, expected: int) -> None:
    open_ = {"family": home.id, "revoked_at": None, "left": {"$gt": 0}}
    assert await desk.count("identity", "family_keys", open_) == expected


async def revokes_a_key(desk: Desk) -> Said:
    home = await desk.home()
    await _keys(desk, home)
    listed = await desk.done("identity", "GET", f"/family-keys?family={home.id}", desk.agent())
    key = listed["items"][0]["id"]
    await desk.strike()
    await desk.done("identity", "DELETE", f"/family-keys/{key}", desk.agent())
    await _open_keys(desk, home, 1)
    return {}


async def types_a_key(desk: Desk) -> Said:
    account, home = await linked(desk, strike=True)
    await _links(desk, account, [home.id])
    return {"account-changed": 1}


async def linked(desk: Desk, *, strike: bool = False) -> tuple[str, Home]:
    account, _ = await desk.adult()
    home = await desk.home()
    key = (await _keys(desk, home))[home.holder]
    token = access_token(desk.signer, TOWN, account=account)
    if strike:
        await desk.strike()
    await desk.done("identity", "POST", "/family-links", token, {"key": key})
    return account, home


async def _links(desk: Desk, account: str, families: list[str]) -> None:
    (membership,) = (await desk.one("identity", "accounts", {"_id": account}))["memberships"]
    assert [link["family"] for link in membership["families"]] == families


async def withdraws_a_link(desk: Desk) -> Said:
    home = await desk.home()
    await _invite(desk, home)
    account, _ = await desk.adult()
    key = (await _keys(desk, home))[home.holder]
    token = access_token(desk.signer, TOWN, account=account)
    await desk.done("identity", "POST", "/family-links", token, {"key": key})
    await _keys(desk, home)
    await desk.strike()
    path = f"/families/{home.id}/accounts/{account}"
    await desk.done("identity", "DELETE", path, desk.agent())
    await _links(desk, account, [])
    await _open_keys(desk, home, 1)
    invitation = await desk.one("identity", "invitations", {"family": home.id})
    assert invitation["revoked_at"] is not None
    return {"account-changed": 1}


async def _invite(desk: Desk, home: Home) -> str:
    invited = {"family": home.id, "guardian": home.holder, "email": "anne@famille.example"}
    body = {"invited": [invited]}
    sent = await desk.done("identity", "POST", "/invitations", desk.agent(), body)
    return str(sent["invitations"][0]["invitation"])


async def invites(desk: Desk) -> Said:
    home = await desk.home()
    await desk.strike()
    await _invite(desk, home)
    await desk.one("identity", "invitations", {"family": home.id, "round": 1})
    return {"guardian-invited": 1}


async def invites_again(desk: Desk) -> Said:
    home = await desk.home()
    await _invite(desk, home)
    await desk.strike()
    await _invite(desk, home)
    await desk.one("identity", "invitations", {"family": home.id, "round": 2})
    return {"guardian-invited": 1}


async def revokes_an_invitation(desk: Desk) -> Said:
    invitation = await _invite(desk, await desk.home())
    await desk.strike()
    await desk.done("identity", "DELETE", f"/invitations/{invitation}", desk.agent())
    kept = await desk.one("identity", "invitations", {"_id": invitation})
    assert kept["revoked_at"] is not None
    return {}


async def accepts_an_invitation(desk: Desk) -> Said:
    invitation = await _invite(desk, await desk.home())
    token = (await desk.heard("guardian-invited", invitation=invitation))["token"]
    login = f"invitee{desk.fresh()}"
    await desk.strike()
    body = {"token": token, "login_name": login, "password": PASSWORD}
    await desk.done("identity", "POST", "/invitation-acceptances", json=body)
    account = await desk.one("identity", "accounts", {"login": login})
    await desk.one("identity", "login_sessions", {"account": account["_id"]})
    return {"account-changed": 1}


async def prints_an_access(desk: Desk) -> Said:
    home = await desk.home()
    body = {"guardians": [{"family": home.id, "guardian": home.holder}]}
    await desk.strike()
    made = await desk.done("identity", "POST", "/paper-accesses", desk.agent(), body)
    login = made["accesses"][0]["login_name"]
    await desk.one("identity", "accounts", {"login_name": login})
    return {"account-changed": 1}


# -- towns, agents -----------------------------------------------------------------------------


async def changes_the_town(desk: Desk) -> Said:
    file = desk_file(name=f"Veyras {desk.fresh()}")
    await desk.strike()
    await desk.put_town(TOWN, file)
    assert (await desk.one("identity", "towns", {"_id": TOWN}))["file"]["name"] == file["name"]
    return {"town-changed": 1}


async def opens_a_town(desk: Desk) -> Said:
    town = f"ville-{desk.fresh()}"
    await desk.strike()
    await desk.put_town(town, desk_file(town))
    assert (await desk.one("identity", "towns", {"_id": town}))["version"] == 1
    return {"town-changed": 1}


async def appoints_an_agent(desk: Desk) -> Said:
    number = desk.fresh()
    body = {
        "login_name": f"agent{number}", "email": f"agent{number}@veyras.example",
        "first_name": "Alix", "last_name": "Durand", "roles": ["read_only"],
    }  # fmt: skip
    made = await desk.done("identity", "POST", "/agents", desk.agent(), body)
    await desk.strike()
    path, roles = f"/agents/{made['account']}", ["billing_office"]
    await desk.done("identity", "PUT", path, desk.agent(), {"roles": roles})
    (membership,) = (await desk.one("identity", "accounts", {"_id": made["account"]}))[
        "memberships"
    ]
    assert membership["roles"] == roles
    return {"account-changed": 1}


async def registers_a_tablet(desk: Desk) -> Said:
    name = f"Tablette {desk.fresh()}"
    await desk.strike()
    body = {"name": name, "site": "tilleuls"}
    made = await desk.done("identity", "POST", "/tablets", desk.agent(), body)
    assert (await desk.one("identity", "tablets", {"name": name}))["_id"] == made["tablet"]
    return {}


async def revokes_a_tablet(desk: Desk) -> Said:
    body = {"name": f"Tablette {desk.fresh()}", "site": "tilleuls"}
    made = await desk.done("identity", "POST", "/tablets", desk.agent(), body)
    await desk.strike()
    await desk.done("identity", "DELETE", f"/tablets/{made['tablet']}", desk.agent())
    kept = await desk.one("identity", "tablets", {"_id": made["tablet"]})
    assert kept["revoked_at"] is not None
    return {}
