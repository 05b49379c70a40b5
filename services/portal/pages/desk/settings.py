"""What a town sets of itself without reading its rules: colour, logo, words, hours of the mails.

All of it stands in the town's file; this page changes those places, and nothing else of it.
"""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import desk_page, done, show
from services.portal.web import Visit
from shared.contracts.town_file.portal import LOGO_HEIGHT, LOGO_WIDTH, readable
from shared.png import plain_png

#: The colour of ``static/portal.css``, where a town has none of its own.
OWN_ACCENT = "#17594f"
_CONTACT = ("service", "telephone", "email", "hours")
_HOURS = 3


async def _settings(visit: Visit) -> web.Response:
    saved, version = await visit.portal.gateway.versioned(visit.caller, "identity/town-file")
    file = saved["file"]
    hours = [one[:5] for one in file["digest"]["at"]]
    return show(
        visit, "settings", portal=file["portal"], contact=file["contact"], own_accent=OWN_ACCENT,
        hours=[*hours, *[""] * (_HOURS - len(hours))],
        version=visit.form.get("_version") or version,
    )  # fmt: skip


async def _save(visit: Visit) -> web.Response:
    file = (await visit.get("identity/town-file"))["file"]
    file["contact"] = {name: visit.form.get(f"contact/{name}") for name in _CONTACT}
    file["digest"]["at"] = sorted(one for one in visit.form.all("digest/at") if one)
    file["portal"] = {
        "accent": _accent(visit), "welcome": visit.form.get("portal/welcome") or None,
        "privacy": visit.form.get("portal/privacy").replace("\r\n", "\n") or None,
        "logo": _logo(visit, file["portal"]["logo"]),
    }  # fmt: skip
    await visit.send("PUT", "identity/town-file", file, version=visit.form.get("_version"))
    visit.portal.towns.forget(visit.town.town)
    return done(visit, "/agents/reglages", ["set"])


def _accent(visit: Visit) -> str | None:
    accent = visit.form.get("portal/accent").lower()
    if accent in ("", OWN_ACCENT):
        return None
    if len(accent) != len(OWN_ACCENT) or not readable(accent):
        raise _wrong(
            "/portal/accent",
            "Cette couleur est trop claire : un texte écrit dans cette couleur, ou dessus, ne se"
            " lirait pas. Choisissez-en une plus foncée.",
        )
    return accent


def _logo(visit: Visit, held: str | None) -> Any:
    """The picture that was sent; else the one that is there, unless it is to go."""
    sent = next((one for one in visit.form.files if one.field == "portal/logo"), None)
    if sent is None:
        return None if visit.form.get("_no_logo") else held
    try:
        picture = plain_png(sent.content, width=LOGO_WIDTH, height=LOGO_HEIGHT)
    except ValueError as error:
        raise _wrong(
            "/portal/logo",
            f"Choisissez une image PNG de {LOGO_WIDTH} × {LOGO_HEIGHT} points au plus.",
        ) from error
    return base64.b64encode(picture).decode()


def _wrong(field: str, sentence: str) -> Problem:
    return Problem(422, {"code": "invalid-input", "field": field, "detail": sentence})


PAGES = (desk_page("/reglages", _settings, _save),)
