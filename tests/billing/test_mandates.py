"""Direct debit over HTTP: asked for, answered, amended, left; bank details shown to nobody else."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest

from services.billing.commands.mandates import reseal
from services.billing.store.mandates import MANDATES
from shared.audit import AUDIT
from shared.ids import new_id
from shared.sealing import new_field_keys
from tests.billing.conftest import Office
from tests.billing.debits import IBAN, ICS, OTHER_IBAN, asked, call, decided, mandated, office_with

SEEN = "/direct-debit?family=f1"


@pytest.fixture
async def collecting(office: Office, logged: io.BytesIO) -> Office:
    """``logged``: a key that production would refuse to log fails here too."""
    await office.town(collection_office=office_with())
    await office.family()
    await office.settled()
    return office


async def reads(office: Office) -> list[dict[str, Any]]:
    return await office.world.store("billing").find(AUDIT, {"kind": "read"})


async def test_a_request_becomes_a_mandate_with_its_reference(collecting: Office) -> None:
    first = (await call(collecting, "GET", SEEN)).json
    assert (first["direct_debit"], first["offered"], first["mandate"]) == (False, True, None)
    key = new_id()
    made = await asked(collecting, key=key, iban="FR76 3000 6000 0112 3456 7890 189")
    assert (made.status, made.json["direct_debit"]) == (201, True)
    request = made.json["request"]
    assert (request["state"], request["account"]) == ("waiting", "FR76 •••• 0189")
    again = await asked(collecting, key=key, iban="FR76 3000 6000 0112 3456 7890 189")
    assert again.json["request"] == request
    other = await asked(collecting, key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    twice = await asked(collecting)
    assert (twice.status, twice.json["code"]) == (409, "request-waiting")
    waiting = await call(collecting, "GET", "/office/direct-debits?state=waiting",
                         role="billing_office")  # fmt: skip
    assert [one["family"] for one in waiting.json["items"]] == ["f1"]

    body = {"request": request["request"], "signed_on": "2026-09-10"}
    given = await decided(collecting, "acceptances", body)
    mandate = given.json["mandate"]
    assert mandate["reference"].startswith("VEY-2026-")
    assert len(mandate["reference"]) <= 35
    assert (mandate["creditor"], mandate["signed_on"], mandate["state"]) == (
        ICS, "2026-09-10", "active"
    )  # fmt: skip
    assert mandate["lapses_on"] == "2029-09-10"
    assert given.json["request"] is None
    late = await decided(collecting, "acceptances", body)
    assert late.status == 404
    assert (await call(collecting, "GET", SEEN)).json["mandate"] == mandate


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"iban": "FR7630006000011234567890188"}, "iban-invalid", "/iban"),
        ({"iban": "FR763000600001123456789018"}, "iban-invalid", "/iban"),
        ({"iban": "TR330006100519786457841326"}, "iban-not-sepa", "/iban"),
        ({"bic": "AGRIFRPPX"}, "bic-invalid", "/bic"),
        ({"agreed_on": "2026-09-15"}, "agreement-date", "/agreed_on"),
        ({"counts_from": "2026-07"}, "month-changed", "/counts_from"),
        ({"holder": "<Anne>"}, "invalid", "/holder"),
        ({"agreed": False}, "invalid", "/agreed"),
    ],
)
async def test_what_is_wrong_is_named(
    collecting: Office, wrong: dict[str, Any], code: str, field: str
) -> None:
    answer = await asked(collecting, **wrong)
    assert answer.status in (409, 422)
    if code != "invalid":
        assert answer.json["code"] == code
    assert field in str(answer.json)
    assert (await call(collecting, "GET", SEEN)).json["direct_debit"] is False


async def test_only_who_may_pay_everything_asks_and_bank_details_stay_theirs(
    collecting: Office,
) -> None:
    assert (await call(collecting, "GET", SEEN, who="paul")).status == 403
    assert (await call(collecting, "GET", "/direct-debit?family=f2")).status == 403
    await mandated(collecting)
    details = "/direct-debit/bank-details?family=f1"
    assert (await call(collecting, "GET", details, who="paul")).status == 403
    mine = await call(collecting, "GET", details)
    assert (mine.json["iban"], mine.json["holder"]) == (IBAN, "Anne D'Éon")
    theirs = await call(collecting, "GET", details, role="collection_officer")
    assert theirs.json["bank"]
    assert (await call(collecting, "GET", details, role="animator")).status == 403
    assert [(one["account"], one["what"], one["families"]) for one in await reads(collecting)] == [
        ("anne", "bank_details", ["f1"]), ("agent-1", "bank_details", ["f1"])
    ]  # fmt: skip
    printed = await call(collecting, "GET", "/direct-debit/mandate.pdf?family=f1")
    with pikepdf.open(io.BytesIO(printed.body)) as pdf:
        assert str(pdf.docinfo["/Title"]).startswith("Mandat de prélèvement SEPA VEY-2026-")
    assert len(await reads(collecting)) == 3
    stored = str(await collecting.documents(MANDATES))
    assert IBAN not in stored
    assert "Anne" not in stored


async def test_a_refusal_has_its_reason_and_another_request_may_follow(
    collecting: Office,
) -> None:
    request = (await asked(collecting)).json["request"]["request"]
    body = {"request": request, "reason": "Le titulaire n'est pas le payeur."}
    refused = await decided(collecting, "refusals", body)
    assert (refused.json["direct_debit"], refused.json["request"]["reason"]) == (
        False, body["reason"]
    )  # fmt: skip
    again = await decided(collecting, "acceptances", {"request": request})
    assert (again.status, again.json["code"]) == (409, "request-decided")
    assert (await asked(collecting)).status == 201


async def test_other_bank_details_keep_the_reference_and_a_revocation_ends_it(
    collecting: Office,
) -> None:
    mandate = await mandated(collecting)
    amended = await mandated(collecting, iban=OTHER_IBAN)
    assert amended["reference"] == mandate["reference"]
    assert amended["account"] == "FR76 •••• 0185"
    left = await call(collecting, "POST", "/direct-debit/revocations", {"family": "f1"})
    assert (left.status, left.json["direct_debit"], left.json["mandate"]) == (201, False, None)
    assert left.json["past"][0]["ended_for"] == "revoked"
    twice = await call(collecting, "POST", "/direct-debit/revocations", {"family": "f1"})
    assert (twice.status, twice.json["code"]) == (409, "no-direct-debit")
    assert (await mandated(collecting))["reference"] != mandate["reference"]
    ended = await decided(collecting, "ends", {"reason": "Dossier clos."})
    assert ended.json["past"][-1]["reason"] == "Dossier clos."
    assert (await decided(collecting, "resumptions")).status == 404


async def test_a_town_that_does_not_collect_offers_nothing(office: Office) -> None:
    await office.town()
    await office.family()
    await office.settled()
    assert (await call(office, "GET", SEEN)).json["offered"] is False
    recap = await call(
        office, "POST", "/direct-debit/recaps", {"family": "f1", "direct_debit": True}
    )
    assert (recap.status, recap.json["code"]) == (409, "direct-debit-unavailable")


async def test_an_agent_enters_the_request_of_a_guardian(collecting: Office) -> None:
    month = (await call(collecting, "GET", SEEN)).json["next_month"]
    body = {"family": "f1", "iban": IBAN, "holder": "Anne D'Eon", "agreed": True,
            "agreed_on": "2026-09-14", "counts_from": month}  # fmt: skip
    path = "/direct-debit/requests"
    nobody = await call(collecting, "POST", path, body, role="billing_office")
    assert (nobody.json["code"], nobody.json["field"]) == ("guardian-missing", "/guardian")
    luc = await call(collecting, "POST", path, body | {"guardian": "f1-luc"}, role="billing_office")
    assert luc.status == 403
    made = await call(collecting, "POST", path, body | {"guardian": "f1-anne"},
                      role="billing_office")  # fmt: skip
    assert made.json["request"]["guardian"] == "f1-anne"


async def test_another_key_seals_again_and_the_old_one_can_go(collecting: Office) -> None:
    await mandated(collecting)
    billing = collecting.world.state("billing")
    before = (await collecting.documents(MANDATES))[0]["mandate"]["bank"]["sealed"]["key"]
    old = (await collecting.documents("field_keys"))[0]["keys"]
    fresh = new_field_keys()
    billing.sealer.load(f"{fresh[:-1]},{old[1:]}")
    assert await reseal(billing) == (1, 1)
    assert await reseal(billing) == (1, 0)
    billing.sealer.load(fresh)
    after = (await collecting.documents(MANDATES))[0]["mandate"]["bank"]["sealed"]["key"]
    assert after != before
    seen = await call(collecting, "GET", "/direct-debit/bank-details?family=f1")
    assert seen.json["iban"] == IBAN
