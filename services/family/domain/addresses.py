"""Addresses as the Base Adresse Nationale completes them (GeoCodeJSON of the Géoplateforme)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

#: What the service takes (its own documentation); the first character is a letter or a digit.
SHORTEST, LONGEST = 3, 200


class Suggestion(BaseModel):
    """One address. ``citycode`` is the INSEE code, by which the town knows its residents;
    ``latitude`` and ``longitude`` are degrees (WGS 84)."""

    model_config = ConfigDict(frozen=True)

    label: str
    kind: Literal["housenumber", "street", "locality", "municipality"]
    number: str | None
    street: str
    postcode: str
    city: str
    citycode: str
    ban_id: str
    latitude: float
    longitude: float


class _Properties(BaseModel):
    label: str
    type: Literal["housenumber", "street", "locality", "municipality"]
    name: str
    housenumber: str | None = None
    postcode: str
    city: str
    citycode: str
    id: str


class _Geometry(BaseModel):
    coordinates: tuple[float, float]


class _Feature(BaseModel):
    properties: _Properties
    geometry: _Geometry


class _Features(BaseModel):
    features: tuple[_Feature, ...]


def suggestions(answer: Any) -> list[Suggestion]:
    """The addresses in an answer. Raises ``ValueError`` when it is not GeoCodeJSON."""
    return [
        Suggestion(
            label=one.properties.label,
            kind=one.properties.type,
            number=one.properties.housenumber,
            street=one.properties.name,
            postcode=one.properties.postcode,
            city=one.properties.city,
            citycode=one.properties.citycode,
            ban_id=one.properties.id,
            latitude=one.geometry.coordinates[1],
            longitude=one.geometry.coordinates[0],
        )
        for one in _Features.model_validate(answer).features
    ]


def question(typed: str) -> str | None:
    """What to ask for what was typed; None when the service would refuse it."""
    text = " ".join(typed.split())[:LONGEST]
    return text if len(text) >= SHORTEST and text[0].isalnum() else None
