"""Between the recap and "Valider": what was shown is what is asked for, or nothing is sent."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from services.portal.forms import Form
from services.portal.gateway import Problem
from services.portal.pages import booking
from services.portal.wishes import Wish

WISH = Wish("book", "zoe", "canteen", ("meal",), date(2026, 10, 5)).text()
LINE = {
    "kind": "book", "would": "accepted", "child": "zoe", "activity": "canteen",
    "date": "2026-10-05", "units": ["meal"], "starts": None, "ends": None, "quantity": 1,
    "surcharge": None, "of": None,
}  # fmt: skip


def quote(cents: int, state: str = "valid", **line: Any) -> dict[str, Any]:
    priced = {"line": 0, "cents": cents, "rule": "meal"} | line
    return {
        "quote": "q", "state": state, "total_cents": cents, "lines": [priced], "without_price": [],
    }  # fmt: skip


class _Api:
    """What the visit asks for, and what it was answered."""

    def __init__(self, shown: Any, now: dict[str, Any], *, lines: Any = (LINE,)) -> None:
        self.shown, self.now, self.lines = shown, now, list(lines)
        self.sent: list[str] = []
        self.asked: list[dict[str, Any]] = []

    async def send(self, *given: Any, once: str = "") -> Any:
        *_, path, body = given
        self.sent.append(path)
        self.asked.append(body)
        if path == "booking/recaps":
            return {"lines": self.lines, "not_retained": []}
        if path == "billing/quotes":
            return self.now
        return {"id": "r", "lines": []}

    async def get(self, path: str, **_: Any) -> Any:
        if path == "booking/activities":
            return {"items": []}
        if path.startswith("billing/accounts/"):
            return {"credit_cents": 0}
        if isinstance(self.shown, Problem):
            raise self.shown
        return self.shown


async def validated(api: _Api, quote: str = "q") -> Any:
    """What the visit is, once the form of the recap was sent."""
    child = {"id": "zoe", "first_name": "Zoé"}
    household = {"family": "f", "me": "anne", "children": [child], "guardians": []}

    async def households() -> list[dict[str, Any]]:
        return [household]

    shown: dict[str, Any] = {}
    visit: Any = SimpleNamespace(
        form=Form({"l": [WISH], "quote": [quote], "comment": ["Merci"]}), problem=None,
        get=api.get, send=api.send, households=households, caller=None,
        portal=SimpleNamespace(gateway=SimpleNamespace(send=api.send)), template=None,
        go=lambda path, **_: shown.update(path=path), shown=shown,
        show=lambda template, **values: shown.update(values, template=template),
    )  # fmt: skip
    (validate,) = (one.act for one in booking.PAGES if one.path.endswith("/recapitulatif"))
    assert validate is not None
    await validate(visit)
    return visit


@pytest.mark.parametrize(
    ("shown", "now", "said"),
    [
        (quote(800, "changed"), quote(1000), "Le prix a changé : 10,00\u00a0€ au lieu de 8,00"),
        # A surcharge came due since: the quote holds for what it was asked, which is no more.
        (quote(800), quote(850), "Le prix a changé : 8,50\u00a0€ au lieu de 8,00"),
        (quote(800, "expired"), quote(800), "garanti que 30 minutes ; il reste de 8,00"),
        (quote(800, "expired"), quote(900), "il a changé : 9,00\u00a0€ au lieu de 8,00"),
        (quote(800, "changed"), quote(800, rule="other"), "le total reste de 8,00"),
        # Billing keeps it no more.
        (Problem(404, {"code": "not-found"}), quote(900), "il est aujourd'hui de 9,00"),
    ],
)
async def test_a_price_that_holds_no_more_goes_back_to_the_recap(
    shown: Any, now: dict[str, Any], said: str
) -> None:
    api = _Api(shown, now)
    visit = await validated(api)
    assert "booking/requests" not in api.sent
    assert said in visit.problem.detail
    assert "Rien n'a été envoyé" in visit.problem.detail
    assert (visit.shown["template"], visit.shown["texts"]) == ("recap.html", [WISH])
    assert visit.shown["quote"]["total_cents"] == now["total_cents"]


@pytest.mark.parametrize(
    "api",
    [
        _Api(quote(800), quote(800)),
        # Billing is away: what holds is not known, and booking goes on.
        _Api(Problem(503, {"code": "service-unavailable"}), quote(800)),
        # Sent twice: nothing is left to be booked, and the request is the one that was made.
        _Api(quote(800, "changed"), quote(0), lines=[LINE | {"would": "refused"}]),
    ],
)
async def test_a_price_that_holds_is_sent(api: _Api) -> None:
    visit = await validated(api)
    assert api.sent[-1] == "booking/requests"
    assert visit.problem is None
    assert visit.shown["path"] == "/demandes/r"


async def test_without_a_price_nothing_is_asked_again() -> None:
    api = _Api(quote(800, "changed"), quote(900))
    await validated(api, quote="")
    assert api.sent == ["booking/requests"]


async def test_a_change_is_priced_as_what_it_is_put_in_the_place_of() -> None:
    api = _Api(quote(800), quote(800), lines=[LINE | {"kind": "change", "of": "r0-1"}])
    await validated(api)
    (asked,) = (one for one in api.asked if "lines" in one)
    assert [one["of"] for one in asked["lines"]] == ["r0-1"]
