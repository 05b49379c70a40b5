"""From the basket to a request: recap and price as step 2; over a period; absences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

from aiohttp import web

from services.portal.gateway import FieldProblem, Problem, once_heard
from services.portal.pages.documents import send_proof
from services.portal.pages.invoices import credit_of, pay_at_once
from services.portal.pages.people import People, people_of
from services.portal.pages.planning import asked_day, basket_of, show_planning
from services.portal.web import Page, Visit, quoted
from services.portal.wishes import MOST, Wish, body_of, read_wishes
from shared.french import day_words
from shared.money import euros

#: What another choice may put right.
CORRECTABLE = frozenset({400, 409, 422})
#: What the forms of this page call the fields of the API.
PERIOD_FIELDS = {
    "asked/0/child": "child", "asked/0": "activity", "asked/0/period": "last",
    "asked/0/period/first": "first", "asked/0/period/weekdays": "weekdays", "asked": "last",
}  # fmt: skip
ABSENCE_FIELDS = {
    "ends/0": "first", "ends/0/child": "child", "ends/0/last": "last",
    "ends/0/weekdays": "weekdays", "ends/0/reason": "reason", "ends/0/proof": "attachment",
    "attachments": "attachment", "files": "attachment",
}  # fmt: skip


async def _recap(visit: Visit) -> web.Response:
    """Step 2: what validating would do, and what it costs."""
    wishes = read_wishes(basket_of(visit))
    people = await people_of(visit)
    if not wishes:
        return visit.show("recap-empty.html")
    body = body_of(people.family, wishes)
    try:
        check_count(wishes)
        return await show_recap(visit, people, people.family, body, wishes)
    except Problem as problem:
        if problem.status not in CORRECTABLE:
            raise
        visit.problem = problem
        return await show_planning(visit, day_at_fault(problem, body, people.name))


def check_count(wishes: Sequence[Wish]) -> None:
    """Refuse more than an address may hold."""
    if len(wishes) > MOST:
        detail = f"Plus de {MOST} jours à la fois : réservez plutôt pour une période."
        raise Problem(422, {"code": "too-many", "detail": detail})


def day_at_fault(
    problem: Problem, body: Mapping[str, Any], name: Callable[[str], str]
) -> date:  # fmt: skip
    """The day that the planning is shown around again, with all that was ticked: what is wrong
    leads from now on to its day there."""
    problem.errors = tuple(_on_its_day(one, name, body) for one in problem.errors)
    days = [one.field.removeprefix("/j") for one in problem.errors if one.field.startswith("/j")]
    days = days or [_day_of(one) for one in (*body["asked"], *body["changes"], *body["ends"])]
    return date.fromisoformat(days[0])


def _on_its_day(
    error: FieldProblem, name: Callable[[str], str], body: Mapping[str, Any]
) -> FieldProblem:  # fmt: skip
    """An error of one wish, with the words of its day and the place where the planning has it."""
    kind, _, rest = error.field.lstrip("/").partition("/")
    place = rest.partition("/")[0]
    wishes = body.get(kind)
    if not (place.isdecimal() and isinstance(wishes, list) and int(place) < len(wishes)):
        return error
    wish = wishes[int(place)]
    day = date.fromisoformat(_day_of(wish))
    words = ", ".join(filter(None, (day_words(day), name(wish["child"]))))
    return FieldProblem(f"/j{day}", f"{words} : {error.message}")


def _day_of(wish: Mapping[str, Any]) -> str:
    period = wish.get("period") or wish
    return str(wish.get("day") or period["first"])


async def show_recap(
    visit: Visit,
    people: People,
    family: str,
    body: dict[str, Any],
    wishes: Sequence[Wish] = (),
    **values: Any,
) -> web.Response:
    """The recap of this body, with prices where there are any; each line with the wishes it comes
    of, to be taken out of the basket."""
    return await _shown(
        visit, people, family, await _recapped(visit, family, body), wishes, **values
    )


_Recapped = tuple[dict[str, Any], dict[str, Any] | None]


async def _recapped(visit: Visit, family: str, body: dict[str, Any]) -> _Recapped:
    """What validating would do, and its price."""
    gateway = visit.portal.gateway
    recap = await once_heard(
        lambda: gateway.send(visit.caller, "POST", "booking/recaps", body),
        fresh=bool(visit.form.files),
    )
    for name in ("lines", "not_retained"):
        recap[name].sort(key=lambda one: (one["date"], one["child"], one["activity"]))
    return recap, await quote_of(visit, family, recap["lines"])


async def _shown(
    visit: Visit,
    people: People,
    family: str,
    recapped: _Recapped,
    wishes: Sequence[Wish],
    **values: Any,
) -> web.Response:
    recap, quote = recapped
    for line in (*recap["lines"], *recap["not_retained"]):
        line["wishes"] = [one for one in wishes if one.covers(line)]
        line["out"] = " ".join(one.text() for one in line["wishes"])
    credit = await credit_of(visit, family) if quote else 0
    texts = [one.text() for one in wishes]
    return visit.show(
        "recap.html", recap=recap, quote=quote, credit=credit, people=people, texts=texts, **values
    )


async def quote_of(visit: Visit, family: str, lines: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The price of what would be booked; nothing where billing knows none yet."""
    booked = [
        (index, one) for index, one in enumerate(lines)
        if one["kind"] in ("book", "change") and one["would"] != "refused"
    ]  # fmt: skip
    if not booked:
        return None
    named = ("child", "activity", "date", "units", "starts", "ends", "quantity", "surcharge", "of")
    body = {"family": family, "lines": [{name: one[name] for name in named} for _, one in booked]}
    try:
        quote = await visit.send("POST", "billing/quotes", body, once="quote")
    except Problem as problem:
        if problem.status >= 500:
            raise
        return None
    by_line: dict[int, int] = {}
    for priced in quote["lines"]:
        index = booked[priced["line"]][0]
        by_line[index] = by_line.get(index, 0) + priced["cents"]
    return {**quote, "by_line": by_line}


async def _validate(visit: Visit) -> web.Response:
    wishes = read_wishes(visit.form.all("l"))
    people = await people_of(visit)
    if not wishes:
        return visit.go("/reservations")
    family = people.find(wishes[0].participant).family
    body = body_of(family, wishes, visit.form.get("comment"))
    shown = await _price_shown(visit)
    if shown is not None:
        recapped = await _recapped(visit, family, body)
        # Without anything left to be booked the request says why: it was sent before, perhaps.
        if (quote := recapped[1]) is not None and (changed := price_changed(shown, quote)):
            visit.problem = changed
            return await _shown(visit, people, family, recapped, wishes)
    return await send_request(visit, body)


async def _price_shown(visit: Visit) -> Mapping[str, Any] | None:
    """The quote that the recap showed; nothing where there was none, or billing is away: what needs
    no price is booked all the same, and what is paid at once waits for its invoice."""
    if not (shown := visit.form.get("quote")):
        return None
    try:
        quote: dict[str, Any] = await visit.get(f"billing/quotes/{quoted(shown)}")
    except Problem as problem:
        if problem.status == 404:  # it was shown days ago
            return _FORGOTTEN
        if problem.status < 500:
            raise
        return None
    return quote


#: A quote that billing keeps no more.
_FORGOTTEN: Mapping[str, Any] = MappingProxyType({"state": "forgotten"})


def price_changed(shown: Mapping[str, Any], now: Mapping[str, Any]) -> Problem | None:
    """What is said before anything is sent, where the price shown is not the price paid any more,
    or was shown too long ago."""
    before, cents = shown.get("total_cents", 0), euros(now["total_cents"])
    said, same = euros(before), before == now["total_cents"]
    if shown["state"] == "forgotten":
        what = f"Le prix vous a été montré il y a plusieurs jours : il est aujourd'hui de {cents}."
    elif shown["state"] == "expired":
        what = "Le prix n'était garanti que 30 minutes"
        what += (
            f" ; il reste de {cents}." if same else f", et il a changé : {cents} au lieu de {said}."
        )
    elif (shown["lines"], shown["without_price"]) == (now["lines"], now["without_price"]):
        return None
    elif same:
        what = f"Le détail du prix a changé ; le total reste de {cents}."
    else:
        what = f"Le prix a changé : {cents} au lieu de {said}."
    detail = f"{what} Rien n'a été envoyé : relisez le récapitulatif, puis validez."
    return Problem(409, {"code": "price-changed", "detail": detail})


async def send_request(visit: Visit, body: dict[str, Any]) -> web.Response:
    """Ask; then on to the request, or to PayFiP where it is paid at once."""
    request = await visit.send("POST", "booking/requests", body)
    if any(line["state"] == "to_pay" for line in request["lines"]):
        return await pay_at_once(visit, request["id"])
    return visit.go(f"/demandes/{request['id']}", message="demande-envoyee")


async def _period(visit: Visit) -> web.Response:
    people = await people_of(visit)
    participant = people.find(visit.query.get("enfant"))
    online = [one for one in people.activities.values() if one["desk_only"] is None]
    return visit.show(
        "period.html", people=people, participant=participant, choices=period_choices(online),
        day=asked_day(visit),
    )  # fmt: skip


def period_choices(activities: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What may be booked of these activities over a period."""
    return [
        choice for one in activities if one["booking"] == "required" for choice in choices_of(one)
    ]


def choices_of(activity: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What may be booked of an activity on some weekday, each once: as the form calls it, and in
    words."""
    sets = dict.fromkeys(tuple(one) for row in activity["permitted"] for one in row["sets"])
    return [
        (
            ".".join((activity["id"], *units)),
            f"{activity['name']} – "
            + ", ".join(one["name"] for one in activity["units"] if one["id"] in units),
        )
        for units in sets
    ]


async def _over_period(visit: Visit) -> web.Response:
    """A wish over a period, on to the recap."""
    people = await people_of(visit)
    wish = period_wish(visit)
    # Asked here already: what is refused is put right in this form.
    body = body_of(people.family, [wish])
    await visit.portal.gateway.send(visit.caller, "POST", "booking/recaps", body)
    return visit.go("/reservations/recapitulatif", l=[*basket_of(visit), wish.text()])


def period_wish(visit: Visit) -> Wish:
    """What the form of a period asks for. Raises ``Problem``."""
    activity, _, units = visit.form.get("activity").partition(".")
    first, last = (_date(visit, name) for name in ("first", "last"))
    weekdays = visit.form.all("weekdays")
    if not weekdays:
        raise _missing("/weekdays", "Cochez au moins un jour de la semaine.")
    return Wish(
        "book", visit.form.get("child"), activity, tuple(filter(None, units.split("."))), first,
        last, tuple(weekdays),
    )  # fmt: skip


async def _absence(visit: Visit) -> web.Response:
    people = await people_of(visit)
    participant = people.find(visit.form.get("child") or visit.query.get("enfant"))
    return visit.show(
        "absence.html", people=people, participant=participant, day=asked_day(visit),
        reasons=reasons_of(people),
    )  # fmt: skip


def reasons_of(people: People) -> list[tuple[str, str]]:
    """Why one may be absent, as the town's activities say."""
    reasons = {
        reason["id"]: reason["name"]
        for activity in people.activities.values()
        for reason in activity["absence_reasons"]
    }
    return list(reasons.items())


def absence_body(visit: Visit, people: People) -> tuple[str, dict[str, Any]]:
    """The family, and the API's body."""
    participant = people.find(visit.form.get("child"))
    first = _date(visit, "first")
    last = _date(visit, "last") if visit.form.get("last") else first
    ended: dict[str, Any] = {
        "child": participant.id, "kind": "absence",
        "first": first.isoformat(), "last": last.isoformat(),
    }  # fmt: skip
    if weekdays := visit.form.all("weekdays"):
        ended["weekdays"] = weekdays
    if reason := visit.form.get("reason"):
        ended["reason"] = reason
    body: dict[str, Any] = {"family": participant.family, "ends": [ended]}
    attached = visit.form.all("attachment")
    if kind := visit.form.get("proof"):
        ended["proof"] = {"kind": kind, "documents": attached}
    else:
        body["attachments"] = attached
    if comment := visit.form.get("comment"):
        body["comment"] = comment
    return participant.family, body


async def _absence_recap(visit: Visit) -> web.Response:
    """Step 2 of an absence: the activities concerned, found by the server; or back to step 1, with
    what was typed."""
    if visit.form.get("_back"):
        return await _absence(visit)
    people = await people_of(visit)
    family, body, kept = await absence_asked(visit, people)
    return await show_recap(visit, people, family, body, kept=kept)


async def absence_asked(
    visit: Visit, people: People
) -> tuple[str, dict[str, Any], list[tuple[str, str]]]:  # fmt: skip
    """An absence as the form says it: the family, the API's body, and what step 2 keeps of the
    form; files are sent on the way."""
    family, body = absence_body(visit, people)
    names = ("child", "first", "last", "reason", "comment")
    kept = [(name, visit.form.get(name)) for name in names]
    kept += [("weekdays", one) for one in visit.form.all("weekdays")]
    if visit.form.files:
        body["attachments"].append(await send_proof(visit, people, visit.form.get("child")))
        # Whatever is refused from here on, the document need not be sent again.
        values = {**visit.form.values, "attachment": body["attachments"]}
        visit.form = replace(visit.form, values=values)
    kept += [("attachment", one) for one in body.get("attachments", ())]
    return family, body, kept


async def _report_absence(visit: Visit) -> web.Response:
    people = await people_of(visit)
    _, body = absence_body(visit, people)
    return await send_request(visit, body)


def _date(visit: Visit, name: str) -> date:
    try:
        return date.fromisoformat(visit.form.get(name))
    except ValueError:
        raise _missing(f"/{name}", "Indiquez une date.") from None


def _missing(field: str, detail: str) -> Problem:
    return Problem(422, {"code": "invalid-input", "field": field, "detail": detail})


PAGES = (
    Page("/reservations/recapitulatif", _recap, _validate),
    Page("/reservations/periode", _period, _over_period, fields=PERIOD_FIELDS),
    Page("/absences", _absence, _absence_recap, fields=ABSENCE_FIELDS),
    Page("/absences/valider", _absence, _report_absence, fields=ABSENCE_FIELDS),
)
