"""An agent's second factor: an application on the phone, and codes for when it is lost."""

from __future__ import annotations

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import show
from services.portal.web import Page, Visit, Who


async def _security(visit: Visit) -> web.Response:
    """What there is, and the form that begins."""
    me = await visit.get("identity/me")
    return show(visit, "security", me=me, begun=None, codes=None)


async def _begin(visit: Visit) -> web.Response:
    """A secret for the application. It is shown once, and kept nowhere here."""
    begun = await visit.send("POST", "identity/second-factor", visit.form.body())
    return show(visit, "security", me=await visit.get("identity/me"), begun=begun, codes=None)


async def _confirm(visit: Visit) -> web.Response:
    """With a code of the application it is in use; the roles that were withheld are there. A
    wrong code shows the same secret again, as the form brought it."""
    try:
        proved = await visit.send(
            "POST", "identity/second-factor/proofs", {"code": visit.form.get("code")}
        )
    except Problem as problem:
        if problem.code != "wrong-code":
            raise
        visit.problem = problem
        begun = {"secret": visit.form.get("_secret"), "uri": ""}
        return show(visit, "security", me=await visit.get("identity/me"), begun=begun, codes=None)
    await visit.renew()
    me = await visit.get("identity/me")
    return show(visit, "security", me=me, begun=None, codes=proved["recovery_codes"])


PAGES = (
    Page("/agents/securite", _security, _begin, Who.ACCOUNT),
    Page("/agents/securite/code", _security, _confirm, Who.ACCOUNT),
)
