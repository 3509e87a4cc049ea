"""`vaihto network`: three nodes and a registry on this machine, talking over TLS as the real network does."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from vaihto import environment
from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import a_port, parser_of
from vaihto.command.box import Network, lay_out
from vaihto.command.filling import NotStarted, mark
from vaihto.command.processes import on_signals

_RESTARTS = 5


def network(arguments: list[str]) -> int:
    """Runs the network until stopped; a part that ends is started again."""
    parser = parser_of("network")
    parser.add_argument(
        "--port", type=a_port, default=8440, help="the registry's, or the next free one (8440)"
    )
    parser.add_argument("--folder", type=Path, default=environment.ROOT / "var" / "network")
    parser.add_argument(
        "--fresh", action="store_true", help="throw away what the nodes have, begin anew"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the addresses as one line of JSON when it runs"
    )
    chosen = parser.parse_args(arguments)
    folder: Path = chosen.folder.resolve()
    try:
        with _alone(folder):
            return _run(folder, chosen)
    except BlockingIOError:
        print(
            f"vaihto: A network runs from {folder} already. End it, or name another --folder.",
            file=sys.stderr,
        )
    except (NotADirectoryError, FileExistsError, PermissionError) as error:
        print(f"vaihto: {error.filename}: {error.strerror}.", file=sys.stderr)
    return REFUSED


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else starts a network there meanwhile. The lock lies beside the folder, which may be thrown away."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _run(folder: Path, chosen: argparse.Namespace) -> int:
    stopping = on_signals()
    if chosen.fresh or _outdated(folder):
        shutil.rmtree(folder, ignore_errors=True)
    print("Starting three nodes and a registry …", file=sys.stderr, flush=True)
    whole: Network | None = None
    try:
        whole = lay_out(folder, first_port=chosen.port)
        (folder / "mark").write_text(mark(), "utf-8")
        whole.start(give_up=stopping)
        print(json.dumps(_as_json(whole)) if chosen.json else _told(whole), flush=True)
        _watch(whole, stopping)
    except NotStarted as error:
        if not stopping():
            print(f"vaihto: {error}", file=sys.stderr)
            return REFUSED
    finally:
        if whole is not None:
            whole.stop()
    return DONE


def _outdated(folder: Path) -> bool:
    try:
        return (folder / "mark").read_text("utf-8") != mark()
    except OSError:
        return False


def _watch(whole: Network, stopping: Callable[[], bool]) -> None:
    restarts: dict[str, int] = {}
    while not stopping():
        for part in whole.parts:
            if not part.is_running and restarts.get(part.name, 0) < _RESTARTS:
                restarts[part.name] = restarts.get(part.name, 0) + 1
                print(
                    f"The {part.name} has ended; it is started again.", file=sys.stderr, flush=True
                )
                part.start()
        time.sleep(0.5)
    print("\nEnding …", file=sys.stderr, flush=True)


def _as_json(whole: Network) -> dict[str, object]:
    return {
        "registry": whole.registry_url,
        "catalogue": whole.catalogue_url,
        "authority": str(whole.papers.authority),
        "nodes": [
            {
                "name": node.name,
                "url": node.url,
                "institutions": list(node.plan.hosts),
                "manifests": [node.manifest_url(hei_id) for hei_id in node.plan.hosts],
                "environment": str(node.folder / "environment"),
            }
            for node in whole.nodes
        ],
        "processes": {part.name: part.child.pid for part in whole.parts if part.child is not None},
    }


def _told(whole: Network) -> str:
    first = whole.nodes[0]
    return "\n".join(
        [
            "",
            "The network is running.",
            "",
            f"  {'registry':<9} {whole.registry_url}/",
            *(
                f"  {node.name:<9} {node.url}/   hosts {', '.join(node.plan.hosts)}"
                for node in whole.nodes
            ),
            "",
            "Sign in anywhere with one click: each sign-in page lists the demo persons.",
            "Each institution has an office for agreements: be both sides of one, as docs/network.md says.",
            f"Letters to partners without a node: {first.folder / 'letters'}, and so at each node.",
            f"Browsers and tools trust the addresses by this authority: {whole.papers.authority}",
            "Commands at a node, for example:",
            f"  (set -a; . {first.folder / 'environment'}; vaihto ewp catalogue --refresh)",
            "Ctrl-C ends everything; what the nodes have is kept for the next time.",
        ]
    )
