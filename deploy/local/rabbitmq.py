"""A RabbitMQ for tests and development: given, in Docker, or Debian's own on private ports."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from deploy.local.process import (
    ServerUnavailableError,
    accepts,
    describe_exit,
    free_port,
    kept_port,
    spawn,
    tail,
    terminate,
    wait_until,
)

DOCKER_IMAGE = "rabbitmq:4.1.3-alpine"

_SCRIPTS = Path("/usr/lib/rabbitmq/bin")
_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"
# A client's first bytes (AMQP 0-9-1) and the type of the frame that a broker which is up
# answers with (a method: Connection.Start).
_GREETING = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"
_BATCH = 20


class Broker(Protocol):
    """A running broker, wherever it comes from."""

    @property
    def url(self) -> str:
        """``amqp://user:password@host:port/vhost``; the same after a restart."""

    @property
    def can_kill(self) -> bool:
        """Whether `kill` and `start` work; a broker that was given cannot be killed."""

    def start(self) -> str:
        """Start, wait until it speaks AMQP and return `url`; keeps data of earlier runs."""

    def stop(self) -> None:
        """End in order what `start` started."""

    def kill(self) -> None:
        """SIGKILL; only where `can_kill`."""

    def discard(self, prefix: str) -> None:
        """Delete, at some later moment, the queues and exchanges whose names start so."""


class LocalRabbit:
    """Debian's ``rabbitmq-server`` with its data in `folder`, on private loopback ports.

    Its name server (epmd) is private too and ends with it. The folder keeps ports and data:
    durable queues and streams are found again by `start` after `stop` or `kill`. The methods
    block (use ``asyncio.to_thread``); they are not meant for two threads at once.
    """

    can_kill = True

    def __init__(self, folder: Path) -> None:
        """`folder` is made when missing."""
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None
        self._names: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._discarded: list[str] = []

    @property
    def url(self) -> str:
        """The address of the broker's default user and vhost."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def port(self) -> int:
        """The loopback port of AMQP; 0 before the first start."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The pid of the running Erlang machine."""
        return self._server.pid if self._server else None

    def start(self) -> str:
        """Start the name server and the broker, wait until it speaks AMQP and return `url`.

        Raises ServerUnavailableError when the package is missing or does not start.
        """
        if self._server is not None and self._server.poll() is None:
            return self.url
        if not debian_package_installed():
            raise ServerUnavailableError(
                "Debian's rabbitmq-server is not installed: as root, "
                "`apt-get install rabbitmq-server`; or give AMQP_URL"
            )
        for name in ("home", "data", "log"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._port = kept_port(self._folder, "port")
        env = self._environment()
        if self._names is None or self._names.poll() is not None:
            self._start_names(env)
        self._server = spawn(
            [str(_SCRIPTS / "rabbitmq-server")], env=env, output=self._folder / "log" / "output"
        )
        if not wait_until(lambda: speaks_amqp(self._port), seconds=60, process=self._server):
            how = describe_exit(self._server)
            self.kill()
            self._stop_names()
            raise ServerUnavailableError(
                f"rabbitmq-server did not start ({how}):\n{tail(self._folder / 'log' / 'output')}"
            )
        return self.url

    def stop(self) -> None:
        """End the broker in order, then its name server; harmless when it does not run."""
        if self._server is not None:
            terminate(self._server, patience=30)
            self._server = None
        self._stop_names()

    def kill(self) -> None:
        """SIGKILL of the Erlang machine: connections drop at once.

        Queues declared in the last seconds are written down first. RabbitMQ 3.10 keeps the
        list of its quorum queues and streams in tables that reach the disk up to 3 s later; a
        kill before that leaves queues which exist and never answer again (seen), which no
        client can repair. Messages are not concerned.
        """
        if self._server is not None:
            if self._server.poll() is None and speaks_amqp(self._port):
                self.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")
            self._server.kill()
            self._server.wait()
            self._server = None

    def delete(self) -> None:
        """Kill the broker and delete its data."""
        self.kill()
        self._stop_names()
        shutil.rmtree(self._folder, ignore_errors=True)

    def ctl(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` on this node (0.5 to 1 s) and return its output.

        Raises subprocess.CalledProcessError, with its standard error, when it fails.
        """
        return subprocess.run(  # noqa: S603 - no shell
            [str(_SCRIPTS / "rabbitmqctl"), "--quiet", *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def discard(self, prefix: str) -> None:
        """Delete, with every twentieth call, the queues and exchanges under these prefixes.

        One call of ``rabbitmqctl`` costs about a second: hence the batches. A broker keeps
        hundreds of idle quorum queues without harm.
        """
        self._discarded.append(prefix)
        if len(self._discarded) >= _BATCH and self._server is not None:
            self.ctl("eval", _deletion(self._discarded))
            self._discarded.clear()

    def _start_names(self, env: dict[str, str]) -> None:
        port = int(env["ERL_EPMD_PORT"])
        self._names = spawn(["epmd"], env=env, output=self._folder / "log" / "epmd")
        if not wait_until(lambda: accepts(port), seconds=10, process=self._names):
            raise ServerUnavailableError(
                f"Erlang's epmd did not start:\n{tail(self._folder / 'log' / 'epmd')}"
            )

    def _stop_names(self) -> None:
        if self._names is not None:
            terminate(self._names, patience=5)
            self._names = None

    def _environment(self) -> dict[str, str]:
        folder = self._folder.resolve()
        config = folder / "rabbitmq.conf"
        plugins = folder / "enabled_plugins"
        config.write_text(
            f"listeners.tcp.default = 127.0.0.1:{self._port}\n"
            "log.file.level = warning\n"
            "log.console = false\n"
            "disk_free_limit.absolute = 200MB\n"
        )
        plugins.write_text("[].\n")
        return {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "LANG": "C.UTF-8",
            # The cookie and the shell's history live there; HOME may be unset outside.
            "HOME": str(folder / "home"),
            # The name server is private, so the name needs nothing that tells nodes apart,
            # and the data, which is kept by node name, is found again.
            "RABBITMQ_NODENAME": "preau@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(kept_port(folder, "dist_port")),
            "ERL_EPMD_PORT": str(kept_port(folder, "epmd_port")),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONFIG_FILE": str(config),
            # The machine's own broker, if there is one, has its settings here.
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _LOOPBACK,
            "RABBITMQ_CTL_ERL_ARGS": _LOOPBACK,
            # Makes the start script become the Erlang machine instead of waiting for it: the
            # pid we hold is the broker's.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
        }


class DockerRabbit:
    """RabbitMQ 4 in a container, on a host port that it keeps over restarts."""

    can_kill = True

    def __init__(self) -> None:
        """Nothing is started yet; the image is pulled by `start`."""
        from testcontainers.core.container import DockerContainer

        self._port = free_port()
        self._container = (
            # A name that stays: RabbitMQ keeps its data by host name.
            DockerContainer(DOCKER_IMAGE, hostname="preau").with_bind_ports(5672, self._port)
        )
        self._made = False

    @property
    def url(self) -> str:
        """The address of the broker's default user and vhost."""
        return f"amqp://guest:guest@{self._container.get_container_host_ip()}:{self._port}/"

    def start(self) -> str:
        """Start the container, or start it again after `kill`, and return `url`."""
        if self._made:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._made = True
        host = self._container.get_container_host_ip()
        deadline = time.monotonic() + 90
        while not speaks_amqp(self._port, host):
            if time.monotonic() > deadline:
                raise ServerUnavailableError("RabbitMQ's container did not start within 90 s")
            time.sleep(0.1)
        return self.url

    def stop(self) -> None:
        """Stop and remove the container."""
        if self._made:
            self._container.stop()
            self._made = False

    def kill(self) -> None:
        """SIGKILL to the container's processes."""
        self._container.get_wrapped_container().kill()

    def discard(self, prefix: str) -> None:
        """Nothing: the container goes with all it holds."""


class GivenRabbit:
    """The broker at ``AMQP_URL``, which belongs to somebody else."""

    can_kill = False

    def __init__(self, url: str) -> None:
        """`url` as in ``AMQP_URL``."""
        self.url = url

    def start(self) -> str:
        """Check that it speaks AMQP; raises ServerUnavailableError."""
        parts = urlsplit(self.url)
        plain = parts.scheme == "amqp"
        if plain and not speaks_amqp(parts.port or 5672, parts.hostname or "localhost"):
            raise ServerUnavailableError(
                f"no RabbitMQ answers at {parts.hostname}:{parts.port or 5672} (AMQP_URL)"
            )
        return self.url

    def stop(self) -> None:
        """Nothing: we did not start it."""

    def kill(self) -> None:
        """Refused; put a `TcpProxy` in front and cut that."""
        raise ServerUnavailableError("a broker given by AMQP_URL is not ours to kill")

    def discard(self, prefix: str) -> None:
        """Nothing: without management rights, queues cannot be found by prefix."""


@contextlib.contextmanager
def find_amqp(folder: Path) -> Iterator[Broker]:
    """Yield a started broker: ``AMQP_URL``, else Docker, else Debian's package; then stop it.

    Debian's package keeps its data in `folder`, which is deleted at the end. Raises
    ServerUnavailableError, saying what to do, when there is none of the three.
    """
    broker = _choose(folder)
    try:
        broker.start()
        yield broker
    finally:
        if isinstance(broker, LocalRabbit):
            broker.delete()
        else:
            broker.stop()


def _choose(folder: Path) -> Broker:
    if url := os.environ.get("AMQP_URL"):
        return GivenRabbit(url)
    if docker_answers():
        return DockerRabbit()
    if debian_package_installed():
        return LocalRabbit(folder)
    raise ServerUnavailableError(
        "no RabbitMQ: give AMQP_URL, start a Docker engine, or as root "
        "`apt-get install rabbitmq-server` (which `make test` does as root)"
    )


def docker_answers() -> bool:
    """Whether a Docker engine can be reached by testcontainers."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if host.startswith("unix://"):
        # Looked at first: Docker's client leaves its socket open when nobody answers.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(host.removeprefix("unix://")) != 0:
                return False
    try:
        docker: Any = importlib.import_module("docker")  # it has no types
    except ImportError:
        return False
    try:
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (docker.errors.DockerException, OSError):
        return False


def debian_package_installed() -> bool:
    """Whether Debian's rabbitmq-server is there."""
    return (_SCRIPTS / "rabbitmq-server").exists() and shutil.which("epmd") is not None


def speaks_amqp(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a broker greets on this port: its listeners open at the end of its start."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(_GREETING)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False


def _deletion(prefixes: list[str]) -> str:
    """Erlang that deletes the queues and exchanges under `prefixes`, whatever their type."""
    binaries = ", ".join(f'<<"{prefix}">>' for prefix in prefixes)
    return f"""
        Prefixes = [{binaries}],
        Ours = fun(Name) -> lists:any(
            fun(P) -> binary:longest_common_prefix([P, Name]) =:= byte_size(P) end,
            Prefixes) end,
        [rabbit_amqqueue:delete(Q, false, false, <<"tests">>)
            || Q <- rabbit_amqqueue:list(), Ours(element(4, amqqueue:get_name(Q)))],
        [rabbit_exchange:delete(element(2, X), false, <<"tests">>)
            || X <- rabbit_exchange:list(<<"/">>), Ours(element(4, element(2, X)))],
        ok.
    """
