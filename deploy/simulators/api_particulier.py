"""API Particulier v3: the quotient familial by identity and by FranceConnect.

The sandbox's cases decide the answers (``sandbox/README.md``); what is refused before a case is
looked for follows the published OpenAPI. ``delay`` holds each answer back, so that the same
request may be running already; ``next_failures`` answers those statuses first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from deploy.simulators.sandbox import Citizen, answering, cases, sandbox_tokens

#: Scope -> the part of the answer that it opens. With FranceConnect the same, after ``cnaf_``.
_PARTS = ("quotient_familial", "allocataires", "enfants", "adresse")
_BY_FRANCECONNECT = {f"cnaf_{part}": part for part in _PARTS}
_MANDATORY = ("nomNaissance", "prenoms", "sexeEtatCivil", "codeCogInseePaysNaissance")
_NUMBERS = ("annee", "mois", "anneeDateNaissance", "moisDateNaissance", "jourDateNaissance")
_FAILURES: Mapping[int, tuple[str, str, dict[str, Any]]] = {
    429: ("00429", "Trop de requêtes", {}),
    502: ("37999", "Erreur inconnue du fournisseur de données", {"provider": "CNAV"}),
    503: ("37008", "Fournisseur de données indisponible", {"provider": "CNAV"}),
    504: ("00501", "Délai dépassé", {"provider": "CNAV", "retry_in": 10}),
}


@dataclass(frozen=True)
class Token:
    """An authorisation's token: which parts it opens, or why it opens none."""

    scopes: frozenset[str] = frozenset(_PARTS)
    state: str = "valid"


class _ApiError(Exception):
    def __init__(self, status: int, code: str, title: str, **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "title": title, "detail": title, "source": None, "meta": {},
                     **more}  # fmt: skip


@dataclass
class ApiParticulier:
    """The server. ``introspect`` asks FranceConnect about a person's token."""

    tokens: Mapping[str, Token]
    introspect: Callable[[str], dict[str, Any] | None]
    origin: str = ""
    delay: float = 0
    next_failures: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _running: set[tuple[str, str]] = field(default_factory=set)

    def app(self) -> web.Application:
        """Both routes."""
        app = web.Application(middlewares=[_errors])
        base = "/v3/dss/quotient_familial"
        app.add_routes([
            web.get(f"{base}/identite", self._by_identity),
            web.get(f"{base}/france_connect", self._by_franceconnect),
        ])  # fmt: skip
        return app

    async def _by_identity(self, request: web.Request) -> web.Response:
        text = _bearer(request)
        token = self.tokens.get(text)
        if token is None:
            raise _ApiError(401, "00101", "Votre jeton n'est pas valide")
        if token.state == "expired":
            raise _ApiError(401, "00103", "Votre jeton a expiré")
        if token.state == "blacklisted":
            raise _ApiError(401, "00105", "Votre jeton est sur liste noire")
        asked = _civil_identity(request)
        _recipient(request)
        opened = {part: part for part in token.scopes}
        return await self._answer(request, text, "identity", asked, opened)

    async def _by_franceconnect(self, request: web.Request) -> web.Response:
        text = _bearer(request)
        person, scopes = self._person(text)
        _recipient(request)
        opened = {_BY_FRANCECONNECT[one] for one in scopes if one in _BY_FRANCECONNECT}
        asked = {**person, **_period(request)}
        return await self._answer(request, text, "franceconnect", asked, opened)

    def _person(self, text: str) -> tuple[dict[str, Any], list[str]]:
        known = sandbox_tokens().get(text)
        if known is not None:
            return _of_claims(known), str(known["scope"]).split()
        found = self.introspect(text)
        if found is None:
            raise _ApiError(401, "00101", "Votre jeton n'est pas valide")
        if found["expired"]:
            raise _ApiError(401, "00103", "Votre jeton a expiré")
        citizen: Citizen = found["citizen"]
        return citizen.params(), found["scopes"]

    async def _answer(
        self, request: web.Request, token: str, folder: str, asked: Mapping[str, Any], opened: Any
    ) -> web.Response:
        self.asked.append(folder)
        if not opened:
            raise _ApiError(403, "00100", "Privilèges insuffisants")
        if self.next_failures:
            status = self.next_failures.pop(0)
            code, title, meta = _FAILURES[status]
            raise _ApiError(status, code, title, meta=meta)
        running = (token, request.query_string)
        if running in self._running:
            raise _ApiError(409, "00015", "Une requête identique est déjà en cours")
        self._running.add(running)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self._running.discard(running)
        found = answering(cases(folder), asked)
        if found is None and folder == "franceconnect":
            found = answering(cases("identity"), asked)
        if found is None:
            raise _ApiError(
                404, "35003", "Allocataire non référencé", meta={"provider": "CNAF & MSA"}
            )
        body = dict(found.payload)
        if found.status == 200:
            body["data"] = {name: part for name, part in body["data"].items() if name in opened}
        headers = {"X-Response-Cached": "false", "X-Cache-Expires-in": ""}
        return web.json_response(body, status=found.status, headers=headers)


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except _ApiError as error:
        answer = web.json_response({"errors": [error.body]}, status=error.status)
    return answer


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise _ApiError(401, "00101", "Votre jeton n'est pas valide")
    return token


def _recipient(request: web.Request) -> None:
    siret = request.query.get("recipient", "")
    if len(siret) != 14 or not siret.isdigit():
        raise _ApiError(
            422, "00203", "Le paramètre recipient est obligatoire",
            source={"parameter": "recipient"},
        )  # fmt: skip


def _period(request: web.Request) -> dict[str, str]:
    return {name: request.query[name] for name in ("annee", "mois") if name in request.query}


def _civil_identity(request: web.Request) -> dict[str, Any]:
    query = request.query
    given: dict[str, Any] = {
        name: query[name] for name in query if name not in ("recipient", "prenoms[]")
    }
    given["prenoms"] = list(query.getall("prenoms[]", ()))
    missing = [name for name in _MANDATORY if not given.get(name)]
    numbers = [name for name in _NUMBERS if name in given and not given[name].isdigit()]
    sex = given.get("sexeEtatCivil")
    if missing or numbers or sex not in ("M", "F") or len(given["prenoms"]) > 3:
        raise _ApiError(422, "00366", "Un ou plusieurs paramètres de civilité sont mal formatés")
    return given


def _of_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    year, month, day = (int(part) for part in claims["birthdate"].split("-"))
    return {
        "prenoms": claims["given_name_array"],
        "nomNaissance": claims["family_name"],
        "anneeDateNaissance": year,
        "moisDateNaissance": month,
        "jourDateNaissance": day,
        "sexeEtatCivil": "M" if claims["gender"] == "male" else "F",
        "codeCogInseeCommuneNaissance": claims["birthplace"],
        "codeCogInseePaysNaissance": claims["birthcountry"],
    }
