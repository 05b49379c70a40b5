"""The generated documents: OpenAPI per service, AsyncAPI of the public events, the contracts'
schemas, the town file's schema, the table of roles, the settings table of the README.

``preau docs`` writes them; a test compares them with what is committed. A contract that would
break whoever reads it today is refused: publish a new version beside the old one instead.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from pydantic_settings import BaseSettings

from services.billing.api import ROUTES as BILLING
from services.billing.settings import BillingSettings
from services.booking.api import ROUTES as BOOKING
from services.family.api import ROUTES as FAMILY
from services.family.settings import FamilySettings
from services.identity.api import ROUTES as IDENTITY
from services.identity.settings import IdentitySettings
from services.notify.api import ROUTES as NOTIFY
from services.notify.settings import Settings as NotifySettings
from services.portal.settings import Settings as PortalSettings
from shared.contracts import subscriptions
from shared.contracts.dossier import FIELDS
from shared.events import Contract, event_types
from shared.roles import CARDS, ROLES
from shared.sealing import FieldKeySettings
from shared.settings import CommonSettings
from shared.town_files import json_schema
from shared.web.audit import AUDIT_ROUTES
from shared.web.openapi import document
from shared.web.routes import Route
from shared.web.server import base_path

app = typer.Typer()

ROUTES: Mapping[str, Sequence[Route]] = {
    "identity": IDENTITY,
    "family": FAMILY,
    "booking": BOOKING,
    "billing": BILLING,
    "notify": NOTIFY,
}
CONTRACTS = Path("docs/api/contracts.json")
TOWN_FILE = Path("docs/town-file.md")
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)
_FIELDS = re.compile(r"(?<=<!-- dossier -->\n).*?(?=<!-- /dossier -->)", re.DOTALL)
_REF = "#/components/schemas/{model}"


def purpose(service: str) -> str:
    """What a service is for: the first line of its package."""
    package = importlib.import_module(f"services.{service}")
    return (package.__doc__ or "").partition("\n")[0]


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def contracts() -> list[Contract]:
    """The published contracts, by type."""
    published = subscriptions.__name__.rpartition(".")[0]
    return [
        contract
        for _, contract in sorted(event_types().items())
        if contract.__module__.startswith(published)
    ]


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3 of the public events: what a subscriber of a town may read."""
    public = [contract for contract in contracts() if contract.public]
    named, definitions = models_json_schema(
        [(contract, "serialization") for contract in public], ref_template=_REF
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Préau – public events",
            "version": "1",
            "description": "CloudEvents 1.0 in structured mode on the topic exchange"
            " `preau.events`. A subscriber reads its town's keys, `<town>.public.#`. Each fact"
            " may come more than once and in any order: know it by its `id`.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            f"{contract.service}.{contract.name}": {
                "address": f"{{town}}.public.{contract.service}.{contract.name}",
                "parameters": {"town": {"description": "The town's slug"}},
                "messages": {contract.name: {"$ref": f"#/components/messages/{contract.name}"}},
            }
            for contract in public
        },
        "operations": {
            f"receive.{contract.service}.{contract.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{contract.service}.{contract.name}"},
                "summary": _first_line(contract),
            }
            for contract in public
        },
        "components": {
            "messages": {
                contract.name: {
                    "name": contract.type,
                    "summary": _first_line(contract),
                    "payload": _cloudevent(contract, named[contract, "serialization"]),
                }
                for contract in public
            },
            "schemas": definitions.get("$defs", {}),
        },
    }


def _cloudevent(contract: Contract, data: Any) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "town", "sequence",
            "correlationid", "data",
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text,
            "source": {"const": f"/preau/{contract.service}"},
            "type": {"const": contract.type},
            "subject": text,
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "town": text,
            "sequence": text,
            "sequencetype": {"const": "Integer"},
            "correlationid": text,
            "causationid": text,
            "data": data,
        },
    }  # fmt: skip


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def contract_schemas() -> dict[str, Any]:
    """Every contract, public or not: kind, reach and JSON Schema."""
    return {
        contract.type: {
            "kind": contract.kind,
            "public": contract.public,
            "schema": contract.model_json_schema(mode="serialization"),
        }
        for contract in contracts()
    }


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What readers of ``old`` contracts would miss or misread in ``new`` ones."""
    found = []
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            found.append(f"{name}: gone")
            continue
        found += [
            f"{name}: {key} changed" for key in ("kind", "public") if before[key] != after[key]
        ]
        found += _schema_breaks(name, _models(before["schema"]), _models(after["schema"]))
    return found


def _models(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"": schema, **schema.get("$defs", {})}


def _schema_breaks(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    found = []
    for model, before in old.items():
        if model not in new:
            found.append(f"{name}: {model} gone")
            continue
        fields = new[model].get("properties", {})
        for field, declared in before.get("properties", {}).items():
            if field not in fields:
                found.append(f"{name}: {model}.{field} gone")
            elif _shape(declared) != _shape(fields[field]) or (
                _told(before, field) and not _told(new[model], field)
            ):
                found.append(f"{name}: {model}.{field} has another type")
    return found


def _told(model: Mapping[str, Any], field: str) -> bool:
    """Whether a reader always has a value: it is said, or known where it is left out."""
    return field in model.get("required", ()) or "default" in model["properties"][field]


def _shape(schema: Any) -> Any:
    """A schema without its words and its defaults, which are what is sent, whatever they are."""
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if k not in ("description", "title", "default")}
        return {k: _shape(v) for k, v in kept.items()}
    if isinstance(schema, list):
        return [_shape(one) for one in schema]
    return schema


def settings_table() -> str:
    """Every variable of every settings class, as a Markdown table."""
    rows = ["| variable | default | what |", "|---|---|---|"]
    classes: tuple[type[BaseSettings], ...] = (
        CommonSettings, FieldKeySettings, IdentitySettings, FamilySettings, BillingSettings,
        NotifySettings, PortalSettings,
    )  # fmt: skip
    fields = {field.alias: field for one in classes for field in one.model_fields.values()}
    rows += [_row(field) for field in fields.values()]
    return "\n".join(rows) + "\n"


def _row(field: FieldInfo) -> str:
    default = "compulsory" if field.is_required() else _written(field.default)
    return f"| `{field.alias}` | {default} | {field.description or ''} |"


def _written(default: Any) -> str:
    return "" if default is None else f"`{default}`"


def dossier_table() -> str:
    """Every field of a dossier, as a Markdown table."""
    rows = ["| field | what families read | holds | sensitivity | rule | validation |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    rows += [
        f"| `{field.path}` | {field.label} | {field.kind.replace('_', ' ')} | {field.sensitivity} |"
        f" `{field.rule}` | `{field.validation}` |"
        for field in FIELDS
    ]
    return "\n".join(rows) + "\n"


def roles_page() -> str:
    """What each role is for, and which routes it may call."""
    rows = ["| role | French | bound to sites | what for |", "|---|---|---|---|"]
    rows += [
        f"| `{role}` | {card.french} | {'yes' if card.bound else ''} | {card.purpose} |"
        for role, card in CARDS.items()
    ]
    header = " | ".join(f"`{role}`" for role in ROLES)
    table = [f"| route | {header} |", "|---|" + "---|" * len(ROLES)]
    for service, routes in ROUTES.items():
        for route in (*routes, *AUDIT_ROUTES):
            if route.access.roles:
                marks = " | ".join("x" if role in route.access.roles else "" for role in ROLES)
                table.append(f"| {service}: {route.method} `{route.path}` | {marks} |")
    return "\n".join([
        "# Roles", "", "Generated from the routes (`preau docs`).", "",
        "A role that is bound to sites reaches what is at its agent's sites, and nothing of a"
        " service that does not know sites.", "", *rows, "", "## What each may call", "",
        "Beside these, every account may call what it may of its own: `docs/api` says.", "",
        *table, "",
    ])  # fmt: skip


def documents(root: Path) -> dict[Path, str]:
    """Every generated document by its path below ``root``, as it should be."""
    readme, guide = (root / "README.md").read_text(), (root / TOWN_FILE).read_text()
    return {
        **{
            Path(f"docs/api/{name}.openapi.json"): _json(
                document(name, purpose(name), [*routes, *AUDIT_ROUTES], base_path(name))
            )
            for name, routes in ROUTES.items()
        },
        Path("docs/api/events.asyncapi.json"): _json(asyncapi()),
        CONTRACTS: _json(contract_schemas()),
        Path("docs/roles.md"): roles_page(),
        Path("docs/town-file.schema.json"): json_schema(),
        TOWN_FILE: _FIELDS.sub(lambda _: dossier_table(), guide),
        Path("README.md"): _TABLE.sub(lambda _: settings_table(), readme),
    }


@app.command("docs")
def write_documents() -> None:
    """Write the generated documents below the current folder."""
    root = Path.cwd()
    committed = root / CONTRACTS
    if committed.exists():
        broken = breaks(orjson.loads(committed.read_bytes()), contract_schemas())
        if broken:
            raise typer.BadParameter("\n".join(["these contracts would break readers:", *broken]))
    for path, text in documents(root).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        typer.echo(path)
