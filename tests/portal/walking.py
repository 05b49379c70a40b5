"""Every page of the portal, followed from its own tables: somebody who may opens each, by its
address where nothing is to be filled into it, else by the first link that leads there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page

from services.portal.pages import PAGES
from services.portal.web import Handler, Who
from services.portal.web import Page as Shown
from tests.portal.conftest import TOWN, Demo, log_in
from tests.portal.looking import fits, look, opened, read_colours

#: A phone and a desk, by day and by night; then the desk at twice its size: half as many points.
_SCREENS = ((360, 740), (1280, 900))
_TWICE = {"width": 640, "height": 450}
#: What the choices of a page's own form show.
_CHOSEN = (
    "/reservations?vue=cinq-jours", "/reservations?vue=mois", "/reservations?vue=liste",
    "/factures?onglet=archivees", "/messages?thematique=absence-proof",
    "/facture-en-ligne?etape=modifier", "/prelevement?etape=modifier",
    "/agents/demandes?etat=accepted", "/agents/inscriptions?etat=accepted",
    "/agents/messages?etat=answered", "/agents/familles?recherche=Demirci",
    "/agents/journal?service=booking",
)  # fmt: skip
#: Pages that no link of a page leads to: a scenario comes there, and looks.
ELSEWHERE = MappingProxyType({
    "/invitation": "by the link of a mail",
    "/franceconnect/retour": "from FranceConnect, with what it says",
    "/franceconnect/compte": "once FranceConnect has said who comes",
    "/franceconnect/code": "once FranceConnect has said who comes, who has a second factor",
    "/franceconnect/au-revoir": "from FranceConnect, once it has logged somebody out",
    "/factures/paiement": "once a payment is begun",
    "/demandes/{request}/paiement": "while places are held for their payment",
    "/reservations/horaires": "from a day of the basket",
    "/agents/familles/{family}/acces/lettres/{issue}": "once a key is made",
    "/agents/familles/{family}/recapitulatif": "from what is ticked",
    "/agents/familles/{family}/horaires": "from a day of a family's planning",
    "/agents/familles/{family}/periode": "from the planning of a family",
    "/agents/familles/{family}/absence/valider": "from the form of an absence",
    "/agents/courriels/{mail}": "once a mail waits to be printed",
    "/agents/publications/{document}": "once a document is published",
    "/agents/familles/{family}/reunir/{source}": "where two records are alike",
    "/agents/dossiers/nouveaux/{registration}": "once a family has built its record",
    "/agents/familles/import/{import}": "once a file of families is sent",
    "/agents/prelevements/{collection}": "once a collection is prepared",
    "/agents/enfants": "a centre's director alone sees it",
    "/agents/familles/{family}/enfants/{child}/sante": "each reading is recorded",
})  # fmt: skip
#: To be kept, not looked at; where a link leads to one, it is there.
FILES = frozenset({
    "/actualites/{item}/{file}", "/publications/{document}", "/donnees-personnelles/{service}",
    "/messages/{letter}/{file}", "/documents/{document}/{file}", "/prelevement/mandat.pdf",
    "/factures/{invoice}/document.pdf", "/apparence/{accent}.css", "/logo/{logo}.png",
    "/agents/justificatifs/{document}", "/agents/messages/{letter}/fichiers/{file}",
    "/agents/pieces/{document}/{file}", "/agents/factures/{invoice}", "/agents/familles/export",
    "/agents/prelevements/{collection}/fichier",
})  # fmt: skip
_LINKS = "all => all.map(one => one.href)"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(
        re.sub(r"\{\w+(?::([^}]+))?\}", lambda part: f"(?:{part[1] or '[^/]+'})", path)
    )


#: In the order of the portal's own router.
_SHOWN = tuple((_pattern(one.path), one) for one in PAGES if one.show)
#: The first address of each of them: what a form is sent to shows its form again.
_FIRST: dict[Handler, Shown] = {}
for _, _one in _SHOWN:
    assert _one.show
    _FIRST.setdefault(_one.show, _one)


def page_at(path: str) -> Shown | None:
    """The page that an address within a town leads to, its query aside."""
    plain = re.sub(r"^/foyer/[^/]+", "", urlsplit(path).path)
    found = next((one for pattern, one in _SHOWN if pattern.fullmatch(plain)), None)
    return _FIRST[found.show] if found and found.show else None


def addresses(*who: Who, desk: bool = False) -> list[str]:
    """Those of pages for these, with nothing to fill in, and of what their forms' choices show."""
    fixed = [
        one.path for one in _FIRST.values()
        if "{" not in one.path and one.path not in ELSEWHERE and one.path not in FILES
    ]  # fmt: skip
    return [
        one for one in (*fixed, *_CHOSEN)
        if one.startswith("/agents") is desk and (page := page_at(one)) and page.who in who
    ]  # fmt: skip


@dataclass
class Walk:
    """The pages that were shown, to whoever it was."""

    demo: Demo
    chromium: Browser
    shown: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    async def through(
        self, starts: Iterable[str], who: tuple[str, str] | None = None, town: str = TOWN
    ) -> None:
        """Look at these pages of a town, then at those linked from there that nobody was shown."""
        context = await self.chromium.new_context(reduced_motion="reduce")
        page = await context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(f"{page.url} {error}"))
        if who:
            await log_in(self.demo, page, who, town)
        waiting = [*starts]
        for path in waiting:
            answer = await opened(page, self.demo.at(path, town))
            self.shown.add(self._at(answer.url, town).path)
            await _look_everywhere(page)
            known = self.shown | {self._at(self.demo.at(one, town), town).path for one in waiting}
            for link in await page.eval_on_selector_all("main a, nav a", _LINKS):
                there = str(link).removeprefix(self.demo.at("", town))
                led = page_at(there) if there != link else None
                if led is None or led.path in known or led.path in ELSEWHERE:
                    continue
                known.add(led.path)
                if led.path in FILES:
                    self.shown.add(led.path)
                    answer = await context.request.get(str(link))
                    assert answer.status == 200, link
                else:
                    waiting.append(there)
        await context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            self.said.append(f"{message.location['url']} {message.text}")

    def _at(self, url: str, town: str) -> Shown:
        page = page_at(url.removeprefix(self.demo.at("", town)))
        assert page, url
        return page

    def missed(self, *, desk: bool) -> set[str]:
        """Pages that nobody was shown and that no table names; those named there in vain."""
        every = {one.path for one in _FIRST.values()}
        wanted = every - FILES - ELSEWHERE.keys()
        gone = (FILES | ELSEWHERE.keys()) - every
        return {
            one for one in (wanted - self.shown) | gone if one.startswith("/agents") is desk
        }  # fmt: skip


async def _look_everywhere(page: Page) -> None:
    for width, height in _SCREENS:
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme="light")
        await look(page)
        await page.emulate_media(color_scheme="dark")
        await read_colours(page)
    await page.set_viewport_size(_TWICE)  # type: ignore[arg-type]
    await fits(page)
