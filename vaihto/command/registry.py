"""`vaihto registry`: a registry in a process of its own. Needs no database and no setting."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

from vaihto import environment
from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command.arguments import a_port, check_papers, parser_of
from vaihto.command.processes import refused_to_listen
from vaihto.ewp.local.serving import Listening, serve
from vaihto.ewp.local.sources import CATALOGUE, Malformed, Options, Own, read_sources


def registry(arguments: list[str]) -> int:
    """Serves until stopped; wrong use ends at once with a sentence."""
    chosen = _read(arguments)
    try:
        options = _options(chosen)
        options.listed()
    except Malformed as error:
        print(f"vaihto registry: {error}", file=sys.stderr)
        return WRONG_USE
    if reason := refused_to_listen(chosen.host, chosen.port):
        print(f"vaihto registry: {reason}", file=sys.stderr)
        return REFUSED
    _set_environment(chosen)
    print(f"The catalogue is at {options.own.catalogue_url}", flush=True)
    serve(options, Listening(chosen.host, chosen.port, chosen.certificate, chosen.key))
    return DONE


def _set_environment(chosen: argparse.Namespace) -> None:
    """What the serving process knows of the node's settings: how to call, and a key that nothing is signed with."""
    os.environ["VAIHTO_DATA"] = str(chosen.folder)
    os.environ.setdefault("VAIHTO_SECRET_KEY", secrets.token_urlsafe(48))
    os.environ.setdefault("VAIHTO_FIELD_KEYS", secrets.token_urlsafe(48))
    os.environ.setdefault("VAIHTO_LOG_LEVEL", "WARNING")
    if chosen.ca_file is not None:
        os.environ["VAIHTO_CA_FILE"] = str(chosen.ca_file.resolve())
    if chosen.allow_private:
        os.environ["VAIHTO_ALLOW_PRIVATE_ADDRESSES"] = "yes"


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = parser_of("registry")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=a_port, default=8090, help="port to listen on (8090)")
    parser.add_argument(
        "--public-url", default="", help="address at which others reach it (https://HOST:PORT)"
    )
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="URL [PATTERN]",
        help="address of a manifest, and after a blank a pattern for the institution's id; repeatable",
    )
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="FILE",
        help="file with one such line per manifest; read again before every round",
    )
    parser.add_argument("--every", type=float, default=300, help="seconds between rounds (300)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=environment.ROOT / "var" / "registry",
        help="where the catalogue and the last good manifests are kept (var/registry)",
    )
    parser.add_argument("--certificate", type=Path, help="TLS certificate chain, PEM")
    parser.add_argument("--key", type=Path, help="its private key, PEM; without both: plain HTTP")
    parser.add_argument(
        "--ca-file", type=Path, help="extra certificate authority for reading manifests, PEM"
    )
    parser.add_argument(
        "--allow-private",
        action="store_true",
        help="read manifests at private addresses, and accept names that are not public",
    )
    parser.add_argument("--schemas", type=Path, help="folder of the official schemas")
    parser.add_argument("--provider", default="Local registry (Vaihto)", help="who runs it")
    parser.add_argument("--email", action="append", default=[], help="whom to write to; repeatable")
    chosen = parser.parse_args(arguments)
    check_papers(parser, chosen)
    if not chosen.source and chosen.sources is None:
        parser.error("name the manifests with --source or --sources")
    return chosen


def _options(chosen: argparse.Namespace) -> Options:
    scheme = "https" if chosen.certificate else "http"
    public = chosen.public_url.rstrip("/") or f"{scheme}://{chosen.host}:{chosen.port}"
    return Options(
        folder=chosen.folder,
        own=Own(f"{public}{CATALOGUE}", chosen.provider, tuple(chosen.email)),
        sources=tuple(read_sources(chosen.source)),
        sources_file=chosen.sources,
        schemas=chosen.schemas or environment.schemas_folder(),
        pause_seconds=max(1.0, chosen.every),
        allow_private=chosen.allow_private,
    )
