"""`vaihto ewp call`: one question to a partner, as an operator wants to see it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils import timezone
from lxml import etree

from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.ewp import client, outcomes, partners, registry
from vaihto.ewp.apis import APIS
from vaihto.ewp.apis.monitoring import MONITORING
from vaihto.ewp.client import Answer
from vaihto.ewp.protocol import xml
from vaihto.ewp.protocol.api import EWP, Api, Endpoint, Reading
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor

_VERDICTS = {
    "verified": "signed, and proven to be the partner's",
    "unsigned": "not signed",
    "": "none came",
}
_REPOSITORY = re.compile(re.escape(EWP) + r"([\w-]+)/blob/stable-v(\d+)/manifest-entry\.xsd")


class _WrongUse(Exception):
    """What was asked for cannot be asked."""


def call(arguments: list[str]) -> int:
    """Prints what the partner answered, or why it did not."""
    chosen = _parser().parse_args(arguments)
    try:
        with quietly():
            answer = _asked(chosen)
    except _WrongUse as error:
        print(f"vaihto ewp call: {error}", file=sys.stderr)
        return WRONG_USE
    if chosen.json:
        print_json(_as_json(answer))
    elif chosen.raw:
        sys.stdout.buffer.write(answer.body)
        sys.stdout.buffer.flush()
        if not answer.is_good:
            print(f"vaihto: {_in_words(answer)}", file=sys.stderr)
    else:
        print("\n".join(_told(answer)))
    return DONE if answer.is_good else REFUSED


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What the log would say is told in words instead."""
    logger = logging.getLogger("vaihto.ewp")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _parser() -> argparse.ArgumentParser:
    parser = with_json(parser_of("ewp call"))
    parser.add_argument("hei_id", metavar="HEI_ID", help="whom to ask")
    parser.add_argument("api", metavar="API", help="element of the manifest entry: echo, iias-v7")
    parser.add_argument(
        "words",
        metavar="ENDPOINT | NAME=VALUE",
        nargs="*",
        default=[],
        help="get, index, … where the API has several; then parameters, a name as often as needed",
    )
    parser.add_argument(
        "--as", dest="own", metavar="HEI_ID", help="the hosted institution that asks"
    )
    parser.add_argument("--method", choices=["GET", "POST"], help="instead of the usual one")
    parser.add_argument("--body", type=Path, metavar="FILE", help="XML document of an update")
    parser.add_argument(
        "--raw", action="store_true", help="print the body as it came, nothing else"
    )
    return parser


def _asked(chosen: argparse.Namespace) -> Answer[Any]:
    words = list(chosen.words)
    named = words.pop(0) if words and "=" not in words[0] else ""
    if wrong := next((word for word in words if "=" not in word), None):
        raise _WrongUse(f"{wrong!r} is no parameter; write name=value.")
    api = _api(chosen.hei_id, chosen.api)
    endpoint = _endpoint(api, named)
    try:
        document = chosen.body.read_bytes() if chosen.body else b""
    except OSError as error:
        raise _WrongUse(f"{chosen.body} cannot be read ({error.strerror}).") from error
    return client.call(
        institution=_own(chosen.own, chosen.hei_id),
        partner=chosen.hei_id,
        api=api,
        endpoint=endpoint.name,
        parameters=[(name, value) for name, _equals, value in (w.partition("=") for w in words)],
        document=document,
        method=chosen.method or "",
        actor=Actor.system("vaihto ewp call"),
        now=timezone.now(),
        report=False,
    )


def _own(hei_id: str | None, partner: str) -> Institution:
    if hei_id is None:
        found = partners.asker_for(partner) or Institution.objects.hosted().first()
        if found is None:
            raise _WrongUse("no institution is hosted here, so nobody can ask.")
        return found
    own = Institution.objects.hosted().filter(hei_id=hei_id).first()
    if own is None:
        raise _WrongUse(f"{hei_id} is not hosted here.")
    return own


# --- What can be called ------------------------------------------------------------------------


def _api(hei_id: str, named: str) -> Api:
    """The API of that name: as we declare it, else as the partner's entry in the catalogue shows it."""
    element, _v, major = named.partition("-v") if re.search(r"-v\d+$", named) else (named, "", "")
    declared = [api for api in (*APIS, MONITORING) if api.element == element]
    entries = registry.apis_of(hei_id)
    offered = [api for entry in entries if entry.element == element and (api := _shown_by(entry))]
    known = {api.major: api for api in reversed(offered)} | {api.major: api for api in declared}
    if major and int(major) in known:
        return known[int(major)]
    if not major:
        for api in (*offered, *declared):  # what the partner serves comes first
            return known[api.major]
    elements = sorted({entry.element for entry in entries} | {api.element for api in APIS})
    raise _WrongUse(f"there is no API {named!r}; known are {', '.join(elements)}.")


def _shown_by(entry: registry.Entry) -> Api | None:
    found = _REPOSITORY.fullmatch(entry.namespace)
    if found is None:
        return None
    return Api(
        element=entry.element,
        repository=found[1],
        major=int(found[2]),
        version=entry.stated_version or f"{found[2]}.0.0",
        says="",
        endpoints=tuple(Endpoint(name, "", _reading(entry.element, name)) for name in entry.urls),
    )


def _reading(element: str, endpoint: str) -> Reading:
    """How an endpoint wants to be asked, by the customs of the network."""
    if element.endswith("-cnr") and endpoint == "url":
        return Reading.POST_FORM
    if endpoint == "update-url":
        return Reading.POST_XML
    if endpoint == "stats-url" or element == "file" or element.endswith("-stats"):
        return Reading.GET
    return Reading.GET_AND_POST


def _endpoint(api: Api, named: str) -> Endpoint:
    names = {each.name: each for each in api.endpoints}
    wanted = named if named in names else f"{named}-url" if named else ""
    if wanted in names:
        return names[wanted]
    if not named and (len(names) == 1 or "url" in names):
        return names.get("url") or next(iter(names.values()))
    if set(names) == {"url"}:
        raise _WrongUse(f"{named!r} is no parameter; write name=value.")
    told = ", ".join(name.removesuffix("-url") for name in names)
    raise _WrongUse(f"{api.element} has the endpoints {told}; say which.")


# --- What is told ------------------------------------------------------------------------------


def _told(answer: Answer[Any]) -> list[str]:
    lines = []
    exchange = answer.exchange
    if exchange is not None:
        lines.append(f"{exchange.method} {exchange.url}")
    if answer.status is not None:
        took = f" after {exchange.took_ms} ms" if exchange is not None else ""
        lines.append(f"status {answer.status}{took}, {len(answer.body):,} bytes")
        lines.append(f"signature: {_VERDICTS.get(answer.signature, answer.signature)}")
    if exchange is not None:
        lines.append(f"kept as exchange {exchange.pk}")
    if answer.body:
        lines += ["", _pretty(answer), ""]
    lines.append(_in_words(answer))
    return lines


def _in_words(answer: Answer[Any]) -> str:
    outcome = answer.outcome
    remedy = outcomes.filled(outcome.remedy, outcome.facts)
    return f"{outcome} {remedy}".strip()


def _pretty(answer: Answer[Any]) -> str:
    try:
        root = xml.parse(answer.body).node
    except xml.MalformedXml:
        kind = answer.header("content-type") or "no stated type"
        return f"({len(answer.body):,} bytes of {kind}, no XML; --raw prints them)"
    etree.indent(root, space="  ")
    return etree.tostring(root, encoding="unicode").rstrip()


def _as_json(answer: Answer[Any]) -> dict[str, Any]:
    outcome, exchange = answer.outcome, answer.exchange
    return {
        "outcome": outcome.code,
        "good": answer.is_good,
        "blame": str(outcome.blame),
        "repeatable": outcome.repeatable,
        "sentence": str(outcome),
        "remedy": outcomes.filled(outcome.remedy, outcome.facts),
        "status": answer.status,
        "signature": answer.signature,
        "headers": [list(pair) for pair in answer.headers],
        "body": answer.body.decode("utf-8", "replace"),
        "url": exchange.url if exchange is not None else None,
        "version": answer.entry.stated_version if answer.entry is not None else None,
        "took_ms": exchange.took_ms if exchange is not None else None,
        "exchange": exchange.pk if exchange is not None else None,
        "certificate_until": answer.certificate_until,
    }
