"""The guides with the keyboard alone, its mark always to be seen; pages at twice their size."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Locator, Page, expect

from tests.portal.conftest import CAMILLE, Demo, log_in
from tests.portal.looking import look, opened
from tests.portal.test_guides import EVERY_PAGE

_MOST_KEYS = 150
_MARKED = """() => {
    const style = getComputedStyle(document.activeElement)
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
        || style.boxShadow !== 'none'
}"""


async def reach(page: Page, wanted: Locator) -> None:
    """Tab until it has the focus; wherever the focus goes, it is seen."""
    await expect(wanted).to_be_visible()
    for _ in range(_MOST_KEYS):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement !== document.body"):
            where = await page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
            assert await page.evaluate(_MARKED), f"nothing shows that this has the focus: {where}"
        if await wanted.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"not reached with the keyboard: {wanted}")


async def press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    """Reach it, and press a key on it."""
    await reach(page, wanted)
    await page.keyboard.press(key)


async def test_book_a_day_with_the_keyboard(demo: Demo, phone: Page) -> None:
    await opened(phone, demo.at("/connexion"))
    await reach(phone, phone.get_by_label("Identifiant"))
    await phone.keyboard.type(CAMILLE[0])
    await reach(phone, phone.get_by_label("Mot de passe", exact=True))
    await phone.keyboard.type(CAMILLE[1])
    await phone.keyboard.press("Enter")
    await phone.wait_for_url(lambda url: "connexion" not in url)

    await press(phone, phone.get_by_role("link", name="Réservations").first)
    await expect(phone).to_have_url(re.compile("/reservations"))
    await opened(phone, demo.at("/reservations?jour=2026-11-16"))
    day = phone.get_by_role("region", name="mar. 17/11").get_by_label(re.compile("Soir"))
    await press(phone, day, "Space")
    await expect(day).to_be_checked()
    await press(phone, phone.get_by_role("button", name="Aller à l'étape 2"))
    await expect(phone.get_by_role("heading", name="Récapitulatif")).to_be_visible()
    await press(phone, phone.get_by_role("button", name="Valider"))
    await expect(phone.get_by_role("status")).to_contain_text("Votre demande est envoyée")


async def test_report_an_absence_with_the_keyboard(demo: Demo, phone: Page) -> None:
    await log_in(demo, phone)
    await opened(phone, demo.at("/absences"))
    date = phone.get_by_label("Date de l'absence")
    await reach(phone, date)
    await phone.keyboard.press("ArrowUp")
    if await date.input_value() != "2026-09-15":  # the month comes first in some languages
        for key in ("ArrowDown", "Tab", "ArrowUp"):
            await phone.keyboard.press(key)
    await expect(date).to_have_value("2026-09-15")
    await press(phone, phone.get_by_role("button", name="Aller à l'étape 2"))
    await expect(phone.get_by_role("heading", name="Récapitulatif")).to_be_visible()
    await reach(phone, phone.get_by_role("button", name="Valider"))


async def test_the_first_key_offers_to_skip_to_the_content(demo: Demo, phone: Page) -> None:
    await opened(phone, demo.at())
    await phone.keyboard.press("Tab")
    skip = phone.get_by_role("link", name="Aller au contenu")
    await expect(skip).to_be_focused()
    await phone.keyboard.press("Enter")
    await expect(phone.locator("#contenu")).to_be_focused()


async def test_pages_at_twice_their_size(demo: Demo, chromium: Browser) -> None:
    """A desk's screen at 200 % has half as many points."""
    context = await chromium.new_context(viewport={"width": 640, "height": 450})
    page = await context.new_page()
    await log_in(demo, page)
    for path in EVERY_PAGE:
        await opened(page, demo.at(path))
        await look(page)
    await context.close()
