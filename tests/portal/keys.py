"""A browser without a mouse: what scenarios click, fill and choose is done by keys alone.

A scenario says ``button.click()`` as ever. Within ``keys_alone`` that means: go there with the Tab
key, the mark of the focus to be seen wherever it comes by and nothing in front of it, and press
Enter; a box is ticked with the space bar, a choice made with the arrows, a text typed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from playwright.async_api import Locator, Mouse, Page, expect

from tests.portal import looking

_MOST_KEYS = 400
#: What the focus is on now: nothing at the page's end; else whether it is what was wanted (or
#: another of its radio buttons), and what a person could not see of it.
_FOCUS = """node => {
    const at = document.activeElement
    if (!at || at === document.body) return null
    const style = getComputedStyle(at)
    const marked = style.outlineStyle === 'auto' || style.boxShadow !== 'none'
        || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
    const box = at.getBoundingClientRect()
    const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2
    const there = document.elementFromPoint(
        middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight))
    const fault = !marked ? 'nothing shows that this has the focus'
        : !there ? 'the focus is outside the screen'
        : !at.contains(there) && !there.contains(at) ? 'something lies upon the focus' : null
    const grouped = node.type === 'radio' && at.type === 'radio'
        && at.name === node.name && at.form === node.form
    return {reached: at === node || grouped, fault, what: at.outerHTML.slice(0, 120)}
}"""
#: To what has the focus already; Playwright's own waits for the page that a key leads to.
_give = Locator.press
_FOCUSED = "node => node === document.activeElement"
_KIND = "node => node.type ? `${node.localName} ${node.type}` : node.localName"


async def reach(wanted: Locator) -> None:
    """Tab until it has the focus, which is seen wherever it goes."""
    await expect(wanted).to_be_visible()
    node, keyboard = await wanted.element_handle(), wanted.page.keyboard
    assert node is not None
    for _ in range(_MOST_KEYS):
        await keyboard.press("Tab")
        if (found := await node.evaluate(_FOCUS)) is None:
            continue
        assert found["fault"] is None, f"{wanted.page.url}: {found['fault']}: {found['what']}"
        if found["reached"]:
            return
    raise AssertionError(f"not reached with the keyboard: {wanted}")


async def _click(self: Locator) -> None:
    """Follow a link, press a button, open what folds; a box or a radio button is ticked."""
    await reach(self)
    boxed = (await self.evaluate(_KIND)) in ("input checkbox", "input radio")
    await _give(self, "Space" if boxed else "Enter")


async def _check(self: Locator) -> None:
    if await self.is_checked():
        return
    await reach(self)
    await _give(self, "Space") if await _is_a_box(self) else await _arrow_to(self)
    await expect(self).to_be_checked()


async def _uncheck(self: Locator) -> None:
    if await self.is_checked():
        await reach(self)
        await _give(self, "Space")
    await expect(self).not_to_be_checked()


async def _press(self: Locator, key: str) -> None:
    """Where the focus is already, or once it was brought there."""
    if not await self.evaluate(_FOCUSED):
        await reach(self)
    await _give(self, key)


async def _is_a_box(self: Locator) -> bool:
    return bool((await self.evaluate(_KIND)) == "input checkbox")


async def _arrow_to(self: Locator) -> None:
    """From the radio button that has the focus to another one of its group."""
    keyboard = self.page.keyboard
    if await self.evaluate(_FOCUSED):
        await keyboard.press("Space")
    for _ in range(_MOST_KEYS):
        if await self.is_checked():
            return
        await keyboard.press("ArrowDown")


async def _fill(self: Locator, value: str) -> None:
    await reach(self)
    if (await self.evaluate(_KIND)) == "input date":
        await _fill_day(self, date.fromisoformat(value))
    else:
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.press("Delete")
        await self.page.keyboard.type(value)
    await expect(self).to_have_value(value)


async def _fill_day(self: Locator, day: date) -> None:
    """The browser's language says whether the day or the month comes first."""
    keyboard = self.page.keyboard
    for digits in (f"{day:%d%m%Y}", f"{day:%m%d%Y}"):
        await keyboard.type(digits)
        if await self.input_value() == day.isoformat():
            return
        for _ in range(2):
            await keyboard.press("ArrowLeft")


async def _select_option(self: Locator, value: str | None = None, *, label: str = "") -> None:
    """From the first option downwards."""
    await reach(self)
    keyboard = self.page.keyboard
    await keyboard.press("Home")
    for _ in range(_MOST_KEYS):
        chosen = await self.evaluate("node => [node.value, node.selectedOptions[0].label]")
        if chosen[0] == value or chosen[1] == label:
            return
        await keyboard.press("ArrowDown")
    raise AssertionError(f"not chosen with the keyboard: {label or value}")


async def _set_input_files(self: Locator, files: Any) -> None:
    await reach(self)
    async with self.page.expect_file_chooser() as opened:
        await self.page.keyboard.press("Space")
    await (await opened.value).set_files(files)


async def _no_mouse(*_: Any, **__: Any) -> None:
    raise AssertionError("there is no mouse here")


_ACTS = {
    "click": _click, "check": _check, "uncheck": _uncheck, "fill": _fill, "press": _press,
    "select_option": _select_option, "set_input_files": _set_input_files,
}  # fmt: skip
#: What Playwright does with a mouse, a finger, or by giving the focus itself.
_POINTED = (
    "tap", "dblclick", "hover", "focus", "blur", "clear", "type", "press_sequentially",
    "set_checked", "select_text", "dispatch_event", "drag_to", "drag_and_drop",
)  # fmt: skip
_MOUSE = ("click", "dblclick", "move", "down", "up", "wheel")


@contextmanager
def keys_alone() -> Iterator[None]:
    """Within, everything that is done on a page is done by keys; pages are not looked at again
    (``looking``)."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, names in ((Locator, _POINTED), (Page, (*_ACTS, *_POINTED)), (Mouse, _MOUSE)):
            for name in names:
                patch.setattr(kind, name, _no_mouse, raising=False)
        for name, act in _ACTS.items():
            patch.setattr(Locator, name, act)
        patch.setattr(looking, "closely", False)
        yield
