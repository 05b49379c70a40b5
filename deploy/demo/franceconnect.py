"""A front end's pages for FranceConnect, as small as they can be: go, come back, be linked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from jinja2 import Environment, FileSystemLoader

from shared.ids import new_id

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)
_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self' {elsewhere}; "
    "frame-ancestors 'none'"
)
_COOKIE = "franceconnect_binding"


def franceconnect_routes(elsewhere: str) -> list[web.RouteDef]:
    """``/{town}/franceconnect`` and what follows; ``elsewhere`` is FranceConnect's origin."""
    pages = _Pages(_POLICY.format(elsewhere=elsewhere))
    base = "/{town:[a-z-]+}/franceconnect"
    return [
        web.get(base, pages.card),
        web.post(base, pages.go),
        web.get(f"{base}/retour", pages.back),
        web.post(f"{base}/compte", pages.account),
        web.post(f"{base}/deconnexion", pages.log_out),
        web.get(f"{base}/au-revoir", pages.goodbye),
    ]


class _Pages:
    def __init__(self, policy: str) -> None:
        self._policy = policy

    async def card(self, request: web.Request) -> web.Response:
        """What the town offers."""
        _, card = await _call(request, "GET", "")
        return self._page("offer", card=card)

    async def go(self, request: web.Request) -> web.Response:
        """Begin, keep the binding where no page reads it, leave."""
        form = await request.post()
        body = {"quotient_consent": str(form["consent"])} if form.get("consent") else {}
        status, begun = await _call(request, "POST", "/authorizations", body)
        if status != 201:
            return self._page("problem", problem=begun)
        answer = web.Response(status=303, headers={"Location": begun["url"]})
        answer.set_cookie(
            _COOKIE, begun["binding"], httponly=True, samesite="Lax", path=request.path
        )
        return answer

    async def back(self, request: web.Request) -> web.Response:
        """End what was begun in this browser."""
        names = ("state", "code", "error", "error_description", "iss")
        body = {name: request.query[name] for name in names if name in request.query}
        body["binding"] = request.cookies.get(_COOKIE, "no binding in this browser")
        status, answer = await _call(request, "POST", "/callbacks", body)
        if status != 201:
            return self._page("problem", problem=answer)
        return self._page("arrived", answer=answer, ticket=answer["ticket"])

    async def account(self, request: web.Request) -> web.Response:
        """Open an account, or link the one whose credentials were typed."""
        form = {name: str(value) for name, value in (await request.post()).items() if value}
        path = "/links" if "login_name" in form else "/accounts"
        status, answer = await _call(request, "POST", path, form)
        if status != 201:
            return self._page("problem", problem=answer)
        return self._page("arrived", answer={**answer, "outcome": "logged-in"}, ticket=None)

    async def log_out(self, request: web.Request) -> web.Response:
        """Here first, then there."""
        form = await request.post()
        _, answer = await _call(request, "POST", "/logouts", {}, token=str(form.get("token")))
        return web.Response(status=303, headers={"Location": answer.get("url") or "/"})

    async def goodbye(self, request: web.Request) -> web.Response:
        """Back from FranceConnect's logout: the state is checked."""
        body = {"state": request.query.get("state", "none at all was given")}
        status, answer = await _call(request, "POST", "/logout-returns", body)
        return self._page("problem", problem=answer) if status != 204 else self._page("goodbye")

    def _page(self, part: str, **values: object) -> web.Response:
        text = _TEMPLATES.get_template("franceconnect.html").render(part=part, **values)
        headers = {"Content-Security-Policy": self._policy, "X-Content-Type-Options": "nosniff",
                   "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}  # fmt: skip
        return web.Response(text=text, content_type="text/html", headers=headers)


async def _call(
    request: web.Request, method: str, path: str, body: Any = None, token: str | None = None
) -> tuple[int, Any]:
    town = request.match_info["town"]
    url = f"http://127.0.0.1:{request.url.port}/api/identity/v1/{town}/franceconnect{path}"
    headers = {"Idempotency-Key": new_id()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with (
        ClientSession() as http,
        http.request(method, url, json=body, headers=headers) as answer,
    ):
        content = await answer.json(content_type=None) if answer.status != 204 else None
        return answer.status, content
