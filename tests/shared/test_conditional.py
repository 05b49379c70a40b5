"""Entity tags: reading again what has not changed, changing only what was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.web.conditional import entity_tag, expected, is_known
from tests.shared.conftest import Speaker

TAG = entity_tag(7, b"{}")
OTHER = entity_tag(8, b"{}")


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        (f"{OTHER}, {TAG}", True),
        (f" {OTHER} ,W/{TAG} ", True),
        ("*", True),
        (OTHER, False),
        ("", False),
        (TAG.strip('"'), False),
        (f'"{TAG}', False),
    ],
)
def test_a_tag_is_known(header: str, known: bool) -> None:
    assert is_known([header], TAG) is known


def test_tags_may_come_in_several_lines() -> None:
    assert is_known([OTHER, TAG], TAG)
    expected([OTHER, TAG]).check(7)


def test_another_reading_of_the_same_version_may_change_it() -> None:
    expected([entity_tag(7, b"seen by somebody else")]).check(7)


@pytest.mark.parametrize("header", [OTHER, f"W/{TAG}", '"other"', "7", '"', '"7"'])
def test_what_is_not_the_version_seen_is_refused(header: str) -> None:
    with pytest.raises(Refused) as refused:
        expected([header]).check(7)
    assert (refused.value.status, refused.value.code) == (412, "changed-meanwhile")


def test_any_version_may_be_asked_and_none_may_be_left_out() -> None:
    expected(["*"]).check(7)
    with pytest.raises(Refused) as refused:
        expected([])
    assert (refused.value.status, refused.value.code) == (428, "precondition-required")


@given(st.text(max_size=60))
def test_whatever_the_header_says_it_is_read_quickly(header: str) -> None:
    is_known([header], TAG)
    if header.strip():
        expected([header])


async def test_what_has_not_changed_is_not_sent_again(speaker: Speaker) -> None:
    status, body, headers = await speaker.ask("GET", "/papers/7")
    assert (status, body["title"]) == (200, "seven")
    tag = headers["ETag"]
    again = await speaker.ask("GET", "/papers/7", headers={"If-None-Match": tag})
    assert (again[0], again[1], again[2]["ETag"]) == (304, None, tag)
    assert again[2]["Cache-Control"] == "no-store"
    fresh = await speaker.ask("GET", "/papers/8", headers={"If-None-Match": tag})
    assert fresh[0] == 200
    assert fresh[2]["ETag"] != tag


async def test_a_change_says_what_it_changes(speaker: Speaker) -> None:
    tag = (await speaker.ask("GET", "/papers/7"))[2]["ETag"]
    done = await speaker.ask("PUT", "/papers/7", headers={"If-Match": tag})
    assert (done[0], done[1]["title"]) == (200, "seven")
    assert done[2]["ETag"].startswith('"8-'), "the version that the change made"
    late = await speaker.ask("PUT", "/papers/8", headers={"If-Match": tag})
    assert (late[0], late[1]["code"], late[1]["title"]) == (
        412, "changed-meanwhile", "Informations modifiées entre-temps",
    )  # fmt: skip
    bare = await speaker.ask("PUT", "/papers/7")
    assert (bare[0], bare[1]["code"]) == (428, "precondition-required")
