"""Blanking a document: nothing readable is left at the paths, nothing else changes, and the
document can be read as before."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.erasure import ERASED, blanked

_LEAVES = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.text(), max_size=2))
_LINES = st.lists(
    st.fixed_dictionaries({"id": st.text(max_size=3)}, optional={"reason": st.fixed_dictionaries(
        {"code": st.text(max_size=3)}, optional={"text": _LEAVES}) | st.none()}),
    max_size=4,
)  # fmt: skip
_DOCUMENTS = st.fixed_dictionaries(
    {"_id": st.text(max_size=3)}, optional={"comment": _LEAVES, "lines": _LINES}
)
_PATHS = ("comment", "lines.*.reason.text", "nothing.here")


@given(_DOCUMENTS)
def test_only_the_named_values_change_and_their_kind_stays(document: dict[str, Any]) -> None:
    after = {**document, **blanked(document, _PATHS)}
    assert after.keys() == document.keys()
    assert after["_id"] == document["_id"]
    for before, line in zip(document.get("lines", ()), after.get("lines", ()), strict=True):
        assert line["id"] == before["id"]
        if before.get("reason"):
            assert line["reason"]["code"] == before["reason"]["code"]
            assert line["reason"].keys() == before["reason"].keys()
        else:
            assert line.get("reason") == before.get("reason")
    for value in _blank_values(after):
        assert value in (None, "", ERASED, [], {})
    assert blanked(after, _PATHS).items() <= after.items()


def _blank_values(document: dict[str, Any]) -> list[Any]:
    values = [document["comment"]] if "comment" in document else []
    reasons = [line.get("reason") or {} for line in document.get("lines", ())]
    return values + [one["text"] for one in reasons if "text" in one]


def test_maps_are_walked_like_lists() -> None:
    document = {"_id": "1", "by": {"a": {"name": "Anne"}, "b": {"name": "Bob", "n": 1}}}
    assert blanked(document, ["by.*.name"]) == {
        "by": {"a": {"name": ERASED}, "b": {"name": ERASED, "n": 1}}
    }
