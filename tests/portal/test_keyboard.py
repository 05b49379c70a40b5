"""Every scenario of the guides with the keyboard alone, its mark always to be seen."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.portal import test_guides
from tests.portal.conftest import Demo, log_in
from tests.portal.keys import keys_alone
from tests.portal.looking import opened

# Once more what was done on a phone, on a demo of its own and with what is below for a phone.
SCENARIOS = {
    name: one
    for name, one in vars(test_guides).items()
    if name.startswith("test_") and "phone" in inspect.signature(one).parameters
}
globals().update(SCENARIOS)


@pytest.fixture
async def phone(chromium: Browser) -> AsyncIterator[Page]:
    """A desk's screen with no mouse beside it, nobody logged in."""
    context = await chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="fr-FR", timezone_id="Europe/Paris"
    )
    with keys_alone():
        yield await context.new_page()
    await context.close()


async def test_the_first_key_offers_to_skip_to_the_content(demo: Demo, phone: Page) -> None:
    await opened(phone, demo.at())
    await phone.keyboard.press("Tab")
    skip = phone.get_by_role("link", name="Aller au contenu")
    await expect(skip).to_be_focused()
    await phone.keyboard.press("Enter")
    await expect(phone.locator("#contenu")).to_be_focused()


async def test_a_choice_waits_for_its_button(demo: Demo, phone: Page) -> None:
    """Whoever goes through a list with the arrows is not taken elsewhere at each one."""
    await log_in(demo, phone)
    await opened(phone, demo.at("/demandes"))
    await phone.get_by_label("État").select_option(label="Acceptée")
    await expect(phone).to_have_url(demo.at("/demandes"))
    await phone.get_by_role("button", name="Filtrer").click()
    await expect(phone).to_have_url(re.compile("etat=accepted"))


async def test_what_no_key_reaches_is_not_acted_on(phone: Page) -> None:
    """The scenarios would pass over it, were the focus given by anything but a key."""
    await phone.set_content("<a href='#'>ici</a> <button tabindex='-1'>là</button>")
    for act in ("click", "press"):
        with pytest.raises(AssertionError, match="not reached"):
            await getattr(phone.get_by_role("button"), act)(*(["Enter"] if act == "press" else []))
    with pytest.raises(AssertionError, match="no mouse"):
        await phone.get_by_role("button").focus()
    with pytest.raises(AssertionError, match="no mouse"):
        await phone.click("button")
