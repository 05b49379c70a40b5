"""The same rooms in every service, one table of subscriptions, documents that are true."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import orjson
import pytest

from services.documents import CONTRACTS, ROUTES, breaks, contract_schemas, contracts, documents
from services.registry import BUILDS
from shared.contracts.subscriptions import FOR_OTHERS, SUBSCRIPTIONS
from shared.logs import ALLOWED
from shared.web.routes import Files, Page, PageQuery
from tests.world import World

ROOT = Path(__file__).parents[2]
ROOMS = ("__init__", "__main__", "api", "commands", "domain", "queries", "reactions", "schemas",
         "service", "store")  # fmt: skip
LONGEST = 500


@pytest.mark.parametrize("service", BUILDS)
@pytest.mark.parametrize("room", ROOMS)
def test_every_service_has_the_same_rooms(service: str, room: str) -> None:
    place = ROOT / "services" / service / room
    assert place.with_suffix(".py").exists() or place.is_dir()


def test_the_subscriptions_are_what_the_services_react_to(whole: World) -> None:
    reacted = {
        running.service.name: frozenset(one.contract.type for one in running.service.reactions)
        for running in whole.runner.running
    }
    assert reacted == SUBSCRIPTIONS


def test_every_contract_is_consumed_or_meant_for_others() -> None:
    consumed = {event_type for types in SUBSCRIPTIONS.values() for event_type in types}
    unheard = {contract for contract in contracts() if contract.type not in consumed}
    assert unheard == set(FOR_OTHERS)


def test_public_events_carry_no_name_no_address() -> None:
    private = re.compile(r"name|email|address|phone|birth|token|iban|diet|health")
    for contract in contracts():
        if contract.public:
            fields = orjson.dumps(contract.model_json_schema()).decode()
            fields = re.sub(r'"enum":\[[^\]]*\]', "", fields)  # values are not fields
            names = re.findall(r'"properties":\{(.*?)\}\}', fields)
            assert not [one for one in names if private.search(re.sub(r':"[^"]*"', "", one))]


@pytest.mark.parametrize("path", documents(ROOT), ids=str)
def test_generated_documents_are_current(path: Path) -> None:
    assert (ROOT / path).read_text() == documents(ROOT)[path], "run `make docs`"


def test_contracts_only_gain() -> None:
    committed = orjson.loads((ROOT / CONTRACTS).read_bytes())
    assert breaks(committed, contract_schemas()) == []


def test_a_contract_that_loses_or_changes_a_field_is_a_break() -> None:
    now = contract_schemas()
    name = "fr.preau.billing.invoice-issued.v1"
    less = orjson.loads(orjson.dumps(now))
    del less[name]["schema"]["properties"]["number"]
    other = orjson.loads(orjson.dumps(now))
    other[name]["schema"]["properties"]["total_cents"]["type"] = "string"
    gone = {key: value for key, value in now.items() if key != name}
    assert breaks(now, less) == [f"{name}: .number gone"]
    assert breaks(now, other) == [f"{name}: .total_cents has another type"]
    assert breaks(now, gone) == [f"{name}: gone"]
    assert breaks(less, now) == []
    said = orjson.loads(orjson.dumps(now))
    office = said["fr.preau.identity.town-changed.v1"]["schema"]["$defs"]["CollectionOffice"]
    office["required"].append("due_days")
    del office["properties"]["due_days"]["default"]
    assert breaks(now, said) == [], "what was left out at times is always said"
    office["required"].remove("due_days")
    assert breaks(now, said) == [
        "fr.preau.identity.town-changed.v1: CollectionOffice.due_days has another type"
    ]


def test_every_route_says_what_it_may_refuse_and_who_may_call() -> None:
    for routes in ROUTES.values():
        for route in routes:
            assert route.summary
            open_to_all = route.access.public or route.access.account
            assert open_to_all or route.access.family or route.access.roles
            assert route.method != "GET" or not route.idempotent


def test_every_listing_comes_in_pages_of_one_shape() -> None:
    for routes in ROUTES.values():
        for route in routes:
            listed = not isinstance(route.answer, Files) and issubclass(route.answer, Page)
            assert issubclass(route.query, PageQuery) == listed, route.path


def test_what_is_logged_may_be_logged() -> None:
    """Another key raises where logs are configured, which is not so in every test."""
    levels = {"debug", "info", "warning", "error"}
    for folder in ("services", "shared", "deploy"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    logger = node.func.value
                    if node.func.attr in levels and getattr(logger, "id", "") == "_log":
                        keys = {one.arg for one in node.keywords}
                        assert keys <= ALLOWED | {"exc_info"}, f"{file}:{node.lineno}"


def _tracked() -> list[Path]:
    found = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout  # fmt: skip
    return [ROOT / name for name in found.decode().split("\0") if name]


def test_no_file_is_too_long_and_none_names_a_package_registry() -> None:
    registry = re.compile(
        rb"(py" rb"pi|python" rb"hosted|npm" rb"js)\.(org|com)|(deb|security)\.deb" rb"ian\.org"
    )
    for file in _tracked():
        if file.exists() and file.is_file():
            content = file.read_bytes()
            assert not registry.search(content), file
            if file.suffix == ".py":
                assert content.count(b"\n") <= LONGEST, file
