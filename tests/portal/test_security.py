"""What somebody who means harm finds: other sites, planted cookies, texts that are scripts."""

from __future__ import annotations

import html
import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import Browser, Page
from pydantic import SecretStr

from services.portal.sessions import VISIT_COOKIE, Seals, session_cookie
from services.portal.settings import Settings
from shared.ids import new_id
from tests.portal.conftest import AGENT, CAMILLE, FIELD_KEYS, TOWN, Demo, log_in
from tests.portal.looking import opened
from tests.portal.robot import SESSION, Robot
from tests.portal.security_franceconnect import (
    test_a_login_leads_nowhere_else,
    test_a_return_is_taken_once_and_only_if_it_was_asked_for,
    test_a_return_that_was_not_asked_for_logs_nobody_out,
    test_another_site_sends_nobody_to_franceconnect,
    test_only_the_browser_that_left_comes_back,
    test_what_is_sealed_for_one_purpose_opens_for_no_other,
    test_what_one_began_to_link_is_not_linked_to_who_logged_in_since,
    test_who_comes_back_has_a_new_visit,
    test_who_has_a_second_factor_is_asked_for_it_after_franceconnect,
)

#: Breaks out of an attribute, an element, a script and a template, were any of them to let it.
SCRIPT = "\"'></textarea></script><img src=x class=stored onerror=stored()>{{7*7}}"
#: What may befall who goes to FranceConnect, on this module's demo.
__all__ = (
    "test_a_login_leads_nowhere_else", "test_a_return_is_taken_once_and_only_if_it_was_asked_for",
    "test_a_return_that_was_not_asked_for_logs_nobody_out",
    "test_another_site_sends_nobody_to_franceconnect",
    "test_only_the_browser_that_left_comes_back",
    "test_what_is_sealed_for_one_purpose_opens_for_no_other",
    "test_what_one_began_to_link_is_not_linked_to_who_logged_in_since",
    "test_who_comes_back_has_a_new_visit",
    "test_who_has_a_second_factor_is_asked_for_it_after_franceconnect",
)  # fmt: skip
PAGES = (
    "", "/reservations", "/reservations?vue=liste", "/demandes", "/messages", "/documents",
    "/inscriptions", "/factures", "/famille", "/preferences", "/abonnements", "/publications",
)  # fmt: skip


@pytest.fixture
async def robot(demo: Demo) -> AsyncIterator[Robot]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Robot(http, demo)


async def test_cookies_are_for_this_host_and_out_of_reach(robot: Robot) -> None:
    await robot.log_in()
    assert {SESSION, VISIT_COOKIE} == {said.partition("=")[0] for said in robot.set_cookies}
    for said in robot.set_cookies:
        parts = {one.strip() for one in said.split(";")[1:]}
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts
        assert not any(one.startswith("Domain") for one in parts)
    assert "eyJ" not in robot.cookies[SESSION], "the API's token is sealed"


async def test_a_visit_that_somebody_planted_is_worth_nothing_after_login(robot: Robot) -> None:
    planted = "chosen-by-somebody-else"
    robot.cookies[VISIT_COOKIE] = planted
    before = await robot.token()
    await robot.log_in()
    assert robot.cookies[VISIT_COOKIE] != planted
    form = {"_form": before, "text": "x", "category": "other"}
    answer = await robot.ask("POST", "/messages", form)
    assert answer.status == 403


async def test_a_planted_or_altered_session_is_no_session(robot: Robot) -> None:
    await robot.log_in()
    good = robot.cookies[SESSION]
    for bad in (good[:-8] + "AAAAAAAA", "anything", good[:40]):
        robot.cookies[SESSION] = bad
        answer = await robot.ask("GET", "/famille")
        assert answer.status == 303
        assert "/connexion" in answer.headers["Location"]
    # A session of one town opens no other.
    robot.cookies = {session_cookie("andancette"): good}
    answer = await robot.http.get(
        f"{robot.demo.origin}/andancette/famille", allow_redirects=False,
        headers={"Cookie": f"{session_cookie('andancette')}={good}"},
    )  # fmt: skip
    assert answer.status == 303


async def test_a_session_that_was_ended_does_not_come_back(robot: Robot) -> None:
    """The access token lives five minutes; what it is renewed with is dead at once."""
    await robot.log_in()
    robot.cookies[SESSION] = _five_minutes_later(robot.cookies[SESSION])
    assert (await robot.ask("GET", "/famille")).status == 200, "a session that lives is renewed"
    kept = dict(robot.cookies)
    await robot.ask("POST", "/deconnexion", {"_form": await robot.token("/preferences")})
    assert SESSION not in robot.cookies
    robot.cookies = kept | {SESSION: _five_minutes_later(kept[SESSION])}
    answer = await robot.ask("GET", "/famille")
    assert answer.status == 303
    assert "/connexion" in answer.headers["Location"]
    assert "message=deconnecte" in answer.headers["Location"]
    assert SESSION not in robot.cookies


def _five_minutes_later(cookie: str) -> str:
    """The session as it is once its access token is over."""
    seals = Seals(Settings(PREAU_FIELD_KEYS=SecretStr(FIELD_KEYS)).cookie_keys)
    session = seals.open(TOWN, cookie)
    assert session is not None
    return seals.seal(replace(session, expires_at=datetime.now(UTC)))


async def test_what_is_sent_after_the_session_is_not_done_and_not_lost(robot: Robot) -> None:
    """It comes back where it was typed, once logged in again, and is sent from there."""
    await robot.log_in()
    before = await _letters(robot)
    form = {"_form": await robot.token("/messages"), "category": "other", "text": "Ma saisie"}
    await _end_session(robot)
    answer = await robot.ask("POST", "/messages", form)
    assert answer.status == 401
    shown = await answer.text()
    assert "n'a pas été fait" in html.unescape(shown)
    assert "Ma saisie" not in shown, "sealed: the next person at this screen reads nothing of it"
    again = {"_form": _hidden(shown, "_form"), "_kept": _hidden(shown, "_kept")}
    # A wrong password, and none at all, lose nothing either.
    for wrong in ({"login_name": CAMILLE[0], "password": "rien-de-tel"}, {}):
        answer = await robot.ask("POST", "/messages", again | wrong)
        assert answer.status == 401
        assert _hidden(await answer.text(), "_kept") == again["_kept"]
        assert SESSION not in robot.cookies
    login = {"login_name": CAMILLE[0], "password": CAMILLE[1]}
    for site, status in (("cross-site", 403), ("same-origin", 401)):
        stale = {**again, **login, "_form": "x"}
        answer = await robot.ask("POST", "/messages", stale, Sec_Fetch_Site=site)
        assert answer.status == status
        assert SESSION not in robot.cookies, "another site logs nobody in"
    answer = await robot.ask("POST", "/messages", again | login)
    shown = html.unescape(await answer.text())
    assert answer.status == 409
    assert "Rien n'est encore envoyé" in shown
    assert ">Ma saisie<" in shown
    assert await _letters(robot) == before
    form["_form"] = _hidden(shown, "_form")
    answer = await robot.ask("POST", "/messages", form)
    letter = answer.headers["Location"].partition("?")[0].removeprefix(f"/{TOWN}")
    assert "Ma saisie" in await (await robot.ask("GET", letter)).text()
    assert len(await _letters(robot)) == len(before) + 1


async def test_what_was_kept_opens_in_its_own_form_alone(robot: Robot) -> None:
    await robot.log_in()
    form = {"_form": await robot.token("/messages"), "category": "other", "text": "Ma saisie"}
    await _end_session(robot)
    shown = await (await robot.ask("POST", "/messages", form)).text()
    await robot.log_in()
    for kept in (_hidden(shown, "_kept"), "anything"):
        again = {"_form": await robot.token("/messages"), "_kept": kept}
        answer = await robot.ask("POST", "/absences", again)
        assert answer.status == 409
        assert "n'est plus là" in html.unescape(await answer.text())
    # Too much for the page that logs in is told, at once.
    await _end_session(robot)
    long = form | {"text": "x" * 400_000}
    answer = await robot.ask("POST", "/messages", long, Sec_Fetch_Site="same-origin")
    assert answer.status == 401
    assert "trop long pour être gardé" in html.unescape(await answer.text())


async def _letters(robot: Robot) -> set[str]:
    page = await (await robot.ask("GET", "/messages")).text()
    return set(re.findall(rf'href="/{TOWN}/messages/([^/"?]+)"', page))


async def _end_session(robot: Robot) -> None:
    """From elsewhere; this browser knows nothing of it, and its access token is over."""
    other = Robot(robot.http, robot.demo, dict(robot.cookies))
    await other.ask("POST", "/deconnexion", {"_form": await other.token("/preferences")})
    robot.cookies[SESSION] = _five_minutes_later(robot.cookies[SESSION])


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, name
    return found[1]


@pytest.mark.parametrize("wrong", ["absent", "of another visit", "altered"])
async def test_a_form_of_another_site_does_nothing(robot: Robot, wrong: str) -> None:
    await robot.log_in()
    token = await robot.token("/messages")
    if wrong == "of another visit":
        token = await Robot(robot.http, robot.demo).token()
    elif wrong == "altered":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    form = {"_form": token, "text": "x", "category": "other"}
    if wrong == "absent":
        del form["_form"]
    answer = await robot.ask("POST", "/messages", form)
    assert answer.status == 403
    assert "recommencez" in await answer.text()
    # Of a page of one's own that was open too long, nothing that was typed is lost.
    long_typed = form | {"text": "Tout ce qui fut tapé"}
    answer = await robot.ask("POST", "/messages", long_typed, Sec_Fetch_Site="same-origin")
    assert answer.status == 403
    shown = await answer.text()
    assert "recommencez" in shown
    assert ">Tout ce qui fut tapé<" in shown


async def test_a_browser_that_says_another_site_is_believed(robot: Robot) -> None:
    await robot.log_in()
    token = await robot.token("/messages")
    form = {"_form": token, "text": "x", "category": "other"}
    for site in ("cross-site", "same-site", "none"):
        answer = await robot.ask("POST", "/messages", form, Sec_Fetch_Site=site)
        assert answer.status == 403, site


@pytest.mark.parametrize("path", [*PAGES, "/connexion", "/nulle-part"])
async def test_no_page_may_be_framed_or_load_from_elsewhere(robot: Robot, path: str) -> None:
    answer = await robot.ask("GET", path)
    policy = dict(
        one.strip().split(" ", 1) for one in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "/veyras//evil.example",
        "/veyras/\\evil.example", "/veyras.evil.example", "javascript:alert(1)", "/veyrasevil",
        "/veyras/\r\nSet-Cookie: a=1", "/andancette/famille", "/veyras/../andancette/famille",
        "/veyras/%2e%2E/andancette", "/veyras/./..", "/veyras/..%2fandancette", "/veyras/..#",
    ],
)  # fmt: skip
async def test_login_leads_nowhere_else(robot: Robot, wanted: str) -> None:
    answer = await robot.log_in(_suite=wanted)
    assert answer.status == 303
    to = urlsplit(answer.headers["Location"])
    assert (to.scheme, to.netloc, to.path) == ("", "", f"/{TOWN}")


async def test_login_leads_on_to_the_page_that_was_wanted(robot: Robot) -> None:
    answer = await robot.ask("GET", "/reservations?vue=mois")
    assert answer.headers["Location"].startswith(f"/{TOWN}/connexion?suite=")
    answer = await robot.log_in(_suite=f"/{TOWN}/reservations?vue=mois")
    assert answer.headers["Location"] == f"/{TOWN}/reservations?vue=mois"


async def test_a_file_that_was_sent_is_kept_not_run(robot: Robot) -> None:
    await robot.log_in()
    image = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(image, "PNG")
    form = aiohttp.FormData()
    for name, value in (
        ("_form", await robot.token("/messages")), ("category", "other"), ("text", "Une photo"),
    ):  # fmt: skip
        form.add_field(name, value)
    form.add_field("files", image.getvalue(), filename="<b>photo</b>.png", content_type="image/png")
    answer = await robot.ask("POST", "/messages", form)  # type: ignore[arg-type]
    assert answer.status == 303, await answer.text()
    letter = answer.headers["Location"].partition("?")[0].removeprefix(f"/{TOWN}")
    page = await (await robot.ask("GET", letter)).text()
    assert "<b>photo" not in page
    [link] = set(re.findall(rf'href="/{TOWN}({letter}/[^"]+)"', page))
    answer = await robot.ask("GET", link)
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # What is no document is refused, whatever it calls itself.
    form = aiohttp.FormData()
    for name, value in (
        ("_form", await robot.token("/messages")), ("category", "other"), ("text", "Une page"),
    ):  # fmt: skip
        form.add_field(name, value)
    form.add_field("files", b"<script>1</script>", filename="a.png", content_type="image/png")
    answer = await robot.ask("POST", "/messages", form)  # type: ignore[arg-type]
    assert answer.status == 415


@dataclass
class Api:
    """The public API, as one account."""

    http: aiohttp.ClientSession
    demo: Demo
    token: str = ""

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON."""
        service, _, rest = path.partition("/")
        headers = {"Idempotency-Key": new_id()}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.demo.origin}/api/{service}/v1/{TOWN}/{rest}"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            raw = await answer.read()
            return answer.status, await answer.json(content_type=None) if raw else None

    async def log_in(self, who: tuple[str, str]) -> Api:
        """Act as this account."""
        body = {"login_name": who[0], "password": who[1]}
        _, tokens = await self.call("POST", "identity/login-sessions", body)
        self.token = tokens["access_token"]
        return self


async def _write_everywhere(family: Api, agent: Api) -> dict[str, int]:
    """Put ``SCRIPT`` in each text that a family or an agent types; the API's answers."""
    told: dict[str, int] = {}
    _, household = await family.call("GET", "family/household")
    home = household["households"][0]
    child = home["children"][0]["id"]
    _, dossier = await family.call("GET", f"family/families/{home['family']}/dossier")
    for member in dossier["members"]:
        for one in member["fields"]:
            typed = one["kind"] in ("text", "long_text") and not one["sealed"]
            if one["editable"] and typed and not one["waiting"]:
                change = {
                    "act": "set", "member": member["member"], "field": one["name"],
                    "base": one["revision"], "value": SCRIPT,
                }  # fmt: skip
                told[f"dossier.{one['name']}"], _ = await family.call(
                    "POST", f"family/families/{home['family']}/changes", {"changes": [change]}
                )
    wish = {"activity": "canteen", "child": child, "units": ["meal"], "day": "2026-12-10"}
    asked = {"family": home["family"], "asked": [wish], "comment": SCRIPT}
    told["request.comment"], request = await family.call("POST", "booking/requests", asked)
    letter = {"family": home["family"], "category": "other", "text": SCRIPT, "fields": {}}
    told["letter.text"], written = await family.call("POST", "family/letters", letter)
    answered = f"family/letters/{written['letter']}/messages"
    told["letter.answer"], _ = await agent.call("POST", answered, {"text": SCRIPT})
    lines = [one["line"] for one in request["lines"] if one["state"] == "requested"]
    decisions = [
        {"request": request["id"], "line": one, "outcome": "refused", "reason": SCRIPT}
        for one in lines
    ]
    told["decision.reason"], _ = await agent.call(
        "POST", "booking/decisions", {"decisions": decisions}
    )
    news = {"title": SCRIPT, "text": f"{SCRIPT}\n\n[x](javascript:stored())"}
    told["news"], _ = await agent.call("POST", "family/news", news)
    return told | {f"/demandes/{request['id']}": 200, f"/messages/{written['letter']}": 200}


async def test_no_text_that_was_typed_runs(demo: Demo, chromium: Browser) -> None:
    async with aiohttp.ClientSession() as http:
        family = await Api(http, demo).log_in(CAMILLE)
        agent = await Api(http, demo).log_in(AGENT)
        told = await _write_everywhere(family, agent)
    refused = {name: status for name, status in told.items() if not 200 <= status < 300}
    assert not refused, "what the API refuses is no test of the page"
    assert sum(name.startswith("dossier.") for name in told) >= 3
    context = await chromium.new_context()
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await log_in(demo, page)
    seen = 0
    for path in (*PAGES, *(one for one in told if one.startswith("/"))):
        await opened(page, demo.at(path))
        seen += await _shown_as_text(page)
    for link in await page.get_by_role("link", name=re.compile("onerror")).all():
        await link.click()
        seen += await _shown_as_text(page)
    await opened(page, demo.at())
    await page.get_by_role("link", name=re.compile("onerror")).first.click()
    seen += await _shown_as_text(page)
    assert seen >= 5, "the texts are seen, as texts"
    assert said == [], "nothing was even tried"
    await context.close()


async def _shown_as_text(page: Page) -> int:
    assert await page.locator(".stored, a[href^='javascript']").count() == 0, page.url
    return int("onerror=stored()" in await page.inner_text("main"))
