"""One's own account: links to families, towns, password, address, personal data."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.sessions import Session
from services.portal.web import Page, Visit, Who


async def _links(visit: Visit) -> web.Response:
    links, towns = await asyncio.gather(
        visit.get("identity/family-links"), visit.get("identity/my-towns")
    )
    return visit.show("links.html", links=links["links"], towns=towns["towns"])


async def _link(visit: Visit) -> web.Response:
    """Link a family, and have tokens that know it at once."""
    await visit.send("POST", "identity/family-links", visit.form.body())
    await visit.renew()
    return visit.go("", message="famille-liee")


async def _switch(visit: Visit) -> web.Response:
    """Go to another town of the account, without typing the password again."""
    town = visit.form.get("town")
    tokens = await visit.send("POST", "identity/town-switches", {"town": town})
    visit.add_session(Session.of(town, tokens))
    return visit.go_to(f"/{town}")


async def preferences(visit: Visit) -> web.Response:
    """What is one's own to choose."""
    me, sessions, means, offer = await asyncio.gather(
        visit.get("identity/me"), visit.get("identity/login-sessions"),
        visit.get("identity/login-means"), visit.get("identity/franceconnect"),
    )  # fmt: skip
    linked = next((one for one in means["providers"] if one["provider"] == "franceconnect"), None)
    return visit.show(
        "preferences.html", me=me, sessions=sessions["login_sessions"], means=means, offer=offer,
        linked=linked,
    )  # fmt: skip


async def _change_password(visit: Visit) -> web.Response:
    if visit.form.get("_again") != visit.form.get("new_password"):
        detail = "Les deux mots de passe sont différents."
        raise Problem(422, {"code": "not-the-same", "field": "/_again", "detail": detail})
    await visit.send("POST", "identity/password-changes", visit.form.body())
    return visit.go("/preferences", message="mot-de-passe-change")


async def _change_address(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/email-changes", visit.form.body())
    return visit.go("/preferences", message="adresse-demandee")


async def _login_name(visit: Visit) -> web.Response:
    me = await visit.get("identity/me")
    return visit.show("login-name.html", me=me)


async def _change_login_name(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/login-name-changes", visit.form.body())
    return visit.go("/preferences", message="identifiant-change")


async def _closing(visit: Visit) -> web.Response:
    return visit.show("account-closing.html", me=await visit.get("identity/me"))


async def _close(visit: Visit) -> web.Response:
    """The account is erased in a week, unless its owner thinks better of it."""
    await visit.send("POST", "identity/account-closures", visit.form.body())
    return visit.go("/preferences", message="fermeture-demandee")


async def _keep(visit: Visit) -> web.Response:
    await visit.send("DELETE", "identity/account-closures")
    return visit.go("/preferences", message="compte-garde")


async def _end_others(visit: Visit) -> web.Response:
    await visit.send("DELETE", "identity/other-login-sessions")
    return visit.go("/preferences", message="appareils-deconnectes")


async def _privacy(visit: Visit) -> web.Response:
    return visit.show("privacy.html")


_SERVICES = ("identity", "family", "booking", "billing", "notify")


async def _personal_data(visit: Visit) -> web.Response:
    service = visit.request.match_info["service"]
    if service not in _SERVICES:
        raise Problem(404, {"code": "not-found", "detail": "Cette page n'existe pas."})
    path = f"{service}/personal-data.pdf"
    return visit.hand(await visit.file(path))


PAGES = (
    Page("/abonnements", _links, _link, Who.ACCOUNT),
    Page("/communes", None, _switch, Who.ACCOUNT),
    Page("/preferences", preferences, None, Who.ACCOUNT),
    Page("/preferences/mot-de-passe", preferences, _change_password, Who.ACCOUNT),
    Page("/preferences/adresse", preferences, _change_address, Who.ACCOUNT),
    Page("/preferences/identifiant", _login_name, _change_login_name, Who.ACCOUNT),
    Page("/preferences/fermer", _closing, _close, Who.ACCOUNT),
    Page("/preferences/garder", _closing, _keep, Who.ACCOUNT),
    Page("/preferences/appareils", None, _end_others, Who.ACCOUNT),
    Page("/donnees-personnelles", _privacy, None, Who.ANYONE),
    Page("/donnees-personnelles/{service}", _personal_data, None, Who.ACCOUNT),
)
