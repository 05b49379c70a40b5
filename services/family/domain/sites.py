"""At which sites of the town a child is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from services.family.domain.household import Child
from shared.contracts.town_file import TownFile


def sites_of(
    file: TownFile, children: Collection[Child], about: Collection[str], today: date
) -> set[str]:
    """The children's schools, by id, and the sites of the activities ``about`` which they are
    accepted, or that belong to a group in which they are enrolled and which is not over."""
    activities = set(about)
    for group in file.enrolments:
        if group.id in about and group.last >= today:
            activities |= set(group.activities)
    sites = {one.site for one in file.activities if one.id in activities}
    return sites | {child.school for child in children if child.school}


def about_at(file: TownFile, sites: Collection[str], today: date) -> set[str]:
    """What a child may be accepted for that brings them to one of these sites: activities there,
    and the groups with such an activity that are not over."""
    activities = {one.id for one in file.activities if one.site in sites}
    return activities | {
        group.id for group in file.enrolments
        if group.last >= today and not activities.isdisjoint(group.activities)
    }  # fmt: skip
