"""Before one is logged in: creating a space, its activation, logging in, a forgotten password."""

from __future__ import annotations

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.web import Page, Visit, Who, safe_path

#: The least that a mail's link carries.
_TOKEN = 10


async def login_form(visit: Visit, wanted: str = "") -> web.Response:
    """Where everybody logs in, to go on to the page that was ``wanted``."""
    wanted = wanted or visit.form.get("_suite") or visit.query.get("suite", "")
    return visit.show("login.html", wanted=wanted)


async def _log_in(visit: Visit) -> web.Response:
    tokens = await visit.send("POST", "identity/login-sessions", visit.form.body())
    wanted = safe_path(visit, visit.form.get("_suite"))
    visit.log_in(tokens)
    # Roles that the town guards are given once a second factor is set up.
    return visit.go("/agents/securite") if tokens["withheld_roles"] else visit.go_to(wanted)


async def _log_out(visit: Visit) -> web.Response:
    """The cookie goes whatever the API says: it may be away, or the session over already. Who came
    by FranceConnect is logged out there too."""
    elsewhere = None
    try:
        elsewhere = (await visit.send("POST", "identity/franceconnect/logouts"))["url"]
    except Problem as problem:
        if problem.status < 500 and problem.status != 401:
            raise
    visit.log_out()
    if elsewhere is not None:
        return visit.show("leaving.html", url=elsewhere)
    return visit.go("", message="au-revoir")


async def _account_form(visit: Visit) -> web.Response:
    return visit.show("account-new.html")


async def _create_account(visit: Visit) -> web.Response:
    _check_again(visit, "credentials/password")
    await visit.send("POST", "identity/accounts", visit.form.body())
    return visit.go("", message="compte-cree")


async def _activation(visit: Visit) -> web.Response:
    """A page with a button: reading a mail must not activate anything by itself."""
    return visit.show("activation.html", token=_token(visit))


async def _activate(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/activations", {"token": _whole_token(visit)})
    return visit.go("/connexion", message="compte-active")


async def _link_again(visit: Visit) -> web.Response:
    return visit.show("activation-again.html")


async def _send_link_again(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/activation-requests", visit.form.body())
    return visit.go("/connexion", message="activation-demandee")


async def _forgotten(visit: Visit) -> web.Response:
    return visit.show("password-forgotten.html")


async def _ask_reset(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/password-resets", visit.form.body())
    return visit.go("/connexion", message="mot-de-passe-demande")


async def _password(visit: Visit) -> web.Response:
    return visit.show("password-new.html", token=_token(visit))


async def _set_password(visit: Visit) -> web.Response:
    _check_again(visit, "password")
    body = {"token": _whole_token(visit), "password": visit.form.get("password")}
    await visit.send("POST", "identity/passwords", body)
    return visit.go("/connexion", message="mot-de-passe-change")


async def _invitation(visit: Visit) -> web.Response:
    """Whom the town invites; with an account already, the family is linked to it."""
    invited = await visit.portal.gateway.send(
        visit.caller, "POST", "identity/invitations/shown", {"token": _whole_token(visit)}
    )
    return visit.show("invitation.html", token=_token(visit), invited=invited)


async def _accept_invitation(visit: Visit) -> web.Response:
    if visit.session is not None:
        await visit.send("POST", "identity/invited-links", {"token": _whole_token(visit)})
        await visit.renew()
        return visit.go("", message="famille-liee")
    _check_again(visit, "password")
    body = {**visit.form.body(), "token": _whole_token(visit)}
    tokens = await visit.send("POST", "identity/invitation-acceptances", body)
    visit.log_in(tokens)
    return visit.go("", message="espace-ouvert")


async def _first_login(visit: Visit) -> web.Response:
    return visit.show("first-login.html")


async def _log_in_first(visit: Visit) -> web.Response:
    """With the login name and the secret of the town's letter; both are replaced."""
    _check_again(visit, "password")
    tokens = await visit.send("POST", "identity/first-logins", visit.form.body())
    visit.log_in(tokens)
    return visit.go("", message="espace-ouvert")


def _check_again(visit: Visit, name: str) -> None:
    if visit.form.get("_again") != visit.form.get(name):
        detail = "Les deux mots de passe sont différents."
        raise Problem(422, {"code": "not-the-same", "field": "/_again", "detail": detail})


async def _address(visit: Visit) -> web.Response:
    return visit.show("confirm.html", token=_token(visit), what="address")


async def _confirm_address(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/email-confirmations", {"token": _whole_token(visit)})
    return visit.go("/connexion", message="adresse-confirmee")


async def _keeping(visit: Visit) -> web.Response:
    return visit.show("confirm.html", token=_token(visit), what="keep")


async def _keep(visit: Visit) -> web.Response:
    await visit.send("POST", "identity/account-closure-undoings", {"token": _whole_token(visit)})
    return visit.go("/connexion", message="compte-garde")


def _token(visit: Visit) -> str:
    """That of the mail's link, or of the form that it led to."""
    return visit.form.get("_token") or visit.query.get("token", "")


def _whole_token(visit: Visit) -> str:
    """That of a link that was not cut on its way. Raises ``Problem``."""
    if len(token := _token(visit)) < _TOKEN:
        detail = "Ce lien n'est pas entier : ouvrez-le depuis le message que vous avez reçu."
        raise Problem(422, {"code": "token-unknown", "detail": detail})
    return token


PAGES = (
    Page("/connexion", login_form, _log_in, Who.ANYONE),
    Page("/deconnexion", None, _log_out, Who.ANYONE),
    Page("/creer-mon-espace", _account_form, _create_account, Who.ANYONE),
    Page("/activation", _activation, _activate, Who.ANYONE),
    Page("/activation/nouveau-lien", _link_again, _send_link_again, Who.ANYONE),
    Page("/mot-de-passe-oublie", _forgotten, _ask_reset, Who.ANYONE),
    Page("/mot-de-passe", _password, _set_password, Who.ANYONE),
    Page("/invitation", _invitation, _accept_invitation, Who.ANYONE),
    Page("/premiere-connexion", _first_login, _log_in_first, Who.ANYONE),
    Page("/adresse", _address, _confirm_address, Who.ANYONE),
    Page("/garder-mon-compte", _keeping, _keep, Who.ANYONE),
)
