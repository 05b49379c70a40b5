"""The part of a round that enrols: sent, taken back, sent again, accepted, booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from deploy.local.mailbox import Mail
from tests.faults.stage import Stage
from tests.samples import Household
from tests.world import eventually

#: A group without which everything may be booked all the same.
GROUP: dict[str, Any] = {
    "id": "garderie-2026",
    "name": "Garderie",
    "activities": ["garderie"],
    "first": "2026-11-23",
    "last": "2026-12-18",
    "windows": [{"opens": "2026-06-01T08:00", "closes": "2026-12-18T23:59"}],
    "compulsory": False,
    "patterns": ["weekly"],
    "decision": "agent",
    "source": "test",
}


async def enrol(stage: Stage, family: Household, replica: int) -> None:
    """A family enrols its second child for every Thursday, thinks better of it twice; an agent
    accepts."""
    body = {
        "family": family.id, "child": family.children[1], "group": GROUP["id"],
        "pattern": "weekly",
        "weekly": [{"activity": "garderie", "weekdays": ["thursday"], "units": ["unit"]}],
    }  # fmt: skip
    token = stage.token(family)
    sent = await stage.post("enrolments", body, token, replica=replica)
    await stage.post(f"enrolments/{sent['id']}/withdrawals", {}, token, replica=1 - replica)
    again = await stage.post("enrolments", body, token, replica=1 - replica)
    assert (again["id"], again["state"]) == (sent["id"], "requested")
    decisions = {"decisions": [{"enrolment": sent["id"], "outcome": "accepted"}]}
    answer = await stage.post("enrolment-decisions", decisions, stage.token(), replica=replica)
    assert [one["result"] for one in answer["results"]] == ["accepted"]


async def enrolments_are_told_and_booked(stage: Stage) -> None:
    """Each receipt and each answer is in one mail; each pattern is one request."""
    enrolments = await stage.documents("booking", "enrolments")
    sent = sum(act["what"] == "requested" for one in enrolments for act in one["history"])
    accepted = Counter(one["number"] for one in enrolments)

    async def all_told() -> bool:
        mails = stage.mailbox.messages
        return (
            len(_numbers(mails, "est enregistrée")) == sent
            and _numbers(mails, "inscription acceptée") == accepted
        )

    await eventually(all_told, what="every enrolment is told")
    assert set(_numbers(stage.mailbox.messages, "est enregistrée").values()) == {1}

    async def all_booked() -> bool:
        return not any(
            "unfinished" in one for one in await stage.documents("booking", "enrolments")
        )

    await eventually(all_booked, what="every enrolment is booked")
    requests = {one["_id"] for one in await stage.documents("booking", "requests")}
    for one in await stage.documents("booking", "enrolments"):
        assert one["state"] == "accepted"
        assert one["request"] in requests


def _numbers(mails: Sequence[Mail], subject: str) -> Counter[str]:
    """How many different mails of this subject each number has had."""
    found = {mail.message_id: mail.text or "" for mail in mails if subject in mail.subject}
    return Counter(text.split("n° ")[1][:11] for text in found.values())
