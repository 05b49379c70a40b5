"""The sentences that families read under every answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.booking.domain.rules.cutoffs import Limit
from services.booking.domain.rules.surcharges import Due
from shared.contracts.town_file import Action, Counter
from shared.french import instant_words
from shared.money import euros

#: (what it is called, what one does)
_WORDS: dict[Action, tuple[str, str]] = {
    "book": ("Réservation", "réserver"),
    "change": ("Modification", "modifier la réservation"),
    "cancel": ("Annulation", "annuler"),
    "absence": ("Signalement d'absence", "signaler une absence"),
    "proof": ("Envoi du justificatif", "envoyer un justificatif"),
    "pay": ("Paiement", "payer"),
    "attend": ("Venue sans réservation", "venir sans réservation"),
}
_MASCULINE: frozenset[Action] = frozenset({"absence", "proof", "pay"})
UNTIL = "jusqu'au"
_PER = {"day": "par jour", "month": "pour le mois", "period": "pour la période",
        "school_year": "pour l'année scolaire"}  # fmt: skip
_THEN = {
    "accept": "encore possible",
    "surcharge": "encore possible",
    "ask_agent": "possible sur demande",
    "waiting_list": "possible en liste d'attente",
}
_ASKED = " ; un agent y répondra"
#: (one, several) of what a counter counts
_COUNTED = {
    "late_bookings": ("une réservation tardive", "réservations tardives"),
    "cancellations": ("une annulation", "annulations"),
    "late_cancellations": ("une annulation tardive", "annulations tardives"),
    "unbooked": ("une venue sans réservation", "venues sans réservation"),
    "unjustified_absences": ("une absence non justifiée", "absences non justifiées"),
    "late_pick_ups": ("un retard", "retards"),
    "weeks_booked": ("une semaine réservée", "semaines réservées"),
    "days_booked": ("un jour réservé", "jours réservés"),
}
_IN = {"week": "par semaine", "month": "par mois", "period": "par période",
       "school_year": "par année scolaire", "calendar_year": "par an"}  # fmt: skip
_UNPROVED = {
    "refuse": "la réservation est refusée",
    "billed": "la journée reste due",
}


def always(action: Action) -> str:
    """Nothing limits it."""
    return f"Vous pouvez {_WORDS[action][1]}."


def unruled(action: Action) -> str:
    """No rule of the town allows it."""
    return f"{_WORDS[action][0]} impossible pour cette date."


def free(closed: str) -> str:
    """There is no service on a day that was booked: it is given up freely."""
    return f"{closed} Ce qui était réservé s'annule sans frais."


def day_over() -> str:
    """The day is in the past."""
    return "Cette date est passée."


def too_early() -> str:
    """Beyond the horizon of the activity."""
    return "Les réservations ne sont pas encore ouvertes pour cette date."


def born_locked(cutoff: datetime | None, zone: ZoneInfo) -> str:
    """What is booked now is there to stay."""
    since = f" (close depuis le {instant_words(cutoff, zone)})" if cutoff else ""
    return f"Une réservation pour ce jour ne pourra pas être annulée{since}."


def locked_until(opens: datetime | None, zone: ZoneInfo) -> str:
    """What is booked now can be cancelled later."""
    when = f"qu'à partir du {instant_words(opens, zone)}" if opens else "que plus tard"
    return f"Une réservation pour ce jour ne pourra être annulée {when}."


def locked_by_number() -> str:
    """What is booked now can be cancelled no more, so many have been."""
    return (
        "Une réservation pour ce jour ne pourra pas être annulée : le nombre d'annulations admis"
        " est atteint."
    )


def beyond(number: int | None, counter: Counter) -> str | None:
    """More than so many of what a counter counts; None where a rule sets no such bound."""
    if number is None:
        return None
    one, several = _COUNTED[counter.counts]
    counted = f"d'{one}" if number == 1 else f"de {number} {several}"
    return f"Au-delà {counted} {_IN[counter.window]}"


@dataclass(frozen=True, slots=True)
class Said:
    """The sentences about one rule, for one action; ``beyond`` the times that it holds for."""

    action: Action
    normal: Limit | None
    opens: Limit | None
    text: str | None
    beyond: str | None

    def rung(
        self,
        outcome: str,
        owed: Due | None,
        end: Limit | None,
        *,
        late: bool,
        over: bool,
        text: str | None,
    ) -> str:
        """What a rung grants, or refuses."""
        noun, verb = _WORDS[self.action]
        if outcome == "refuse":
            return self._with(text, self.over())
        until = f"{_until(end)}{_price(owed) if owed else ''}"
        asked = _ASKED if outcome == "ask_agent" else ""
        if not late:
            return self._with(text, f"Vous pouvez {verb}{until}{asked}.")
        then = f"{noun.lower()} {_THEN[outcome]}{until}{asked}."
        return self._with(text, f"{self._late(over=over)}{then}")

    def proving(
        self,
        until: datetime | None,
        otherwise: str,
        owed: Due | None,
        text: str | None,
        *,
        over: bool,
    ) -> str:
        """Late, at no cost once it is justified."""
        noun = _WORDS[self.action][0].lower()
        by = f" reçu {UNTIL} {_words(until)}" if until else ""
        without = f"sans lui{_price(owed)}" if owed else f"sans lui, {_UNPROVED[otherwise]}"
        return self._with(
            text,
            f"{self._late(over=over)}{noun} encore possible, sans frais sur justificatif{by} ;"
            f" {without}.",
        )

    def over(self) -> str:
        """Too late, or never."""
        noun = _WORDS[self.action][0]
        if self.normal is None or self.normal.at is None:
            return self._with(self.text, f"{noun} impossible.")
        return self._with(self.text, f"{self._closed()} (délai dépassé).")

    def too_often(self, text: str | None = None) -> str:
        """Once more than the rule allows."""
        noun = _WORDS[self.action][0]
        if self.beyond:
            sentence = f"{self.beyond} : {noun.lower()} impossible."
        else:
            sentence = f"{noun} impossible : nombre atteint."
        return self._with(text or self.text, sentence)

    def spent(self, text: str | None) -> str:
        """Too late, and what was still allowed then has been used."""
        sentence = f"{self._closed()} (délai dépassé) : le nombre admis au-delà est atteint."
        return self._with(text or self.text, sentence)

    def not_yet(self) -> str:
        """Before the opening."""
        opens = self.opens.at if self.opens else None
        when = f" à partir du {_words(opens)}" if opens else " plus tard"
        return f"{_WORDS[self.action][0]} possible{when}."

    def not_published(self) -> str:
        """The town has published no date."""
        date = "date limite" if self.normal is None else "date d'ouverture"
        return f"{_WORDS[self.action][0]} impossible : {date} non publiée pour ce jour."

    def _closed(self) -> str:
        closed = "clos" if self.action in _MASCULINE else "close"
        return f"{_WORDS[self.action][0]} {closed}{_since(self.normal)}"

    def _late(self, *, over: bool) -> str:
        if not over:
            return f"{self.beyond} : " if self.beyond else "Pour cette fois : "
        dated = self.normal is not None and self.normal.at is not None
        return f"Délai dépassé{_since(self.normal)} : " if dated else "Au-delà : "

    def _with(self, text: str | None, sentence: str) -> str:
        return f"{sentence} {text}" if text else sentence


def _words(instant: datetime) -> str:
    zone = instant.tzinfo
    if not isinstance(zone, ZoneInfo):
        raise TypeError("a cut-off is in the town's zone")
    return instant_words(instant, zone)


def _until(limit: Limit | None) -> str:
    if limit is None or limit.at is None:
        return ""
    return f" {'avant le' if limit.before else UNTIL} {_words(limit.at)}"


def _since(limit: Limit | None) -> str:
    return f" depuis le {_words(limit.at)}" if limit and limit.at else ""


def _price(owed: Due) -> str:
    per = f" {_PER[owed.per]}" if owed.per in _PER else ""
    if owed.owed_already:
        return f", supplément déjà dû{per}"
    if owed.kind == "percent":
        amount = f" (soit {euros(owed.total_cents)})" if owed.total_cents is not None else ""
        return f", prix majoré de {owed.percent} %{amount}{per}"
    if owed.kind == "price" and owed.total_cents is not None:
        return f", au prix de {euros(owed.total_cents)}{per}"
    if owed.cents is not None:
        following = (
            f", et autant pour les {owed.also_following} suivants" if owed.also_following else ""
        )
        return f", avec un supplément de {euros(owed.cents)}{per}{following}"
    return ", à un tarif majoré"


_GIVEN_BACK = {
    "free": "sans frais",
    "credit": "et ce qui est payé donne un avoir",
    "refund": "et ce qui est payé est remboursé",
    "carry_over": "et reportée sur une prochaine réservation",
}


def absence_in_time(cancel: str, back: str | None, *, asked: bool) -> str:
    """Reported while the day may still be cancelled; what is given ``back``, unless an agent
    decides that too."""
    if back is None:
        then = "un agent décide de l'annulation et de ce qui est rendu"
    elif asked:
        then = f"un agent décide de l'annulation, {_GIVEN_BACK[back]}"
    else:
        then = f"la réservation est annulée, {_GIVEN_BACK[back]}"
    return f"Absence signalée dans les délais : {then}. {cancel}"


def absence_billed(cutoff: datetime | None, zone: ZoneInfo, cancel: str) -> str:
    """No rule makes it free: the ``cutoff`` for cancelling is over, or what was said of it."""
    due = "Absence signalée ; la réservation reste due"
    if cutoff is None:
        return f"{due}. {cancel}"
    since = instant_words(cutoff, zone)
    return f"{due}, le délai d'annulation étant passé depuis le {since}."


def absence_waiting(number: int, text: str | None) -> str:
    """One of the days that are due all the same."""
    days = "le premier jour reste dû" if number == 1 else f"les {number} premiers jours restent dus"
    return _joined(f"Absence signalée ; {days}.", text)


def absence_to_prove(until: Limit | None, *, over: bool, text: str | None) -> str:
    """Free once justified, or no longer."""
    if over:
        return _joined(
            f"Justificatif attendu{_until(until)} et non reçu : la réservation reste due.", text
        )
    return _joined(f"Non facturée si le justificatif parvient{_until(until)}.", text)


_SETTLED = {
    "free": "Absence non facturée.",
    "credit": "Absence donnant lieu à un avoir.",
    "refund": "Absence remboursée.",
    "carry_over": "Absence reportée sur une prochaine réservation.",
    "billed": "Absence signalée ; la réservation reste due.",
    "collect": "La réservation reste due ; le repas peut être retiré sur place.",
}


def absence_settled(kind: str, cents: int | None, percent: int | None, text: str | None) -> str:
    """What the rule grants."""
    if kind in _SETTLED:
        return _joined(_SETTLED[kind], text)
    amount = f" : {euros(cents)}" if cents is not None else ""
    if kind == "keep_percent":
        return _joined(f"Remboursement, moins une retenue de {percent} %{amount}.", text)
    return _joined(f"Absence facturée à un tarif particulier{amount}.", text)


def _joined(sentence: str, text: str | None) -> str:
    return f"{sentence} {text}" if text else sentence
