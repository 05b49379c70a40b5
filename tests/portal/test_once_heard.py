"""A document that was sent a moment ago is named to another service."""

from __future__ import annotations

import pytest

from services.portal import gateway
from services.portal.gateway import Problem, once_heard


class _Service:
    """Refuses so many times, then takes it."""

    def __init__(self, code: str, times: int) -> None:
        self.code, self.left, self.asked = code, times, 0

    async def take(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise Problem(422, {"code": self.code})
        return "taken"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "PAUSES", (0, 0))


async def test_what_is_heard_of_a_moment_later_is_taken() -> None:
    service = _Service("document-unknown", times=2)
    assert await once_heard(service.take, fresh=True) == "taken"
    assert service.asked == 3


@pytest.mark.parametrize(
    ("code", "fresh", "asked"),
    [("document-unknown", True, 3), ("document-unknown", False, 1), ("documents-missing", True, 1)],
)
async def test_what_stays_refused_is_said(code: str, fresh: bool, asked: int) -> None:
    service = _Service(code, times=9)
    with pytest.raises(Problem, match=code):
        await once_heard(service.take, fresh=fresh)
    assert service.asked == asked
