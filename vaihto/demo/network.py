"""The invented network around the demo: a catalogue, exchanges good and bad, what waits, what partners told.

No wire leads there: no host of the catalogue exists, so nobody is asked by the clock (`apps.py`). The catalogue goes in
through the very function that takes a real one over. Rows that a worker would have written (exchanges, notifications,
copies of what partners told) are written as it would have.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import timezone
from lxml import etree

from vaihto.demo import CATALOGUE_URL
from vaihto.demo.alliance import HOSTED, HOUSES, MEMBERS, OUTSIDE, House
from vaihto.ewp import capabilities, examining, exchanges, keys, manifest, registry
from vaihto.ewp.apis import APIS
from vaihto.ewp.apis.institutions import FACTSHEET, INSTITUTIONS, OUNITS, mapping
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    InstitutionsResponse,
    OunitsResponse,
)
from vaihto.ewp.doctor import Finding, Level
from vaihto.ewp.models import Catalogue, Exchange, Key, PartnerCopy
from vaihto.ewp.protocol import httpsig
from vaihto.ewp.protocol.api import Api, Endpoint, Reading
from vaihto.ewp.protocol.errors import ErrorResponse
from vaihto.ewp.protocol.http import Headers, Request, Response
from vaihto.ewp.protocol.xml import COMMON_TYPES, LANGUAGE
from vaihto.ewp.refreshing import Question, refresh
from vaihto.ewp.transport import Limits
from vaihto.institutions.models import Capability, Institution
from vaihto.institutions.queries import told
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor

REGISTRY = "https://github.com/erasmus-without-paper/ewp-specs-api-registry/tree/stable-v1"
NODE = "https://node.tuuli.example"  # where the demo's own institutions would be reached
_SPACE = uuid.UUID("6f1d3a52-6a34-4c0e-9d37-8d1f5b1c2a70")


def _later(element: str, repository: str, major: int, version: str, *urls: str) -> Api:
    """An interface of partners that this edition only knows by name."""
    endpoints = tuple(Endpoint(name, f"{element}/v{major}/{name[:-4]}") for name in urls)
    return Api(element, repository, major, version, "", endpoints, order=urls)


_LATER = {
    api.element: api
    for api in (
        _later("omobilities", "ewp-specs-api-omobilities", 3, "3.0.0", "get-url", "index-url"),
        _later("omobility-cnr", "ewp-specs-api-omobility-cnr", 2, "2.0.0", "url"),
        _later("omobility-las", "ewp-specs-api-omobility-las", 1, "1.1.0", "get-url", "index-url", "update-url"),
        _later("omobility-la-cnr", "ewp-specs-api-omobility-la-cnr", 1, "1.0.0", "url"),
        _later("imobilities", "ewp-specs-api-imobilities", 1, "1.0.0", "get-url"),
        _later("imobility-tors", "ewp-specs-api-imobility-tors", 2, "2.0.0", "get-url", "index-url"),
        _later("imobility-tor-cnr", "ewp-specs-api-imobility-tor-cnr", 1, "1.0.0", "url"),
    )
}  # fmt: skip
_OURS = {api.element: api for api in APIS}
_KNOWN = {**_LATER, **_OURS}
_DATA = ("discovery", "echo", "institutions", "organizational-units", "factsheet")
_IIAS = ("iias", "iia-cnr", "iias-approval", "iia-approval-cnr")
_LAS = ("omobility-las", "omobility-la-cnr")
_NOMINATIONS = ("omobilities", "omobility-cnr", "imobilities")
_TRANSCRIPTS = ("imobility-tors", "imobility-tor-cnr")


@dataclass(frozen=True)
class Provider:
    """Who runs the node of some institutions, as the catalogue names it."""

    name: str
    domain: str
    versions: tuple[tuple[str, str], ...] = ()  # where it is behind
    client_auth: tuple[str, ...] = ("httpsig",)
    server_auth: tuple[str, ...] = ("httpsig", "tlscert")


_A = Provider("Bought system A", "mobility-a.example")
_B = Provider("Bought system B", "b-cloud.example", versions=(("iias", "7.0.1"),))
_OWN = Provider("In-house development", "ewp.own.example", server_auth=("tlscert",))
_OLD = Provider(
    "A node of long ago",
    "old-node.example",
    versions=(("institutions", "2.0.0"),),
    client_auth=("tlscert",),
)
_PROVIDERS = (_A, _B, _OWN)
# Who offers what at the end, and what of it was there in spring. Those hosted here offer what we serve.
_OFFERED: dict[str, tuple[Provider, tuple[str, ...], tuple[str, ...]]] = {
    "klarsund.example": (_OWN, (*_DATA, *_IIAS, *_LAS), (*_DATA, *_IIAS)),
    "rivalta-nuova.example": (_A, (*_DATA, *_IIAS, *_LAS), (*_DATA, *_IIAS, *_LAS)),
    "lindenwerder.example": (_B, (*_DATA, *_IIAS, *_LAS), (*_DATA, *_IIAS)),
    "montalvor.example": (
        _A,
        (*_DATA, *_IIAS, *_LAS, *_NOMINATIONS, *_TRANSCRIPTS),
        (*_DATA, *_IIAS, *_LAS),
    ),
    "beauval.example": (_B, (*_DATA, *_IIAS, *_LAS), (*_DATA, *_IIAS)),
    "molenwijk.example": (_A, (*_DATA, *_IIAS, *_LAS, *_NOMINATIONS), (*_DATA, *_IIAS, *_LAS)),
    "granvik.example": (_OWN, (*_DATA, *_IIAS), (*_DATA, *_IIAS)),
    "fjellhavn.example": (_OWN, (*_DATA, *_IIAS), _DATA),
    "tammelaid.example": (_B, (*_DATA, *_IIAS, *_LAS), (*_DATA, *_IIAS)),
    "heidebeek.example": (_OLD, ("discovery", "echo", "institutions"), ("discovery",)),
}
_STEMS = (
    "Alder", "Ambar", "Arden", "Bellmar", "Birken", "Bramble", "Cardo", "Corva", "Dalen", "Draven", "Elster", "Fenwick",
    "Fiora", "Garda", "Hollen", "Ibarra", "Juniper", "Kalmar", "Lirien", "Lomond", "Marisol", "Nervi", "Olmos", "Pavel",
    "Quill", "Ravna", "Selva", "Tarn", "Ulmen", "Valdor", "Westra", "Ysel", "Zora",
)  # fmt: skip
_KINDS = (
    ("University of {}", "uni-{}.example"),
    ("{} Institute of Technology", "{}-tech.example"),
    ("{} Academy of Arts", "arts.{}.example"),
    ("Hochschule {}", "hs-{}.example"),
    ("Université {}", "univ-{}.example"),
)


def tell_of_network(*, today: date) -> None:
    """Keys, the catalogue in two editions, and what went on with partners. The same every time but the keys.

    Only under the demo's own address of a catalogue: a demo that takes part in a real network tells no tales.
    """
    if settings.CATALOGUE_URL != CATALOGUE_URL:
        return
    houses = {house.hei_id: Institution.objects.get(hei_id=house.hei_id) for house in HOSTED}
    _keys(list(houses.values()), today)
    _take_over(houses, spring=True, now=_at(today - timedelta(days=280), 4))
    _take_over(houses, spring=False, now=_at(today, 7))
    _exchanges(houses, today)
    _notifications(today)
    _copies(today)
    _examinations(today)


def confirm(now: datetime) -> None:
    """The invented registry has nothing newer: the copy stays fresh while the demo runs."""
    row = Catalogue.objects.filter(url=CATALOGUE_URL).exclude(digest="").first()
    if settings.CATALOGUE_URL == CATALOGUE_URL and row is not None:
        refresh(now=now, at_once=True, fetch=_handing(bytes(row.document)))


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour, minute)))


# Keys and the catalogue ------------------------------------------------------------------------


def _keys(institutions: Sequence[Institution], today: date) -> None:
    """Each has its key since March; one is being changed just now."""
    since = _at(today - timedelta(days=260), 9)
    actor = Actor.system("Vaihto demo")
    for institution in institutions:
        keys.create(actor=actor, institution=institution, purpose=Key.Purpose.CLIENT, now=since)
    keys.create(actor=actor, institution=None, purpose=Key.Purpose.SERVER, now=since)
    keys.roll(
        actor=actor,
        institution=institutions[1],
        purpose=Key.Purpose.CLIENT,
        now=_at(today, 6, 30),
        after=timedelta(days=2),
    )


def _take_over(houses: dict[str, Institution], *, spring: bool, now: datetime) -> None:
    document = _catalogue(houses, spring=spring)
    done = refresh(now=now, at_once=True, fetch=_handing(document))
    if done.outcome == "changed":
        row = Catalogue.objects.get(url=CATALOGUE_URL)
        # The invented registry is that of a network in use, so what it lists is live.
        capabilities.learn(catalogue_id=row.pk, is_production=True, now=now)
        _forget_the_same(timezone.localdate(now))
    registry.forget()


def _forget_the_same(day: date) -> None:
    """Lines of the day that say what an older one says: for a moment it was a network in testing."""
    listed = Capability.objects.filter(source=Capability.Source.CATALOGUE)
    older = {
        (row.institution_id, row.interface): (row.state, row.version)
        for row in listed.filter(since__lt=day).order_by("since")
    }
    same = [
        row.pk
        for row in listed.filter(since=day)
        if older.get((row.institution_id, row.interface)) == (row.state, row.version)
    ]
    Capability.objects.filter(pk__in=same).delete()


def _handing(document: bytes) -> Any:  # a `refreshing.Fetch`
    def fetch(_question: Question, _limits: Limits) -> Response:
        return Response(200, (("Cache-Control", "max-age=10800"), ("ETag", '"demo"')), document)

    return fetch


def _r(name: str) -> str:
    return f"{{{REGISTRY}}}{name}"


def _catalogue(houses: dict[str, Institution], *, spring: bool) -> bytes:
    root = etree.Element(_r("catalogue"), nsmap={"r": REGISTRY, "ewp": COMMON_TYPES})
    binaries: dict[str, str] = {}
    for hei_id, institution in houses.items():
        _put_own_host(root, hei_id, institution, binaries, spring=spring)
    for hei_id, (provider, now, then) in _OFFERED.items():
        _put_host(root, hei_id, provider, then if spring else now)
    strangers = list(_strangers())
    for number, (hei_id, _name) in enumerate(strangers):
        offered = (*_DATA, *_IIAS, *(_LAS if number % 3 else ()))
        _put_host(root, hei_id, _PROVIDERS[number % len(_PROVIDERS)], offered)
    listed = etree.SubElement(root, _r("institutions"))
    for house in (*MEMBERS, *OUTSIDE):
        if house.hei_id in houses or house.hei_id in _OFFERED:
            _put_hei(listed, house.hei_id, house.name, dict(house.names), house.erasmus_code)
    for hei_id, name in strangers:
        _put_hei(listed, hei_id, name, {}, "")
    if binaries:
        kept = etree.SubElement(root, _r("binaries"))
        for fingerprint, public in sorted(binaries.items()):
            etree.SubElement(kept, _r("rsa-public-key"), {"sha-256": fingerprint}).text = public
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _strangers() -> Iterator[tuple[str, str]]:
    """Universities that nobody here has ever dealt with."""
    for stem in _STEMS:
        for name, hei_id in _KINDS:
            yield hei_id.format(stem.lower()), name.format(stem)


def _put_own_host(
    root: etree._Element,
    hei_id: str,
    institution: Institution,
    binaries: dict[str, str],
    *,
    spring: bool,
) -> None:
    served = [api for api in manifest.served_apis() if not spring or api.element in _DATA]
    ours = {
        purpose: keys.published_keys(institution=institution, purpose=purpose)
        for purpose in (Key.Purpose.CLIENT, Key.Purpose.SERVER)
    }
    host = _put_entries(
        root, hei_id, served, "TUULI node (Vaihto)", "ewp@node.tuuli.example", settings.PUBLIC_URL
    )
    for purpose, found in ours.items():
        used = etree.SubElement(host, _r(f"{purpose}-credentials-in-use"))
        for key in found:
            etree.SubElement(used, _r("rsa-public-key"), {"sha-256": key.fingerprint})
            binaries[key.fingerprint] = key.public


def _put_host(
    root: etree._Element, hei_id: str, provider: Provider, offered: Sequence[str]
) -> None:
    behind = dict(provider.versions)
    chosen = [_KNOWN[element] for element in offered]
    host = _put_entries(
        root,
        hei_id,
        chosen,
        provider.name,
        f"ewp-support@{provider.domain}",
        f"https://{provider.domain}",
    )
    for entry in host.iterfind(f"{_r('apis-implemented')}/*"):
        name = etree.QName(entry)
        if name.localname in behind:
            entry.set("version", behind[name.localname])
        for security in entry.iter("{*}client-auth-methods", "{*}server-auth-methods"):
            is_client = etree.QName(security).localname.startswith("client")
            _keep_only(security, provider.client_auth if is_client else provider.server_auth)


def _keep_only(security: etree._Element, methods: Sequence[str]) -> None:
    for method in list(security):
        if etree.QName(method).localname not in methods:
            security.remove(method)


def _put_entries(
    root: etree._Element,
    hei_id: str,
    apis: Sequence[Api],
    provider: str,
    email: str,
    public_url: str,
) -> etree._Element:
    """A host with the entries of a manifest."""
    entries = _entries(tuple(apis), public_url).replace(_SOMEBODY.encode(), hei_id.encode())
    host = etree.SubElement(root, _r("host"))
    etree.SubElement(host, f"{{{COMMON_TYPES}}}admin-email").text = email
    etree.SubElement(host, f"{{{COMMON_TYPES}}}admin-provider").text = provider
    host.append(etree.fromstring(entries))
    covered = etree.SubElement(host, _r("institutions-covered"))
    etree.SubElement(covered, _r("hei-id")).text = hei_id
    return host


_SOMEBODY = "somebody.example"


@cache
def _entries(apis: tuple[Api, ...], public_url: str) -> bytes:
    """The entries of these interfaces as a manifest of `_SOMEBODY` has them."""
    is_safe = public_url.startswith("https://")
    written = manifest.manifest_of(
        Institution(hei_id=_SOMEBODY, name=_SOMEBODY),
        public_url=public_url if is_safe else NODE,
        emails=["somebody@node.tuuli.example"],
        client_keys=(),
        server_keys=(),
        served=apis,
    ).write()
    (entries,) = etree.fromstring(written).iterfind(f".//{_r('apis-implemented')}")
    # The pages of a demo, which has no https address, find their own entries all the same.
    found = etree.tostring(entries)
    return found if is_safe else found.replace(NODE.encode(), public_url.encode())


def _put_hei(
    parent: etree._Element, hei_id: str, name: str, names: dict[str, str], erasmus: str
) -> None:
    hei = etree.SubElement(parent, _r("hei"), {"id": hei_id})
    if erasmus:
        etree.SubElement(hei, _r("other-id"), {"type": "erasmus"}).text = erasmus
    for language, text in {"": name, **names}.items():
        said = {LANGUAGE: language} if language else {}
        etree.SubElement(hei, _r("name"), said).text = text


# Exchanges -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Said:
    """One exchange: days and minutes before the end of the demo's day, who, what, and how it ended."""

    days: int
    minute: int
    partner: str
    ours: str = "tuulisalmi.example"
    element: str
    endpoint: str = "url"
    parameters: tuple[tuple[str, str], ...] = ()
    incoming: bool = False
    status: int | None = 200
    body: bytes = b""
    kind: str = "application/xml; charset=utf-8"
    took: int = 180
    signature: str = "verified"
    outcome: str = "ok"
    blame: str = ""
    repeatable: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    extra: Headers = ()


def object_id(word: str) -> str:
    """An identifier that is the same in every demo."""
    return str(uuid.uuid5(_SPACE, word))


_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def _index(*words: str) -> bytes:
    ids = "".join(f"<iia-id>{object_id(word)}</iia-id>" for word in words)
    space = "https://github.com/erasmus-without-paper/ewp-specs-api-iias/blob/stable-v7/endpoints/index-response.xsd"
    return f'{_XML}<iias-index-response xmlns="{space}">{ids}</iias-index-response>'.encode()


def _heard(element: str, major: int) -> bytes:
    space = f"https://github.com/erasmus-without-paper/ewp-specs-api-{element}/tree/stable-v{major}"
    return f'{_XML}<{element}-response xmlns="{space}"/>'.encode()


def _stories() -> Iterator[Said]:
    """The last fortnight, the newest last."""
    iia = object_id("iia")
    for days in range(13, -1, -1):
        # Nightly questions and answers that go as they should.
        yield Said(days=days, minute=95, partner="montalvor.example", element="iias", endpoint="index-url",
                   parameters=(("receiving_academic_year_id", "2026/2027"),), body=_index("a", "b", "c"),
                   took=240 + 13 * days)  # fmt: skip
        yield Said(days=days, minute=131, partner="montalvor.example", element="iias", endpoint="index-url",
                   body=_index("d", "e"), incoming=True, took=31 + days)  # fmt: skip
        yield Said(days=days, minute=97, partner="beauval.example", element="iias", endpoint="index-url",
                   body=_index("f"), took=510 + 7 * days)  # fmt: skip
        if days % 3 == 0:
            yield Said(days=days, minute=620, partner="molenwijk.example", element="institutions",
                       parameters=(("hei_id", "tuulisalmi.example"),), incoming=True, took=18,
                       body=b"<institutions-response/>")  # fmt: skip
            yield Said(days=days, minute=644, partner="tammelaid.example", element="iia-cnr",
                       parameters=(("iia_id", iia),), body=_heard("iia-cnr", 3), incoming=True, took=22)  # fmt: skip
        if days <= 3:
            yield from _rivalta(days)
        if days <= 5:
            yield from _lindenwerder(days)
    yield Said(days=2, minute=700, partner="granvik.example", element="factsheet", ours="costaclara.example",
               parameters=(("hei_id", "granvik.example"),), status=200, took=730,
               body=f"{_XML}<factsheet-response>".encode(), outcome="not-xml", blame="theirs", repeatable=True,
               facts={"detail": "Not well-formed: Premature end of data in tag factsheet-response."})  # fmt: skip
    yield Said(days=1, minute=540, partner="molenwijk.example", element="institutions", incoming=True, status=400,
               signature="bad-digest", outcome="bad-digest", blame="theirs", took=4,
               parameters=(("hei_id", "tuulisalmi.example"),),
               body=ErrorResponse("Digest does not match the body of 33 bytes as received.").write())  # fmt: skip
    yield Said(days=1, minute=803, partner="", element="institutions", incoming=True, status=403,
               signature="unknown-key", outcome="unknown-key", blame="theirs", took=6,
               parameters=(("hei_id", "tuulisalmi.example"),),
               body=ErrorResponse("The catalogue does not contain the key 9c0b….").write())  # fmt: skip
    yield Said(days=0, minute=505, partner="klarsund.example", element="iia-cnr", ours="hopearanta.example",
               parameters=(("iia_id", object_id("set-aside")),), status=400, signature="unsigned",
               outcome="bad-request", blame="ours", took=95,
               facts={"host": "ewp.own.example", "status": 400, "message": "iia_id: unknown agreement"},
               body=ErrorResponse("iia_id: unknown agreement").write())  # fmt: skip
    yield Said(days=0, minute=560, partner="montalvor.example", element="institutions",
               parameters=(("hei_id", "montalvor.example"),), took=212)  # fmt: skip
    yield Said(days=0, minute=561, partner="montalvor.example", element="factsheet",
               parameters=(("hei_id", "montalvor.example"),), took=190)  # fmt: skip


def _rivalta(days: int) -> Iterator[Said]:
    """Its server fails since three days: a page of its proxy comes instead of an answer."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    for minute in (94, 420, 540 + 7 * days):
        yield Said(days=days, minute=minute, partner="rivalta-nuova.example", element="iia-cnr",
                   parameters=(("iia_id", object_id("waits")),), status=502, body=page, kind="text/html",
                   signature="unsigned", outcome="partner-failed", blame="theirs", repeatable=True, took=60_010,
                   facts={"host": "mobility-a.example", "status": 502, "message": "—"})  # fmt: skip


def _lindenwerder(days: int) -> Iterator[Said]:
    """A proxy of theirs packs answers after they were signed."""
    yield Said(days=days, minute=99, partner="lindenwerder.example", element="iias", endpoint="get-url",
               parameters=(("iia_id", object_id("lindenwerder")),), status=200, took=395, signature="bad-digest",
               body=_index("g"), outcome="bad-digest", blame="theirs", repeatable=True,
               facts={"detail": "Digest does not match the body of 321 bytes as received."},
               extra=(("Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),))  # fmt: skip


def _exchanges(houses: dict[str, Institution], today: date) -> None:
    for said in _stories():
        at = _at(today - timedelta(days=said.days), 0) + timedelta(minutes=said.minute)
        if said.incoming:
            _keep_incoming(said, houses, at)
        else:
            _keep_outgoing(said, houses, at)


def _endpoint(said: Said) -> tuple[str, str]:
    """Version and path of what was asked."""
    api = _KNOWN[said.element]
    path = next(one.path for one in api.endpoints if one.name == said.endpoint)
    return api.version, path


def _request(said: Said, host: str, path: str, at: datetime, key: str) -> Request:
    query = "&".join(f"{name}={value}" for name, value in said.parameters)
    reading = next(
        one.reading for one in _KNOWN[said.element].endpoints if one.name == said.endpoint
    )
    is_post = reading is Reading.POST_FORM
    body = query.encode() if is_post else b""
    request_id = str(uuid.uuid5(_SPACE, f"{said.partner} {said.element} {said.days} {said.minute}"))
    covered = "(request-target) host original-date digest x-request-id accept-signature"
    headers = (
        ("Host", host),
        *((("Content-Type", "application/x-www-form-urlencoded"),) if is_post else ()),
        ("Original-Date", at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        ("Digest", httpsig.digest(body)),
        ("X-Request-Id", request_id),
        ("Accept-Signature", "rsa-sha256"),
        (
            "Authorization",
            f'Signature keyId="{key}",algorithm="rsa-sha256",headers="{covered}",signature="c2lnbmF0dXJl"',
        ),
    )
    target = path if is_post or not query else f"{path}?{query}"
    return Request("POST" if is_post else "GET", target, headers, body)


def _answer(said: Said, at: datetime, request_id: str, key: str) -> Response | None:
    if said.status is None:
        return None
    signed = said.signature not in {"unsigned", ""}
    names = {name.lower() for name, _value in said.extra}
    headers = (
        ("Content-Type", said.kind),
        ("Original-Date", at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        *((("Digest", httpsig.digest(said.body)),) if "digest" not in names else ()),
        *said.extra,
        ("X-Request-Id", request_id),
        *(
            (
                (
                    "Signature",
                    f'keyId="{key}",algorithm="rsa-sha256",headers="original-date digest",signature="cw=="',
                ),
            )
            if signed
            else ()
        ),
    )
    return Response(said.status, headers, said.body)


def _key_of(name: str) -> str:
    """A fingerprint that belongs to nobody."""
    return hashlib.sha256(f"the key of {name}".encode()).hexdigest()


def _keep_outgoing(said: Said, houses: dict[str, Institution], at: datetime) -> None:
    version, path = _endpoint(said)
    domain = _OFFERED[said.partner][0].domain
    ours = houses[said.ours]
    (key,) = keys.published_keys(institution=ours, purpose=Key.Purpose.CLIENT)[:1]
    target = f"/ewp/{said.partner}/{path}"
    request = _request(said, domain, target, at, key.fingerprint)
    body = said.body or _told_by(said)
    answered = _answer(_with(said, body), at, request.header("x-request-id") or "", _key_of(domain))
    exchanges.keep_outgoing(
        institution=ours,
        partner=said.partner,
        api=said.element,
        version=version,
        endpoint=said.endpoint,
        url=f"https://{domain}{target}",
        request=request,
        answer=answered,
        at=at,
        took_ms=said.took,
        signature=said.signature,
        outcome=said.outcome,
        blame=said.blame,
        repeatable=said.repeatable,
        facts=said.facts,
    )


def _keep_incoming(said: Said, houses: dict[str, Institution], at: datetime) -> None:
    version, path = _endpoint(said)
    target = f"/ewp/{said.ours}/{path}"
    key = _key_of(said.partner or "a stranger")
    request = _request(said, "node.tuuli.example", target, at, key)
    answered = _answer(
        _with(said, said.body, signature="verified"),
        at,
        request.header("x-request-id") or "",
        _key_of("us"),
    )
    if answered is None:
        return
    exchanges.keep_incoming(
        institution=houses[said.ours],
        callers=(said.partner,) if said.partner else (),
        api=said.element,
        version=version,
        endpoint=said.endpoint,
        request=request,
        answer=answered,
        at=at,
        took_ms=said.took,
        signature=said.signature,
        outcome=said.outcome,
        blame=said.blame,
        facts=said.facts,
        at_once=True,
    )


def _with(said: Said, body: bytes, *, signature: str = "") -> Said:
    return replace(said, body=body, signature=signature or said.signature)


# What waits, and what partners told ------------------------------------------------------------


def _notifications(today: date) -> None:
    now = _at(today, 10)
    last_try = _at(today, 9)
    broken = {"host": "mobility-a.example", "status": 502, "message": "—"}
    refused = {"host": "ewp.own.example", "status": 400, "message": "iia_id: unknown agreement"}
    rows: list[Notification] = [
        _notification("out", "tuulisalmi.example", "rivalta-nuova.example", "iia-cnr", word, since,
                      due_at=now + timedelta(hours=1), attempts=7, awaits_partner=True, tried_at=last_try,
                      outcome="partner-failed", outcome_facts=broken, blame="theirs")
        for word, since in (("waits", now - timedelta(hours=22)), ("waits too", now - timedelta(hours=5)))
    ]  # fmt: skip
    rows += [
        _notification("out", "tuulisalmi.example", "rivalta-nuova.example", "iia-cnr", f"lost {days}",
                      now - timedelta(days=days), due_at=now - timedelta(days=days - 1), attempts=9,
                      awaits_partner=True, tried_at=now - timedelta(days=days - 1), outcome="partner-failed",
                      outcome_facts=broken, blame="theirs", state="expired", ended_at=now - timedelta(days=days - 1))
        for days in (3, 2)
    ]  # fmt: skip
    rows += [
        _notification("pull", "tuulisalmi.example", "lindenwerder.example", "iias", "", _at(today, 1, 39),
                      due_at=now + timedelta(hours=2), attempts=4, tried_at=last_try, outcome="bad-digest",
                      outcome_facts={"detail": "Digest does not match the body of 321 bytes as received."},
                      blame="theirs"),
        _notification("out", "hopearanta.example", "klarsund.example", "iia-cnr", "set-aside", _at(today, 8, 20),
                      due_at=now, attempts=1, state="set-aside", tried_at=_at(today, 8, 25), outcome="bad-request",
                      outcome_facts=refused, blame="ours"),
        *(
            _notification("in", "tuulisalmi.example", "tammelaid.example", "iia-cnr", f"came {days}",
                          _at(today - timedelta(days=days), 10, 44), due_at=now, attempts=1, state="done",
                          tried_at=_at(today - timedelta(days=days), 10, 45), outcome="ok",
                          ended_at=_at(today - timedelta(days=days), 10, 45))
            for days in (0, 3, 6)
        ),
    ]  # fmt: skip
    Notification.objects.bulk_create(rows)
    for row in Exchange.objects.filter(api="iia-cnr", direction=Exchange.Direction.OUT).defer(
        "request", "answer"
    ):
        owner = next((one for one in rows if _belongs(row, one)), None)
        Exchange.objects.filter(pk=row.pk).update(notification_id=owner.pk if owner else None)


def _belongs(exchange: Exchange, row: Notification) -> bool:
    return row.partner == exchange.partner and row.first_at <= exchange.at <= (
        row.ended_at or exchange.at
    )


def _notification(
    direction: str, hei_id: str, partner: str, api: str, word: str, since: datetime, **more: Any
) -> Notification:
    return Notification(
        direction=direction,
        hei_id=hei_id,
        partner=partner,
        api=api,
        object_id=object_id(word) if word else "",
        first_at=since,
        changed_at=since,
        expires_at=since + timedelta(hours=settings.NOTIFICATION_HOURS),
        **more,
    )


_TELLING = {
    "montalvor.example": (0, ""),
    "rivalta-nuova.example": (4, "partner-failed"),
    "klarsund.example": (1, ""),
}


def _documents(house: House) -> dict[str, bytes]:
    """What the house would answer, where it knows enough about itself."""
    (found,) = told(Institution.objects.filter(hei_id=house.hei_id))
    hosted = replace(found, hosted=True)
    hei, sheet = mapping.hei(hosted), mapping.factsheet(hosted)
    made = {
        INSTITUTIONS.element: InstitutionsResponse((hei,) if hei is not None else ()).write(),
        OUNITS.element: OunitsResponse(mapping.ounits(hosted)).write(),
    }
    if sheet is not None:
        made[FACTSHEET.element] = FactsheetResponse((sheet,)).write()
    return made


def _told_by(said: Said) -> bytes:
    if said.partner not in HOUSES or said.status != 200:
        return b""
    return _documents(HOUSES[said.partner]).get(said.element, b"")


def _copies(today: date) -> None:
    for hei_id, (days, failure) in _TELLING.items():
        fetched = _at(today - timedelta(days=days), 9, 20)
        asked = _at(today, 9, 0) if failure else fetched
        facts = {"host": "mobility-a.example", "status": 502, "message": "—"} if failure else {}
        for api, document in _documents(HOUSES[hei_id]).items():
            PartnerCopy.objects.create(
                hei_id=hei_id,
                api=api,
                document=document,
                digest=hashlib.sha256(document).hexdigest(),
                fetched_at=fetched,
                changed_at=fetched - timedelta(days=40),
                asked_at=asked,
                failure=failure,
                failure_facts=facts,
            )


def _examinations(today: date) -> None:
    """What the doctor found this morning at home, and at two partners."""
    at = _at(today, 5, 21)
    ours = [
        Finding("database", "database-good", Level.GOOD),
        Finding("worker", "worker-good", Level.GOOD, {"workers": 1}),
        Finding("catalogue", "catalogue-good", Level.GOOD, {"minutes": 4, "institutions": 179}),
        Finding("clock", "clock-good", Level.GOOD, {"seconds": 0}),
        *(
            Finding(f"{house.hei_id}: {about}", code, level, facts)
            for house in HOSTED
            for about, code, level, facts in (
                ("manifest", "own-certificate-soon", Level.WARNING, {"days": 17}),
                ("manifest", "manifest-good", Level.GOOD, {"url": f"{NODE}/ewp/{house.hei_id}/manifest.xml"}),
                ("catalogue", "listed-good", Level.GOOD, {"count": len(manifest.served_apis()) - 1}),
                ("echo", "echo-good", Level.GOOD, {"hei_ids": house.hei_id}),
            )
        ),
    ]  # fmt: skip
    examining.keep(partner=examining.OURSELVES, findings=ours, at=at)
    told = {
        "lindenwerder.example": [
            Finding("iias", "entry-good", Level.GOOD, {"version": "7.0.1", "methods": "httpsig"}),
            Finding("echo", "bad-digest", Level.BAD,
                    {"detail": "Digest does not match the body of 214 bytes as received."}),
            Finding("echo", "certificate-good", Level.GOOD, {"host": _B.domain, "days": 61}),
            Finding("factsheet", "group-lacks", Level.WARNING,
                    {"because": "omobility-las", "lacks": "omobility-la-cnr"}),
        ],
        "montalvor.example": [
            Finding("iias", "entry-good", Level.GOOD, {"version": "7.0.0", "methods": "httpsig"}),
            Finding("echo", "echo-good", Level.GOOD, {"hei_ids": "tuulisalmi.example"}),
            Finding("echo", "certificate-soon", Level.WARNING, {"host": _A.domain, "days": 12}),
            Finding("institutions", "answer-good", Level.GOOD),
        ],
    }  # fmt: skip
    for hei_id, findings in told.items():
        named = [replace(one, about=f"{hei_id}: {one.about}") for one in findings]
        examining.keep(partner=hei_id, findings=named, at=at + timedelta(hours=4))
