"""Error answers: RFC 9457 problem+json with a stable code, the field, a sentence to act on."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from shared.errors import Refused
from shared.faults import sentence

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """One field at fault: a JSON pointer and a sentence; where the field is a text that people
    write, the line and column (from 1)."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class Problem(BaseModel):
    """What every error answer holds."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    errors: list[FieldError] | None = None


_TITLES = {
    400: "Requête mal formée",
    401: "Connexion nécessaire",
    403: "Accès refusé",
    404: "Introuvable",
    405: "Méthode non admise",
    409: "Conflit",
    412: "Informations modifiées entre-temps",
    413: "Requête trop volumineuse",
    415: "Type de contenu non admis",
    422: "Saisie incorrecte",
    428: "Condition nécessaire",
    429: "Trop de tentatives",
    500: "Erreur du serveur",
    503: "Service momentanément indisponible",
}
_UNNAMED = "Erreur"


def problem_answer(refused: Refused) -> web.Response:
    """The HTTP answer of a refusal."""
    body: dict[str, Any] = {
        "type": f"urn:preau:problem:{refused.code}",
        "title": _TITLES.get(refused.status, _UNNAMED),
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
        **({"field": refused.field} if refused.field else {}),
        **refused.details,
    }
    headers = {"Cache-Control": "no-store"}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=orjson.dumps(body), status=refused.status, content_type=MEDIA_TYPE, headers=headers
    )


def invalid_input(error: ValidationError, where: str = "") -> Refused:
    """A refusal that names every field at fault."""
    errors = [
        {
            "field": where + "".join(f"/{_pointer_part(part)}" for part in fault["loc"]),
            "message": sentence(fault),
        }
        for fault in error.errors(include_url=False, include_input=False)
    ]
    first = errors[0]
    return Refused(
        "invalid-input",
        f"{first['field'] or 'La demande'} : {first['message']}",
        status=422,
        field=first["field"] or None,
        errors=errors,
    )


def _pointer_part(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
