"""The Base Adresse Nationale as the Géoplateforme serves it, for some streets of the demo's towns.

``GET /search`` answers GeoCodeJSON and refuses what the real one refuses: no ``q`` or one that is
too short, too long or begins with neither letter nor digit (400), more than 50 questions a second
from one address (429). The streets are invented; codes and postcodes are the towns' own.
"""

from __future__ import annotations

import time
import unicodedata
from collections import deque
from typing import Any

from aiohttp import web

PER_SECOND = 50
_MOST = 20
#: (town, postcode, INSEE code, latitude, longitude)
_TOWNS = (
    ("Veyras", "07000", "07340", 44.7360, 4.5710),
    ("Andancette", "26140", "26009", 45.2440, 4.8090),
)
_STREETS = (
    "Rue des Tilleuls", "Rue de l'École", "Place de la Mairie", "Chemin du Ruisseau",
    "Avenue de la Gare", "Impasse des Lilas", "Route de Privas", "Rue du Rhône",
    "Allée des Mûriers", "Montée de l'Église",
)  # fmt: skip
_NUMBERS = range(1, 41)


class Ban:
    """Listens on loopback while the context lasts; ``url`` is what ``PREAU_ADDRESSES_URL`` says.

    ``fails``: a status it answers to everything, as when it is broken; ``asked`` counts questions.
    """

    def __init__(self) -> None:
        self.fails: int | None = None
        self.asked = 0
        self._times: deque[float] = deque()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base address."""
        if self._runner is None:
            raise RuntimeError("not started")
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/geocodage"

    async def __aenter__(self) -> Ban:
        app = web.Application()
        app.router.add_get("/geocodage/search", self._search)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _search(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.fails is not None:
            return web.Response(status=self.fails)
        if not self._in_time():
            return web.json_response({"message": "Too Many Requests"}, status=429)
        q = request.query.get("q", "").strip()
        if not q:
            return _refused("q: required param")
        if not 3 <= len(q) <= 200 or not q[0].isalnum():
            return _refused(
                "q: must contain between 3 and 200 chars and start with a number or a letter"
            )
        try:
            limit = int(request.query.get("limit", "5"))
        except ValueError:
            return _refused("limit: must be an integer")
        if not 1 <= limit <= _MOST:
            return _refused(f"limit: must be an integer between 1 and {_MOST}")
        features = _found(q)[:limit]
        return web.json_response(
            {
                "type": "FeatureCollection", "features": features, "query": q, "limit": limit,
                "attribution": "BAN", "licence": "ETALAB-2.0",
            }
        )  # fmt: skip

    def _in_time(self) -> bool:
        now = time.monotonic()
        while self._times and now - self._times[0] > 1:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) <= PER_SECOND


def _refused(detail: str) -> web.Response:
    body = {"code": 400, "detail": [detail], "message": "Failed parsing query"}
    return web.json_response(body, status=400)


def _found(q: str) -> list[dict[str, Any]]:
    wanted = _plain(q).split()
    number = next((int(word) for word in wanted if word.isdigit() and len(word) < 4), None)
    words = [word for word in wanted if not (word.isdigit() and len(word) < 4)]
    found = []
    for town, postcode, citycode, latitude, longitude in _TOWNS:
        for position, street in enumerate(_STREETS):
            text = _plain(f"{street} {postcode} {town}").split()
            if not all(any(one.startswith(word) for one in text) for word in words):
                continue
            house = str(number) if number in _NUMBERS else None
            name = f"{house} {street}" if house else street
            found.append({
                "type": "Feature",
                "geometry": {
                    "type": "Point",
                    "coordinates": [longitude + position / 1000, latitude + (number or 0) / 10000],
                },
                "properties": {
                    "label": f"{name} {postcode} {town}", "score": 0.9,
                    "id": f"{citycode}_{position:04d}" + (f"_{number:05d}" if house else ""),
                    "type": "housenumber" if house else "street", "name": name,
                    **({"housenumber": house, "street": street} if house else {}),
                    "postcode": postcode, "citycode": citycode, "city": town,
                    "context": citycode[:2], "importance": 0.5, "x": 0.0, "y": 0.0,
                },
            })  # fmt: skip
    return found


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("'", " "))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
