"""`vaihto demo`: an invented alliance in a database of its own, served on this machine with one worker."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from vaihto import environment
from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command.arguments import a_port, check_papers, parser_of
from vaihto.command.processes import (
    HOST,
    Child,
    answers,
    end,
    free_port,
    on_signals,
    program,
    server_command,
    start,
)
from vaihto.demo import CATALOGUE_URL
from vaihto.refusals import Refusal

_START_SECONDS = 60
_EDITION = 2  # raised when demo data built earlier can no longer be served


def demo(arguments: list[str]) -> int:
    """Builds the demo unless it is there, then serves it until stopped."""
    parser = parser_of("demo")
    parser.add_argument(
        "--port", type=a_port, default=8000, help="the next free one is taken (8000)"
    )
    parser.add_argument(
        "--size",
        choices=["bare", "tiny", "small", "large"],
        default="small",
        help="bare: institutions and what they publish, nobody else (small)",
    )
    parser.add_argument(
        "--hosts",
        nargs="+",
        default=[],
        metavar="HEI_ID",
        help="members of the alliance that this installation hosts; the others are partners",
    )
    parser.add_argument(
        "--partner",
        action="append",
        default=[],
        metavar="HEI_ID",
        help="one more partner of that id, who finds something to read; repeatable",
    )
    parser.add_argument("--folder", type=Path, help="where it is kept (var/demo…)")
    parser.add_argument(
        "--certificate", type=Path, help="TLS certificate chain, PEM: the demo is served over https"
    )
    parser.add_argument("--key", type=Path, help="its private key, PEM (PKCS 8)")
    parser.add_argument(
        "--fresh", action="store_true", help="throw the present demo away, build anew"
    )
    parser.add_argument("--no-serve", action="store_true", help="build only")
    chosen = parser.parse_args(arguments)
    port = chosen.port if chosen.no_serve else free_port(chosen.port)
    if port is None:
        print(f"vaihto: no port is free from {chosen.port} on.", file=sys.stderr)
        return REFUSED
    check_papers(parser, chosen)
    folder = chosen.folder or environment.ROOT / "var" / "-".join(["demo", *_differences(chosen)])
    if "VAIHTO_DATABASE_URL" in os.environ and not chosen.fresh and not chosen.no_serve:
        print(
            "vaihto: the demo has a database of its own; it ignores VAIHTO_DATABASE_URL.",
            file=sys.stderr,
        )
    address = f"{'https' if chosen.certificate else 'http'}://{HOST}:{port}"
    public = _set_environment(folder.resolve(), address)
    try:
        _build(folder.resolve(), chosen)
    except environment.Malformed as error:
        print(f"vaihto: {error}", file=sys.stderr)
        return WRONG_USE
    except Refusal as refusal:
        print(f"vaihto: {refusal} {refusal.remedy % refusal.facts}".rstrip(), file=sys.stderr)
        return REFUSED
    if chosen.no_serve:
        print(f"Built in {folder}.")
        return DONE
    return _serve(address, public, port, chosen)


def _differences(chosen: argparse.Namespace) -> list[str]:
    """What tells this demo's folder from the usual one's."""
    return [
        *([] if chosen.size == "small" else [chosen.size]),
        *(hei_id.partition(".")[0] for hei_id in chosen.hosts),
    ]


def _set_environment(folder: Path, address: str) -> str:
    """The demo's own settings; what else the caller has set (schemas, language, catalogue) stays.

    Gives the public address: the one that the caller has set, as of a proxy in front, else the demo's own.
    """
    kept = bool(os.environ.get("VAIHTO_PUBLIC_URL"))
    named = (
        "VAIHTO_DATABASE_URL",
        *(() if kept else ("VAIHTO_BEHIND_PROXY", "VAIHTO_ALLOWED_HOSTS")),
    )
    for name in named:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ |= {
        "VAIHTO_DATA": str(folder),
        "VAIHTO_DEMO": "yes",
        "VAIHTO_LOCAL_ACCOUNTS": "yes",
    }
    public = os.environ.setdefault("VAIHTO_PUBLIC_URL", address) or address
    os.environ["VAIHTO_PUBLIC_URL"] = public
    hosts = [os.environ.get("VAIHTO_ALLOWED_HOSTS", ""), HOST]
    os.environ["VAIHTO_ALLOWED_HOSTS"] = ",".join(host for host in hosts if host)
    if public.startswith("https:") and address.startswith("http:"):
        os.environ.setdefault("VAIHTO_BEHIND_PROXY", "yes")  # who else would end TLS?
    os.environ.setdefault("VAIHTO_LOG_LEVEL", "WARNING")
    os.environ.setdefault("VAIHTO_CATALOGUE_URL", CATALOGUE_URL)
    return public.rstrip("/")


def _build(folder: Path, chosen: argparse.Namespace) -> None:
    """Fills a fresh database and moves it into place, so that an interrupted build leaves nothing half."""
    built = folder / "demo.json"
    database = folder / "vaihto.sqlite3"
    is_there = database.exists() and _edition(built) == _EDITION and not chosen.fresh
    if not is_there:
        folder.mkdir(parents=True, exist_ok=True)
        built.unlink(missing_ok=True)
        for old in folder.glob("vaihto.sqlite3*"):
            old.unlink()
    from vaihto.command.framework import start_django  # noqa: PLC0415 - slow import

    start_django()
    from django.core.management import call_command  # noqa: PLC0415 - app ready

    from vaihto.command.serving import prepare, unapplied_migrations  # noqa: PLC0415 - app ready

    if unapplied_migrations():
        call_command("migrate", verbosity=0, interactive=False)
    if not is_there:
        began = time.monotonic()
        print(f"Building the demo alliance in {folder} …", flush=True)
        call_command("build_demo", size=chosen.size, hosts=chosen.hosts, partner=chosen.partner)
        built.write_text(json.dumps({"edition": _EDITION, "size": chosen.size}), "utf-8")
        print(f"Built in {time.monotonic() - began:.0f} seconds.", flush=True)
    elif chosen.partner:
        call_command("build_demo", partner=chosen.partner)
    prepare()


def _edition(built: Path) -> int | None:
    try:
        edition = json.loads(built.read_text("utf-8"))["edition"]
    except (OSError, ValueError, KeyError):
        return None
    return edition if isinstance(edition, int) else None


def _serve(address: str, public: str, port: int, chosen: argparse.Namespace) -> int:
    """Web server and worker as children; whichever ends first, or a signal, ends both."""
    from django.db import connection  # noqa: PLC0415 - app ready

    people = _people()
    connection.close()
    path = urlsplit(public).path
    commands = {
        "web server": server_command(
            host=HOST,
            port=port,
            workers=2,
            path=path,
            certificate=chosen.certificate,
            key=chosen.key,
        ),
        "worker": [program("vaihto"), "work"],
    }
    children: dict[str, Child] = {}
    stopping = on_signals()

    def no_sense_in_waiting() -> bool:
        return stopping() or any(child.poll() is not None for child in children.values())

    try:
        for name, command in commands.items():
            children[name] = start(command)
        own = f"{address}{path}"
        if not answers(
            f"{own}/ready", seconds=_START_SECONDS, give_up=no_sense_in_waiting, trusting=True
        ):
            if not stopping():
                print("vaihto: the demo did not start; the lines above say why.", file=sys.stderr)
                return REFUSED
            return DONE
        reached = f"{public}/" if public == own else f"{public}/ (here: {own}/)"
        print(f"\nThe demo is running at {reached}\n\n{people}\nCtrl-C ends it.", flush=True)
        while not stopping():
            ended = [name for name, child in children.items() if child.poll() is not None]
            if ended:
                print(f"vaihto: the {ended[0]} has ended.", file=sys.stderr)
                return REFUSED
            time.sleep(0.3)
        print("\nEnding …", flush=True)
        return DONE
    finally:
        end(children.values())


def _people() -> str:
    """The demo persons one can sign in as, with what they are."""
    from vaihto.demo.accounts import GUESTS, PASSWORD  # noqa: PLC0415 - app ready
    from vaihto.institutions.models import Alliance, Institution  # noqa: PLC0415 - app ready

    places = dict(Institution.objects.values_list("hei_id", "name"))
    places |= dict(Alliance.objects.values_list("code", "name"))
    width = max(len(guest.username) for guest in GUESTS) + 2
    lines = []
    for guest in GUESTS:
        where = places.get(guest.institution or guest.alliance, "")
        unit = f" ({guest.unit})" if guest.unit else ""
        role = str(guest.role).replace("_", " ")
        what = f"{role}, {where}{unit}" if role else ""
        what = what or ("operator" if guest.is_operator else "a person with their own records")
        lines.append(f"  {guest.username:<{width}}{guest.name}, {what}")
    told = ["Sign in with one click on the sign-in page, or by name:", "", *lines, ""]
    return "\n".join([*told, f"Their password is {PASSWORD}", ""])
