"""What was typed when the login session was over: sealed in the page that asks to log in again, and
shown again in its own form once that is done. Nothing of it is done meanwhile.

It is in no address, kept nowhere but in that page, and opens on the same page alone.
"""

from __future__ import annotations

from aiohttp import web

from services.portal.forms import FORM_TOKEN, ONCE, Form
from services.portal.gateway import Problem
from services.portal.web import Visit

KEPT = "_kept"
#: Seconds within which one logs in again.
_LONGEST = 3600
#: Characters, sealed: what the form that logs in may bring (``forms``), with room to spare.
_MOST = 400_000
_OVER = "Votre connexion est terminée : ce que vous venez d'envoyer n'a pas été fait."
_BACK = "Vous êtes reconnecté. Rien n'est encore envoyé : vérifiez votre saisie, puis validez-la."
_GONE = "Vous êtes reconnecté, mais votre saisie n'est plus là : elle n'est gardée qu'une heure."


def ask(visit: Visit) -> web.Response:
    """The page to log in again, with what was sent sealed in it, unless it is too much."""
    sealed = visit.form.get(KEPT) or _sealed(visit)
    rest = (
        "Reconnectez-vous : vous retrouverez ce que vous aviez saisi."
        if len(sealed) <= _MOST
        else "C'est trop long pour être gardé : revenez à la page précédente et copiez-le."
    )
    visit.problem = Problem(401, {"code": "session-over", "detail": f"{_OVER} {rest}"})
    return _page(visit, sealed if len(sealed) <= _MOST else "")


async def resume(visit: Visit, *, stale: bool) -> web.Response | None:
    """Log in again, where that was not done in another window: from now on the visit has what was
    typed, to be shown again. Else the answer."""
    sealed = visit.form.get(KEPT)
    if visit.session is None:
        if stale or "login_name" not in visit.form.values:
            return ask(visit)
        try:
            tokens = await visit.send("POST", "identity/login-sessions", visit.form.body())
        except Problem as problem:
            visit.problem = problem
            return _page(visit, sealed)
        visit.log_in(tokens)
        if tokens["withheld_roles"]:
            return visit.go("/agents/securite")
    kept = visit.portal.seals.unwrap(_purpose(visit), sealed, _LONGEST)
    visit.form = Form(kept["values"] if kept else {})
    files = " Choisissez de nouveau vos fichiers." if kept and kept["files"] else ""
    detail = f"{_BACK}{files}" if kept else _GONE
    visit.problem = Problem(409, {"code": "not-sent-yet", "detail": detail})
    return None


def _page(visit: Visit, sealed: str) -> web.Response:
    return visit.show("login.html", wanted="", kept=sealed)


def _sealed(visit: Visit) -> str:
    """The text of the form; files are not kept."""
    values = {
        name: given for name, given in visit.form.values.items() if name not in (FORM_TOKEN, ONCE)
    }
    kept = {"values": values, "files": bool(visit.form.files)}
    # The login's own fields begin empty.
    visit.form = Form()
    return visit.portal.seals.wrap(_purpose(visit), kept)


def _purpose(visit: Visit) -> str:
    return f"form {visit.request.path}"
