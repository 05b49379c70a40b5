"""What is looked for on every page: accessibility, room on the screen, weight, errors."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import Page, Response

_SCREENS = Path(__file__).parents[2] / "docs" / "screens"
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "resultTypes": ["violations"],
}
#: Those that what ``prefers-color-scheme`` changes may break.
_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"], "resultTypes": ["violations"]}
_axe = Axe()
#: Of a page and everything that it loads, compressed as it is sent.
MOST_KILOBYTES = 150
#: A head of an answer, about; browsers tell the bodies, those they had kept too.
_HEAD = 400
_BODIES = """() => ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
    .map(one => one.encodedBodySize)"""
#: Whether rules are tried and pictures kept; where a scenario is only repeated, they were.
closely = True


async def look(page: Page, name: str | None = None) -> None:
    """Nothing that WCAG 2.1 A and AA forbid, nothing beside the screen, no heavy page; ``name``
    keeps a picture under ``docs/screens`` where they are asked for (``make screens``)."""
    await page.wait_for_load_state()  # what a click leads to may still be coming in
    if closely:
        await _accessible(page, _RULES)
    await fits(page)
    kilobytes = await weight(page)
    assert kilobytes <= MOST_KILOBYTES, f"{page.url} weighs {kilobytes:.0f} kB"
    if closely and name and os.environ.get("SCREENS"):
        picture = Image.open(BytesIO(await page.screenshot(animations="disabled")))
        picture.save(_SCREENS / f"{name}.webp", quality=70, method=6)


async def fits(page: Page) -> None:
    """Nothing beside the screen."""
    assert page.viewport_size is not None
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], f"{page.url} is {width} px wide"


async def weight(page: Page) -> float:
    """Kilobytes of a page that was loaded, with all its parts, whether or not they were kept from
    another page."""
    bodies: list[int] = await page.evaluate(_BODIES)
    return sum(size + _HEAD for size in bodies) / 1000


async def read_colours(page: Page) -> None:
    """Nothing that cannot be read in the colours of now: of a page that was looked at in others,
    nothing else is new."""
    await _accessible(page, _COLOURS)


async def _accessible(page: Page, rules: dict[str, Any]) -> None:
    found = await _axe.run(page, options=rules)
    faults = [
        f"{page.url} {one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found.response["violations"]
    ]
    assert not faults, "\n".join(faults)


async def opened(page: Page, url: str) -> Response:
    """A page that opens well."""
    answer = await page.goto(url)
    assert answer is not None
    assert answer.status == 200, f"{url}: {answer.status}"
    return answer
