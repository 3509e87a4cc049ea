"""A network in a box: nodes and a registry as processes of this machine, each with its own folder and database.

Any of them can be stopped, killed and started again. Tests use `running`, `vaihto network` uses `lay_out`. Start
reading at `Network.start`.
"""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from vaihto import environment
from vaihto.command import filling
from vaihto.command.filling import NotStarted, Plan, plain_environ
from vaihto.command.processes import (
    HOST,
    Child,
    answers,
    end,
    free_port,
    kill,
    program,
    server_command,
    start,
)
from vaihto.ewp.local import authority
from vaihto.ewp.local.sources import CATALOGUE

_START_SECONDS = 90
_ROUND_SECONDS = 30

PLANS: tuple[Plan, ...] = (
    Plan("north", ("tuulisalmi.example", "hopearanta.example")),
    Plan("south", ("costaclara.example",)),
    Plan("east", ("javorec.example",)),
)


@dataclass
class Part:
    """A process of the network that can be started, stopped and killed as often as one likes."""

    name: str
    command: list[str]
    environ: dict[str, str]
    log: Path
    child: Child | None = None

    def start(self) -> None:
        """Starts it; it may take some seconds to answer."""
        self.child = start(self.command, environ=self.environ, log=self.log)

    def stop(self) -> None:
        """Asks it to end and waits."""
        if self.child is not None:
            end([self.child])

    def kill(self) -> None:
        """Ends it in the middle of whatever it does."""
        if self.child is not None:
            kill(self.child)

    @property
    def is_running(self) -> bool:
        """Has it been started and not ended?"""
        return self.child is not None and self.child.poll() is None

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ""


@dataclass
class Node:
    """One installation: a web server and a worker over one database. `port` is where the web server listens."""

    plan: Plan
    url: str
    port: int
    folder: Path
    environ: dict[str, str]
    authority: Path
    web: Part
    worker: Part

    @property
    def name(self) -> str:
        """What it is called here."""
        return self.plan.name

    @property
    def hei_id(self) -> str:
        """The first institution it hosts."""
        return self.plan.hosts[0]

    def manifest_url(self, hei_id: str) -> str:
        """Where the manifest of a hosted institution is."""
        return f"{self.url}/ewp/{quote(hei_id, safe='')}/manifest.xml"

    def is_up(
        self, *, seconds: float = _START_SECONDS, give_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Waits until the web server answers."""
        return answers(
            f"{self.url}/health",
            seconds=seconds,
            authority=self.authority,
            give_up=lambda: give_up() or not self.web.is_running,
        )

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """A `vaihto` command at this node."""
        return subprocess.run(
            [program("vaihto"), *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


@dataclass
class Network:
    """Nodes and their registry."""

    folder: Path
    papers: authority.Papers
    registry: Part
    registry_url: str
    nodes: list[Node] = field(default_factory=list)

    @property
    def catalogue_url(self) -> str:
        """Where every node reads the catalogue."""
        return f"{self.registry_url}{CATALOGUE}"

    @property
    def parts(self) -> list[Part]:
        """Every process: the registry, the web servers, the workers."""
        return [
            self.registry,
            *(node.web for node in self.nodes),
            *(node.worker for node in self.nodes),
        ]

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def host_of(self, hei_id: str) -> Node:
        """The node that hosts the institution."""
        return next(node for node in self.nodes if hei_id in node.plan.hosts)

    def start(self, *, work: bool = True, give_up: Callable[[], bool] = lambda: False) -> None:
        """Starts every part; returns when each manifest stands in the catalogue. Raises `NotStarted`."""
        self.registry.start()
        for node in self.nodes:
            node.web.start()
        for node in self.nodes:
            if not node.is_up(give_up=give_up):
                raise NotStarted(f"{node.web.name} did not start.\n{node.web.last_words()}")
        if not self.registry_is_up(give_up=give_up):
            raise NotStarted(f"The registry did not start.\n{self.registry.last_words()}")
        self._list(give_up)
        if work:
            self._make_known()
            for node in self.nodes:
                node.worker.start()

    def _list(self, give_up: Callable[[], bool]) -> None:
        """Has every manifest read until it is in the catalogue: a busy machine may not answer the first time."""
        lacking = [(node, hei_id) for node in self.nodes for hei_id in node.plan.hosts]
        deadline = time.monotonic() + _START_SECONDS
        while True:
            for node, hei_id in lacking:
                self.reload(node.manifest_url(hei_id))
            listed = self.ask(self.catalogue_url)
            lacking = [pair for pair in lacking if f">{pair[1]}<" not in listed]
            if not lacking:
                return
            if time.monotonic() > deadline or give_up():
                node, hei_id = lacking[0]
                address = self.status_url(node.manifest_url(hei_id))
                raise NotStarted(f"{hei_id} is not in the catalogue; see {address}")
            time.sleep(0.5)

    def _make_known(self) -> None:
        """Every node reads the catalogue before its people begin: what is proposed to strangers goes nowhere."""
        log = self.folder / "catalogue.log"
        command = [program("vaihto"), "ewp", "catalogue", "--refresh"]
        asking = [start(command, environ=node.environ, log=log) for node in self.nodes]
        try:
            failed = [child.wait(timeout=_START_SECONDS) for child in asking]
        except subprocess.TimeoutExpired:
            failed = [1]
        finally:
            end(asking)
        if any(failed):
            words = log.read_text("utf-8", "replace")[-2000:]
            raise NotStarted(f"A node could not read the catalogue.\n{words}")

    def stop(self) -> None:
        """Ends every process that is still there."""
        end([part.child for part in reversed(self.parts) if part.child is not None])

    def registry_is_up(
        self, *, seconds: float = _START_SECONDS, give_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Waits until the registry answers."""
        return answers(
            f"{self.registry_url}/health",
            seconds=seconds,
            authority=self.papers.authority,
            give_up=lambda: give_up() or not self.registry.is_running,
        )

    def reload(self, manifest_url: str) -> None:
        """Has the registry read one manifest now."""
        self.ask(f"{self.registry_url}/reload?url={quote(manifest_url, safe='')}", b"")

    def status_url(self, manifest_url: str) -> str:
        """The registry's page about one manifest."""
        return f"{self.registry_url}/status?url={quote(manifest_url, safe='')}"

    def ask(self, url: str, body: bytes | None = None) -> str:
        """The text at an address of the network."""
        context = ssl.create_default_context(cafile=self.papers.authority)
        with urllib.request.urlopen(url, body, timeout=60, context=context) as answer:  # noqa: S310
            text: str = answer.read().decode()
            return text


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    plans: Sequence[Plan] = PLANS,
    work: bool = True,
    prepared: Path | None = None,
    settings: dict[str, str] | None = None,
) -> Iterator[Network]:
    """A network in this folder on free ports, ended with everything it started when the block ends.

    Without `work` no worker runs. `prepared` is where filled databases are kept between runs; `settings` are more
    settings for every node.
    """
    network = lay_out(folder, plans=plans, prepared=prepared, settings=settings)
    try:
        network.start(work=work)
        yield network
    finally:
        network.stop()


# --- Laying it out -----------------------------------------------------------------------------


def lay_out(
    folder: Path,
    *,
    plans: Sequence[Plan] = PLANS,
    first_port: int = 0,
    prepared: Path | None = None,
    settings: dict[str, str] | None = None,
) -> Network:
    """Folders, databases, certificates and command lines; nothing is started. Raises `NotStarted`.

    Databases that are there already are kept. With a `first_port` ports are taken from there on, else any.
    """
    folder.mkdir(parents=True, exist_ok=True)
    papers = authority.make(folder / "papers", now=datetime.now(UTC))
    ports = _ports(len(plans) + 1, first_port)
    registry_url, *urls = [f"https://{HOST}:{port}" for port in ports]
    filling.fill(folder, plans, prepared or environment.ROOT / "var" / "network-prepared")
    common = _environ(papers, f"{registry_url}{CATALOGUE}", settings or {})
    nodes = [
        _node(folder / plan.name, plan, plan.public_url or url, port, common, papers)
        for plan, url, port in zip(plans, urls, ports[1:], strict=True)
    ]
    registry = Part(
        "registry",
        _registry_command(folder / "registry", ports[0], nodes, papers),
        plain_environ(),
        folder / "registry.log",
    )
    return Network(folder, papers, registry, registry_url, nodes)


def _ports(count: int, first: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = free_port(found[-1] + 1 if first and found else first)
        if port is None:
            raise NotStarted(f"No port is free from {first} on.")
        if port not in found:
            found.append(port)
    return found


def _environ(papers: authority.Papers, catalogue: str, more: dict[str, str]) -> dict[str, str]:
    return {
        **plain_environ(),
        "VAIHTO_CATALOGUE_URL": catalogue,
        "VAIHTO_CA_FILE": str(papers.authority),
        "VAIHTO_ALLOW_PRIVATE_ADDRESSES": "yes",
        "VAIHTO_EWP_VALIDATE": "yes",
        "VAIHTO_DEMO": "yes",
        "VAIHTO_LOCAL_ACCOUNTS": "yes",
        "VAIHTO_LOG_LEVEL": "WARNING",
        **more,
    }


def _node(
    folder: Path,
    plan: Plan,
    url: str,
    port: int,
    common: dict[str, str],
    papers: authority.Papers,
) -> Node:
    counters = folder / "metrics"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir(parents=True)
    environ = {**common, "VAIHTO_DATA": str(folder), "VAIHTO_PUBLIC_URL": url}
    if plan.public_url:
        environ["VAIHTO_BEHIND_PROXY"] = "yes"
    _write_environment(folder / "environment", environ)
    web = Part(
        f"web server of {plan.name}",
        server_command(
            host=HOST,
            port=port,
            workers=1,
            path=urlsplit(url).path,
            certificate=None if plan.public_url else papers.certificate,
            key=None if plan.public_url else papers.key,
        ),
        {**environ, "PROMETHEUS_MULTIPROC_DIR": str(counters)},
        folder / "web.log",
    )
    worker = Part(
        f"worker of {plan.name}", [program("vaihto"), "work"], environ, folder / "work.log"
    )
    return Node(plan, url, port, folder, environ, papers.authority, web, worker)


def _write_environment(file: Path, environ: dict[str, str]) -> None:
    """The node's settings for a shell: `set -a; . FILE; set +a`."""
    lines = [f"{name}='{value}'" for name, value in environ.items() if name.startswith("VAIHTO_")]
    file.write_text("\n".join([*lines, ""]), "utf-8")


def _registry_command(
    folder: Path, port: int, nodes: list[Node], papers: authority.Papers
) -> list[str]:
    sources = [
        f"--source={node.manifest_url(hei_id)} {hei_id.replace('.', '[.]')}"
        for node in nodes
        for hei_id in node.plan.hosts
    ]
    return [
        program("vaihto"),
        "registry",
        f"--host={HOST}",
        f"--port={port}",
        f"--folder={folder}",
        f"--every={_ROUND_SECONDS}",
        f"--certificate={papers.certificate}",
        f"--key={papers.key}",
        f"--ca-file={papers.authority}",
        "--allow-private",
        *sources,
    ]
