"""What people do at family's desk (``tests.faults.acts`` says what an act is)."""

from __future__ import annotations

from typing import Any

from shared.contracts import billing, booking
from tests.faults.acts import Said, linked
from tests.faults.desk import TOWN, Desk, Home
from tests.world import access_token, eventually

# -- dossiers ----------------------------------------------------------------------------------


async def imports(desk: Desk) -> Said:
    reference = f"K{desk.fresh()}"
    await desk.strike()
    home = await desk.import_family(reference)
    await desk.settled()
    assert (await desk.one("family", "families", {"_id": home.id}))["seq"] == 1
    await desk.one("identity", "families", {"_id": home.id})
    return {"family-changed": 1}


async def changes_a_field(desk: Desk) -> Said:
    home = await desk.home()
    change = {"act": "set", "member": home.holder, "field": "workplace", "value": "La Poste",
              "base": 0}  # fmt: skip
    await desk.strike()
    path, token = f"/families/{home.id}/changes", desk.guardian(home)
    await desk.done("family", "POST", path, token, {"changes": [change]})
    record = await desk.one("family", "families", {"_id": home.id})
    assert len(record["changes"]) == 1
    return {"dossier-change-requested": 1, "family-changed": 1}


async def sends_a_file(desk: Desk) -> Said:
    account = f"{desk.fresh():032x}"
    token = desk.guardian(await desk.home(), account)
    await desk.strike()
    await desk.file(token)
    await desk.one("family", "uploads", {"account": account})
    return {}


async def _document(desk: Desk, *, strike: bool = False) -> tuple[Home, dict[str, Any]]:
    home = await desk.home()
    token = desk.guardian(home)
    files = [await desk.file(token)]
    body = {"family": home.id, "type": "certificat", "child": home.child, "files": files}
    if strike:
        await desk.strike()
    made = await desk.done("family", "POST", "/documents", token, body)
    return home, made


async def sends_a_document(desk: Desk) -> Said:
    home, _ = await _document(desk, strike=True)
    kept = await desk.one("family", "documents", {"family": home.id})
    assert len(kept["versions"]) == 1
    return {"document-changed": 1}


async def decides_a_document(desk: Desk) -> Said:
    _, made = await _document(desk)
    decision = {"document": made["document"], "version": made["versions"][0]["version"],
                "accept": False, "reason": "Illisible."}  # fmt: skip
    await desk.strike()
    body = {"decisions": [decision]}
    await desk.done("family", "POST", "/document-decisions", desk.agent(), body)
    kept = await desk.one("family", "documents", {"_id": made["document"]})
    assert kept["versions"][0]["state"] == "refused"
    return {"document-decided": 1, "document-changed": 1}


async def takes_a_document_back(desk: Desk) -> Said:
    home, made = await _document(desk)
    await desk.strike()
    path = f"/documents/{made['document']}/withdrawal"
    await desk.done("family", "POST", path, desk.guardian(home), {})
    await _named_by_nothing(desk, made)
    return {"document-changed": 1}


async def _named_by_nothing(desk: Desk, made: dict[str, Any]) -> None:
    """Removed, or left to be swept in a day."""
    file = made["versions"][0]["files"][0]["file"]
    kept = await desk.one("family", "documents", {"_id": made["document"]})
    assert file not in str(kept["versions"])


async def removes_a_document(desk: Desk) -> Said:
    _, made = await _document(desk)
    await desk.strike()
    await desk.done("family", "DELETE", f"/documents/{made['document']}", desk.agent())
    await _named_by_nothing(desk, made)
    return {"document-changed": 1}


# -- letters, the feed, news -------------------------------------------------------------------


async def _letter(desk: Desk, *, strike: bool = False) -> tuple[Home, str]:
    home = await desk.home()
    body = {"family": home.id, "category": "autre", "text": "Bonjour."}
    if strike:
        await desk.strike()
    written = await desk.done("family", "POST", "/letters", desk.guardian(home), body)
    return home, str(written["letter"])


async def writes_a_letter(desk: Desk) -> Said:
    home, letter = await _letter(desk, strike=True)
    kept = await desk.one("family", "letters", {"family": home.id})
    assert (kept["_id"], len(kept["messages"])) == (letter, 1)
    await desk.settled()
    await desk.one("family", "feed", {"family": home.id})
    return {"letter-sent": 1}


async def answers_a_letter(desk: Desk) -> Said:
    _, letter = await _letter(desk)
    await desk.strike()
    path = f"/letters/{letter}/messages"
    await desk.done("family", "POST", path, desk.agent(), {"text": "Bonjour."})
    assert len((await desk.one("family", "letters", {"_id": letter}))["messages"]) == 2
    return {"letter-answered": 1}


async def reads_a_letter(desk: Desk) -> Said:
    _, letter = await _letter(desk)
    await desk.strike()
    await desk.done("family", "POST", f"/letters/{letter}/reading", desk.agent(), {})
    return {}


async def settles_a_letter(desk: Desk) -> Said:
    _, letter = await _letter(desk)
    await desk.strike()
    path = f"/letters/{letter}/state"
    await desk.done("family", "POST", path, desk.agent(), {"state": "closed"})
    assert (await desk.one("family", "letters", {"_id": letter}))["state"] == "closed"
    return {}


async def reads_the_feed(desk: Desk) -> Said:
    home, _ = await _letter(desk)
    await desk.settled()
    token = desk.guardian(home)
    (card,) = (await desk.done("family", "GET", "/feed", token))["items"]
    await desk.strike()
    body = {"until": card["changed_at"]}
    await desk.done("family", "PUT", f"/feed/{card['request']}/read", token, body)
    return {}


async def writes_news(desk: Desk) -> Said:
    title = f"Actualité {desk.fresh()}"
    await desk.strike()
    await desk.done("family", "POST", "/news", desk.agent(), {"title": title, "text": "Demain."})
    await desk.one("family", "news", {"title": title})
    return {}


async def removes_news(desk: Desk) -> Said:
    body = {"title": f"Actualité {desk.fresh()}", "text": "Hier."}
    made = await desk.done("family", "POST", "/news", desk.agent(), body)
    await desk.strike()
    await desk.ask("family", "DELETE", f"/news/{made['item']}", desk.agent())
    assert await desk.count("family", "news", {"title": body["title"]}) == 0
    return {}


async def publishes_a_document(desk: Desk) -> Said:
    title = f"Tarifs {desk.fresh()}"
    body = {"heading": "Tarifs", "title": title, "file": await desk.file(desk.agent())}
    await desk.strike()
    await desk.done("family", "POST", "/published-documents", desk.agent(), body)
    await desk.one("family", "published", {"title": title})
    return {}


# -- records moved, built on line, erased ------------------------------------------------------


async def _merge(desk: Desk, *, strike: bool = False) -> tuple[Home, Home, str]:
    stays, goes = await desk.home(), await desk.home()
    path = f"/families/{stays.id}"
    seen = await desk.ask("family", "GET", path, desk.agent())
    same = [{"member": one, "into": into} for one, into in (
        (goes.holder, stays.holder), (goes.co_holder, stays.co_holder), (goes.child, stays.child),
    )]  # fmt: skip
    if strike:
        await desk.strike()
    done = await desk.done(
        "family", "POST", f"{path}/merges", desk.agent(), {"source": goes.id, "same": same},
        headers={"If-Match": seen.headers["ETag"]},
    )  # fmt: skip
    return stays, goes, str(done["move"])


async def merges(desk: Desk) -> Said:
    stays, goes, move = await _merge(desk, strike=True)
    assert (await desk.one("family", "families", {"_id": goes.id}))["merged_into"] == stays.id
    assert (await desk.one("family", "moves", {"target": stays.id}))["_id"] == move
    assert await desk.count("family", "families", {"moving": {"$exists": True}}) == 0
    return {"family-changed": 2}


async def undoes_a_merge(desk: Desk) -> Said:
    _, goes, move = await _merge(desk)
    await desk.strike()
    await desk.done("family", "POST", f"/moves/{move}/undo", desk.agent())
    assert (await desk.one("family", "families", {"_id": goes.id}))["merged_into"] is None
    assert (await desk.one("family", "moves", {"_id": move}))["undone_by"] is not None
    return {"family-changed": 2}


async def is_refused_a_merge(desk: Desk) -> Said:
    """Refused once both records are held: they are let go again."""
    stays, goes = await desk.home(), await desk.home()
    path = f"/families/{stays.id}"
    seen = await desk.ask("family", "GET", path, desk.agent())
    body = {"source": goes.id, "same": [{"member": goes.child, "into": stays.holder}]}
    await desk.strike()
    refused = await desk.ask(
        "family", "POST", f"{path}/merges", desk.agent(), body,
        headers={"If-Match": seen.headers["ETag"]},
    )  # fmt: skip
    assert 400 <= refused.status < 500, refused.json

    async def free() -> bool:
        return not await desk.count("family", "families", {"moving": {"$exists": True}})

    await eventually(free, what="both records are let go")
    return {}


_DRAFT: dict[str, Any] = {
    "guardian": {
        "first_name": "Inès", "last_name": "Morel", "birth_date": "1990-01-02",
        "phone": "06 39 98 77 77",
        "address": {"street": "3 rue Haute", "postcode": "07000", "city": "Veyras"},
    },
    "children": [{"first_name": "Lou", "last_name": "Morel", "birth_date": "2019-02-01"}],
}  # fmt: skip


async def _draft(desk: Desk, *, strike: bool = False) -> tuple[str, str]:
    account = f"{desk.fresh():032x}"
    token = access_token(desk.signer, TOWN, account=account)
    if strike:
        await desk.strike()
    body = {"draft": _DRAFT, "version": 0}
    kept = await desk.done("family", "PUT", "/registration", token, body)
    return token, str(kept["registration"])


async def keeps_a_form(desk: Desk) -> Said:
    _, registration = await _draft(desk, strike=True)
    assert (await desk.one("family", "registrations", {"_id": registration}))["v"] == 1
    return {}


async def sends_a_form(desk: Desk) -> Said:
    token, registration = await _draft(desk)
    await desk.strike()
    await desk.done("family", "PUT", "/registration/sent", token)
    assert (await desk.one("family", "registrations", {"_id": registration}))["state"] == "sent"
    return {"registration-sent": 1}


async def accepts_a_form(desk: Desk) -> Said:
    token, registration = await _draft(desk)
    await desk.done("family", "PUT", "/registration/sent", token)
    await desk.strike()
    path = f"/registrations/{registration}/decision"
    decided = await desk.done("family", "PUT", path, desk.agent(), {"outcome": "accepted"})
    await desk.settled()
    record = await desk.one("family", "families", {"_id": decided["family"]})
    assert (record["seq"], len(record["children"])) == (1, 1)
    return {"registration-decided": 1, "family-changed": 1}


async def erases_a_family(desk: Desk) -> Said:
    account, home = await linked(desk)
    await desk.strike()
    path = f"/families/{home.id}/erasures"
    asked = await desk.done("family", "POST", path, desk.agent(), {"reason": "À sa demande."})
    erasure = await desk.heard("erasure-asked", family=home.id)
    for service in (booking, billing):
        answer = service.ErasureAnswered(erasure=erasure["erasure"], family=home.id, holds=())
        await desk.say(answer, f"erasure_answers/{erasure['erasure']}")

    async def over() -> bool:
        shown = await desk.done("family", "GET", f"/erasures/{asked['erasure']}", desk.agent())
        kept = await desk.one("identity", "accounts", {"_id": account})
        return bool(shown["state"] == kept["state"] == "erased")

    await eventually(over, what="the family and its account are erased")
    assert await desk.count("identity", "family_keys", {"family": home.id}) == 0
    assert (await desk.one("family", "families", {"_id": home.id}))["guardians"] == []
    return {"erasure-asked": 1, "family-changed": 1, "account-changed": 1, "person-erased": 2}
