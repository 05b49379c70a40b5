"""What booking holds of the bearer and the bearer's children."""

from __future__ import annotations

from services.booking.domain.request import Line
from services.booking.state import Booking, participants_seen
from shared.auth import FamilyScope
from shared.errors import Refused
from shared.personal_data import Section, section

_STATES = {
    "asked": "en cours", "requested": "en attente", "to_pay": "à payer",
    "accepted": "acceptée",
    "refused": "refusée", "withdrawn": "retirée",
}  # fmt: skip
_PROOFS = {"given": "envoyé", "accepted": "accepté", "refused": "refusé"}


async def collect(booking: Booking, scope: FamilyScope) -> list[Section]:
    """Requests and enrolments of the bearer and of the children whom the bearer may see."""
    requests, enrolments = [], []
    for right in scope.families:
        try:
            card = await booking.family_of(scope, right.family)
        except Refused:  # a family that has gone is nobody's any more
            continue
        seen = participants_seen(scope, card)
        names = {_id: child.first_name for child in seen for _id in child.ids}
        for request in await booking.store.requests_of_family(scope.town, [right.family]):
            lines = [line for line in request.lines if line.child in names]
            if not lines:
                continue
            own = request.account == scope.account
            requests.append({
                "Numéro": request.number,
                "Demandée le": request.requested_at,
                "Commentaire": request.comment if own else None,
                "Dates": [_line(line, names) for line in lines],
            })  # fmt: skip
        enrolments += [
            {
                "Numéro": one.number,
                "Participant": names[one.child],
                "Groupe": one.group,
                "Demandée le": one.requested_at,
                "État": _STATES[one.state],
                "Commentaire": one.sent.comment if one.sent.account == scope.account else None,
                "Motif": one.reason and one.reason.text,
            }
            for one in await booking.enrolments.of_family(scope.town, [right.family])
            if one.child in names
        ]
    return [
        section("Demandes de réservation", requests),
        section("Inscriptions", enrolments),
    ]


def _line(line: Line, names: dict[str, str]) -> str:
    why = f" ({line.reason.text})" if line.reason else ""
    given = line.given
    proof = f", justificatif ({given.kind}) {_PROOFS[given.state]}" if given else ""
    return (
        f"{names[line.child]}, {line.activity}, {line.date.isoformat()} :"
        f" {_STATES[line.state]}{why}{proof}"
    )
