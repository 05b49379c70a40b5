"""Mails as text and HTML from Jinja templates, and as bytes for the mail server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.headerregistry import Address
from email.utils import formataddr
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notify import mime
from shared import french
from shared.contracts.town_file import TownFile
from shared.money import euros

_CLASS = re.compile(r'class="(\w+)"')
_TEMPLATES = Path(__file__).parent / "templates"
KINDS = (
    "activation", "invitation", "agent-invitation", "account-closing", "password-reset",
    "email-change", "email-changed", "login-mean-changed", "acknowledgement", "withdrawal",
    "proof", "outcome", "digest", "invoice", "payment", "enrolment", "enrolment-accepted",
    "enrolment-refused", "enrolment-withdrawn", "dossier-change", "dossier-decided",
    "document-refused", "document-expiring", "document-expired", "letter", "letter-answered",
    "registration-sent", "registration-accepted", "registration-refused", "direct-debit",
    "debit",
)  # fmt: skip


#: Mail programs ignore style sheets: each ``class`` of a template becomes the element's own style.
STYLES = {
    "page": "margin:0;padding:0;background:#f4f3ef",
    "sheet": "max-width:600px;margin:0 auto;padding:24px 20px;background:#ffffff;color:#1d2330;"
    "font:16px/1.5 Arial,Helvetica,sans-serif",
    "town": "font-size:14px;color:#4a5161;margin:0 0 16px",
    "title": "font-size:20px;line-height:1.3;margin:0 0 16px",
    "heading": "font-size:17px;line-height:1.3;margin:24px 0 8px;padding-top:12px;"
    "border-top:1px solid #d9dbe1",
    "subheading": "font-size:16px;line-height:1.3;margin:16px 0 8px",
    "list": "margin:0;padding:0;list-style:none",
    "item": "margin:0 0 12px",
    "accepted": "color:#14603a;font-weight:bold",
    "refused": "color:#9c1c1c;font-weight:bold",
    "waiting": "color:#6b4a00;font-weight:bold",
    "small": "font-size:14px;color:#4a5161",
    "button": "display:inline-block;padding:10px 18px;background:#1f4e8c;color:#ffffff;"
    "text-decoration:none;border-radius:4px",
    "foot": "margin-top:28px;padding-top:12px;border-top:1px solid #d9dbe1;font-size:14px;"
    "color:#4a5161",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail without its addresses."""

    subject: str
    text: str
    html: str


class Renderer:
    """Templates, compiled once. The first line of a text template is the subject."""

    def __init__(self, public_url: str, sender: str) -> None:
        self._public_url = public_url
        self._sender = Address(addr_spec=sender)
        templates = _environment()
        self._texts = {kind: templates.get_template(f"{kind}.txt.jinja") for kind in KINDS}
        self._pages = {kind: templates.get_template(f"{kind}.html.jinja") for kind in KINDS}

    def render(self, kind: str, town: TownFile, context: Mapping[str, Any]) -> Rendered:
        """The mail of this kind; what a template misses is an error, never an empty place."""
        zone = ZoneInfo(town.time_zone)
        values = {"town": town, "zone": zone, "public_url": self._public_url, **context}
        subject, _, text = self._texts[kind].render(values).lstrip().partition("\n")
        html = self._pages[kind].render(values)
        return Rendered(subject=" ".join(subject.split()), text=text.lstrip("\n"), html=html)

    def message(
        self, rendered: Rendered, *, town: TownFile, to: str, message_id: str, now: datetime
    ) -> bytes:
        """The mail as handed over: ``message_id`` is the same each time it is sent."""
        headers = (
            mime.header("From", formataddr((town.name, self._sender.addr_spec)))
            + mime.header("Reply-To", town.contact.email)
            + mime.header("Subject", rendered.subject)
            + mime.header("Auto-Submitted", "auto-generated")
        )
        return mime.message(
            headers, to=to, message_id=f"<{message_id}@{self._sender.domain}>", date=now,
            text=rendered.text, html=rendered.html,
        )  # fmt: skip

    @property
    def sender(self) -> str:
        """The envelope's sender."""
        return self._sender.addr_spec


class _Inlining(FileSystemLoader):
    """Puts each class's style into the element, once, when a template is read."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, file, fresh = super().get_source(environment, template)
        return _CLASS.sub(lambda found: f'style="{STYLES[found[1]]}"', source), file, fresh


def _environment() -> Environment:
    environment = Environment(
        loader=_Inlining(_TEMPLATES),
        auto_reload=False,
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["css"] = STYLES
    environment.filters |= {
        "day": lambda day: french.day_words(_day(day)),
        "digits": lambda day: french.day_digits(_day(day)),
        "month": lambda day: french.month_name(_day(day)),
        "of_month": lambda day: french.of_month(_day(day)),
        "weekday": french.weekday_name,
        "instant": lambda instant, zone: french.instant_words(_instant(instant), zone),
        "clock": lambda instant, zone: french.time_words(_instant(instant).astimezone(zone).time()),
        "local_day": lambda instant, zone: _instant(instant).astimezone(zone).date(),
        "counted": french.counted,
        "euros": euros,
    }
    return environment


def _day(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _instant(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
