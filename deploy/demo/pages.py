"""The demo's own pages: where things are, and the towns' clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from deploy.demo.seed import Accounts
from deploy.simulators.sandbox import citizens
from shared.clock import MovedClock, write_offset
from shared.french import instant_words

_ZONE = ZoneInfo("Europe/Paris")
_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_SERVICES = ("identity", "family", "booking", "billing", "notify")
_TEMPLATES = Path(__file__).parent / "templates"


def demo_routes(
    origin: str,
    clock_file: Path,
    accounts_file: Path,
    franceconnect: str | None,
    payfip: str | None,
) -> list[web.RouteDef]:
    """``/``, ``/demo.css`` and ``POST /demo/clock``; ``franceconnect`` and ``payfip`` are where
    they are simulated."""
    pages = _Pages(origin, clock_file, accounts_file, franceconnect, payfip)
    return [
        web.get("/", pages.home),
        web.get("/demo.css", pages.style),
        web.post("/demo/clock", pages.move_clock),
    ]


class _Pages:
    def __init__(
        self,
        origin: str,
        clock_file: Path,
        accounts_file: Path,
        franceconnect: str | None,
        payfip: str | None,
    ) -> None:
        self._origin = origin
        self._clock_file = clock_file
        self._clock = MovedClock(clock_file)
        self._accounts_file = accounts_file
        self._franceconnect = franceconnect
        self._payfip = payfip
        self._templates = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)

    async def home(self, _request: web.Request) -> web.Response:
        now = self._clock.town().astimezone(_ZONE)
        return self._page(
            "home.html",
            now=instant_words(now, _ZONE),
            steps=[(step.isoformat(), instant_words(step, _ZONE)) for step in _next_steps(now)],
            accounts=Accounts.load(self._accounts_file),
            services=_SERVICES,
            franceconnect=self._franceconnect,
            payfip=self._payfip,
            citizens=citizens().values(),
        )

    async def move_clock(self, request: web.Request) -> web.Response:
        """Forward only: what was decided stays decided."""
        form = await request.post()
        try:
            to = datetime.fromisoformat(str(form.get("to")))
        except ValueError:
            raise web.HTTPBadRequest from None
        if to.tzinfo is None or to < self._clock.town():
            raise web.HTTPBadRequest
        write_offset(self._clock_file, to)
        return web.Response(status=303, headers={"Location": "/"})

    async def style(self, _request: web.Request) -> web.Response:
        return web.Response(text=(_TEMPLATES / "demo.css").read_text(), content_type="text/css")

    def _page(self, name: str, **values: object) -> web.Response:
        text = self._templates.get_template(name).render(origin=self._origin, **values)
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=text, content_type="text/html", headers=headers)


def _next_steps(now: datetime) -> list[datetime]:
    """The next two cut-offs, each just over, and the start of next month."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    cuts = [
        midnight + timedelta(days=day, hours=hour, minutes=1) for day in (0, 1) for hour in (13, 18)
    ]
    month = (midnight.replace(day=28) + timedelta(days=4)).replace(day=1)
    return [*[cut for cut in cuts if cut > now][:2], month + timedelta(minutes=1)]
