"""A browser's requests without a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import aiohttp

from services.portal.sessions import session_cookie
from tests.portal.conftest import CAMILLE, TOWN, Demo

SESSION = session_cookie(TOWN)


@dataclass
class Robot:
    """One browser's cookies, and no more courtesy than asked for."""

    http: aiohttp.ClientSession
    demo: Demo
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> aiohttp.ClientResponse:
        """One request, no redirect followed; its cookies are kept."""
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": sent, **{one.replace("_", "-"): it for one, it in headers.items()}}
        answer = await self.http.request(
            method, self.demo.at(path), data=form, headers=headers, allow_redirects=False
        )
        await answer.read()
        self.set_cookies = answer.headers.getall("Set-Cookie", [])
        for said in self.set_cookies:
            name, _, rest = said.partition("=")
            value = rest.partition(";")[0]
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    async def token(self, path: str = "/connexion") -> str:
        """What a form of this page carries."""
        text = await (await self.ask("GET", path)).text()
        found = re.search(r'name="_form" value="([^"]+)"', text)
        assert found
        return found[1]

    async def log_in(self, who: tuple[str, str] = CAMILLE, **more: str) -> aiohttp.ClientResponse:
        """By the page's form."""
        form = {"_form": await self.token(), "login_name": who[0], "password": who[1], **more}
        return await self.ask("POST", "/connexion", form)
