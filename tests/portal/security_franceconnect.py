"""What somebody who means harm finds on the way to FranceConnect and back."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import pyotp
import pytest
from cryptography.fernet import Fernet

from services.portal.sessions import VISIT_COOKIE, Seals
from tests.portal.conftest import TOWN
from tests.portal.robot import SESSION, Robot

#: The simulator's citizen who is Camille from the first of these tests on.
_CITIZEN = "nobody"
_TRIP = f"__Host-franceconnect-{TOWN}"
_SAMI = ("sami.demo", "neuf-lanternes-repeintes")
_NORA = ("nora.demo", "neuf-lanternes-repeintes")


async def test_only_the_browser_that_left_comes_back(robot: Robot) -> None:
    """Nobody is logged in by an address that somebody else sends them."""
    await _link_camille(robot)
    back = await _chosen(robot, await _leave(robot))
    victim = Robot(robot.http, robot.demo)
    assert await _refused(victim, back), "with nothing of its own"
    await _leave(victim)
    assert await _refused(victim, back), "with a trip of its own"
    answer = await robot.ask("GET", back)
    assert (answer.status, answer.headers["Location"]) == (303, f"/{TOWN}")
    assert SESSION in robot.cookies


async def test_a_return_is_taken_once_and_only_if_it_was_asked_for(robot: Robot) -> None:
    await _link_camille(robot)
    back = await _chosen(robot, await _leave(robot))
    kept = dict(robot.cookies)
    state = re.search(r"state=([^&]+)", back)
    assert state
    arrival = back.partition("?")[0]
    for forged in (back.replace(state[1], state[1][::-1]), f"{arrival}?code=x", arrival):
        robot.cookies = dict(kept)
        assert await _refused(robot, forged), forged
    robot.cookies = dict(kept)
    assert (await robot.ask("GET", back)).status == 303
    (said,) = [one for one in robot.set_cookies if one.startswith(_TRIP)]
    assert "Max-Age=0" in said, "the trip is over"
    del robot.cookies[SESSION]
    assert await _refused(robot, back)
    # Not even with the trip's cookie: the visit is another one since the login.
    robot.cookies[_TRIP] = kept[_TRIP]
    assert await _refused(robot, back)


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/andancette"])
async def test_a_login_leads_nowhere_else(robot: Robot, wanted: str) -> None:
    await _link_camille(robot)
    back = await _chosen(robot, await _leave(robot, _suite=wanted))
    assert (await robot.ask("GET", back)).headers["Location"] == f"/{TOWN}"
    robot.cookies.clear()
    back = await _chosen(robot, await _leave(robot, _suite=f"/{TOWN}/factures"))
    assert (await robot.ask("GET", back)).headers["Location"] == f"/{TOWN}/factures"


async def test_who_comes_back_has_a_new_visit(robot: Robot) -> None:
    await _link_camille(robot)
    robot.cookies[VISIT_COOKIE] = planted = "chosen-by-somebody-else"
    before = await robot.token()
    await robot.ask("GET", await _chosen(robot, await _leave(robot)))
    assert robot.cookies[VISIT_COOKIE] != planted
    form = {"_form": before, "text": "x", "category": "other"}
    assert (await robot.ask("POST", "/messages", form)).status == 403


async def test_another_site_sends_nobody_to_franceconnect(robot: Robot) -> None:
    await robot.log_in()
    for path in (
        "/franceconnect", "/franceconnect/compte", "/franceconnect/nouveau",
        "/preferences/franceconnect", "/preferences/franceconnect/delier",
    ):  # fmt: skip
        assert (await robot.ask("POST", path, {})).status == 403
        assert _TRIP not in robot.cookies


async def test_what_one_began_to_link_is_not_linked_to_who_logged_in_since(robot: Robot) -> None:
    """On a computer that several people use, and to an account that is somebody's already."""
    await _link_camille(robot)
    await robot.log_in()
    back = await _chosen(robot, await _leave(robot, "/preferences/franceconnect"))
    await robot.log_in(_NORA)
    assert (await robot.ask("GET", back)).status == 403
    assert "Lier FranceConnect" in await (await robot.ask("GET", "/preferences")).text()
    back = await _chosen(robot, await _leave(robot, "/preferences/franceconnect"))
    answer = await robot.ask("GET", back)
    assert answer.status == 409
    assert "déjà liée à un autre compte" in html.unescape(await answer.text())


async def test_who_has_a_second_factor_is_asked_for_it_after_franceconnect(robot: Robot) -> None:
    """FranceConnect alone opens nothing; the code does, once."""
    await robot.log_in(_SAMI)
    away = await _leave(robot, "/preferences/franceconnect")
    await robot.ask("GET", await _chosen(robot, away, "angela.dubois"))
    code = await _second_factor(robot, _SAMI[1])
    robot.cookies.clear()
    away = await _leave(robot, _suite=f"/{TOWN}/preferences")
    answer = await robot.ask("GET", await _chosen(robot, away, "angela.dubois"))
    assert answer.headers["Location"] == f"/{TOWN}/franceconnect/code"
    assert SESSION not in robot.cookies
    here = "/franceconnect/code"
    answer = await robot.ask("POST", here, {"_form": await robot.token(here), "code": "123456"})
    assert answer.status == 422
    assert "Ce code n'est pas le bon" in html.unescape(await answer.text())
    assert SESSION not in robot.cookies
    answer = await robot.ask("POST", here, {"_form": await robot.token(here), "code": code})
    assert (answer.status, answer.headers["Location"]) == (303, f"/{TOWN}/preferences")
    assert SESSION in robot.cookies
    assert (await robot.ask("GET", here)).headers["Location"] == f"/{TOWN}/connexion"


async def _second_factor(robot: Robot, password: str) -> str:
    """Set up by the page; one of its recovery codes."""
    path = "/agents/securite"
    form = {"_form": await robot.token(path), "password": password}
    shown = await (await robot.ask("POST", path, form)).text()
    token, secret = (
        re.search(rf'name="{name}" value="([^"]+)"', shown) for name in ("_form", "_secret")
    )
    assert token
    assert secret
    proof = {"_form": token[1], "_secret": secret[1], "code": pyotp.TOTP(secret[1]).now()}
    shown = await (await robot.ask("POST", f"{path}/code", proof)).text()
    found = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", shown)
    assert found, shown
    return found[0]


async def test_a_return_that_was_not_asked_for_logs_nobody_out(robot: Robot) -> None:
    await robot.log_in()
    for state in ("", "?state=x", f"?state={'0' * 32}.{'A' * 43}"):
        answer = await robot.ask("GET", f"/franceconnect/au-revoir{state}")
        assert answer.status == 422
        assert "n'est pas connu" in html.unescape(await answer.text())
    assert (await robot.ask("GET", "/famille")).status == 200


def test_what_is_sealed_for_one_purpose_opens_for_no_other() -> None:
    """Not even with the keys of a session's cookie, nor once it is too old."""
    seals = Seals([Fernet.generate_key().decode()])
    sealed = seals.wrap("franceconnect veyras", {"binding": "b"})
    assert seals.unwrap("franceconnect veyras", sealed, 60) == {"binding": "b"}
    assert seals.unwrap("franceconnect andancette", sealed, 60) is None
    assert seals.unwrap("franceconnect veyras", sealed, -1) is None
    assert seals.unwrap("franceconnect veyras", None, 60) is None
    assert seals.unwrap("franceconnect veyras", "é", 60) is None
    assert seals.open("veyras", sealed) is None


async def _link_camille(robot: Robot) -> None:
    """Her account is the citizen's from now on; nobody is logged in."""
    await robot.log_in()
    back = await _chosen(robot, await _leave(robot, "/preferences/franceconnect"))
    answer = await robot.ask("GET", back)
    assert answer.headers["Location"] == f"/{TOWN}/preferences?message=franceconnect-lie"
    robot.cookies.clear()


async def _leave(robot: Robot, path: str = "/franceconnect", **more: str) -> str:
    """Press the button; the address at FranceConnect."""
    shown = "/connexion" if path == "/franceconnect" else "/preferences"
    answer = await robot.ask("POST", path, {"_form": await robot.token(shown), **more})
    assert answer.status == 200
    found = re.search(r'content="0;url=([^"]+)"', await answer.text())
    assert found
    return html.unescape(found[1])


async def _chosen(robot: Robot, url: str, citizen: str = _CITIZEN) -> str:
    """Choose who one is; the path within the town that FranceConnect leads back to."""
    async with robot.http.get(url, allow_redirects=False) as asked:
        at = urlsplit(url)
        page = f"{at.scheme}://{at.netloc}{asked.headers['Location']}"
    form = {"citizen": citizen, "switch": ""}
    async with robot.http.post(page, data=form, allow_redirects=False) as chosen:
        back = chosen.headers["Location"]
    assert back.startswith(robot.demo.at("/franceconnect/retour?"))
    return back.removeprefix(robot.demo.at())


async def _refused(robot: Robot, back: str) -> bool:
    """Whether arriving there is refused on a page, and logs nobody in."""
    answer = await robot.ask("GET", back)
    said = html.unescape(await answer.text())
    return (
        answer.status == 403
        and "n'a pas commencé dans ce navigateur" in said
        and SESSION not in robot.cookies
    )
