"""What is handed over at a desk: whether the régie takes it, and for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from services.billing.domain.corrections import Entry
from services.billing.domain.payments import MEANS
from shared.contracts.town_file import AcceptedMeans, CollectionOffice, DeskMeans
from shared.errors import Refused
from shared.money import euros

#: Above, a public debt, here an invoice, is not paid in cash, at once or bit by bit. Source: CGI,
#: article 1680; arrêté du 24 décembre 2012, article 11.
MOST_CASH_CENTS = 30_000
#: No change is given on these, and they pay for what they are meant for alone.
_VOUCHERS: frozenset[DeskMeans] = frozenset({"cesu", "holiday_voucher"})


def check(
    office: CollectionOffice,
    means: DeskMeans,
    cents: int,
    billed: Sequence[Entry],
    unpaid_cents: int,
    received_cents: int,
    births: Mapping[str, date],
) -> None:
    """Whether the régie takes this for invoices that have ``billed`` so much, not given back since,
    and of which ``unpaid_cents`` are to be paid; ``received_cents`` came by the same means already.
    ``births``: the children's birth dates.

    Raises ``Refused``: ``means-not-accepted``, ``too-much-cash``, ``voucher-too-large``.
    """
    accepted = next((one for one in office.means if one.means == means), None)
    if accepted is None:
        raise Refused(
            "means-not-accepted", f"{office.label} n'accepte pas ce moyen : {MEANS[means]}.",
            status=422, field="/means",
        )  # fmt: skip
    if means == "cash" and cents + received_cents > MOST_CASH_CENTS:
        raise Refused(
            "too-much-cash",
            f"Les espèces sont acceptées jusqu'à {euros(MOST_CASH_CENTS)} (article 1680 du CGI).",
            status=422, field="/cents",
        )  # fmt: skip
    limited = bool(accepted.activities or accepted.age_below)
    if means not in _VOUCHERS and not limited:
        return
    eligible = sum(one.cents for one in billed if _covers(accepted, one, births)) - received_cents
    most = max(min(eligible, unpaid_cents), 0)
    if cents > most:
        raise Refused(
            "voucher-too-large",
            f"{MEANS[means].capitalize()} : au plus {euros(most)} pour ces factures"
            f"{_limits(accepted)}.",
            status=422, field="/cents",
        )  # fmt: skip


def _covers(accepted: AcceptedMeans, one: Entry, births: Mapping[str, date]) -> bool:
    """Whether this was billed for an activity it is taken for, and for a child young enough that
    day; a child whose age is not known is not."""
    if accepted.activities and one.activity not in accepted.activities:
        return False
    if accepted.age_below is None:
        return True
    born = births.get(one.child)
    return born is not None and age_on(born, one.day) < accepted.age_below


def age_on(born: date, day: date) -> int:
    """In whole years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _limits(accepted: AcceptedMeans) -> str:
    if accepted.age_below is None:
        return ""
    return f" (enfants de moins de {accepted.age_below} ans)"
