"""How pages look and speak: the town's own colour and logo, as files, for no style and no picture
is written into a page; the language."""

from __future__ import annotations

from aiohttp import hdrs, web

from services.portal.gateway import Problem
from services.portal.web import Page, Visit, Who, safe_path
from shared.colours import BLACK, WHITE, mixed

#: The address names what it holds.
_KEPT = "private, max-age=31536000, immutable"
_NOTHING = Problem(404, {"code": "not-found", "detail": "Cette page n'existe pas."})


def style_of(accent: str) -> str:
    """The colours of ``static/portal.css`` that follow from the town's."""
    dark, pale = mixed(accent, BLACK, 0.25), mixed(accent, WHITE, 0.88)
    return f":root {{ --accent: {accent}; --accent-dark: {dark}; --accent-pale: {pale}; }}\n"


async def _style(visit: Visit) -> web.Response:
    accent = visit.town.accent
    if accent is None or accent != f"#{visit.request.match_info['accent']}":
        raise _NOTHING
    headers = {hdrs.CACHE_CONTROL: _KEPT}
    return web.Response(text=style_of(accent), content_type="text/css", headers=headers)


async def _logo(visit: Visit) -> web.Response:
    if visit.town.logo is None or visit.town.logo != visit.request.match_info["logo"]:
        raise _NOTHING
    answer = visit.hand(await visit.file("identity/town-logo"), inline=True)
    answer.headers[hdrs.CACHE_CONTROL] = _KEPT
    return answer


async def _language(visit: Visit) -> web.Response:
    """Pages are in another language from here on, for this browser."""
    visit.chosen_language = visit.form.get("language")
    return visit.go_to(safe_path(visit, visit.form.get("_suite")))


PAGES = (
    Page("/langue", None, _language, Who.ANYONE),
    Page("/apparence/{accent}.css", _style, None, Who.ANYONE),
    Page("/logo/{logo}.png", _logo, None, Who.ANYONE),
)
