"""Is the node well, and can it speak with a partner? Examined from outside as a partner sees it, told in words.

`examine` gives findings in the order in which they were made; `told` hears each at once. Nothing is changed and nothing
is reported to the network's Monitoring. Start reading at `examine`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from vaihto.ewp import client, keys, manifest, outcomes, partners, registry, schemas, transport
from vaihto.ewp.apis import APIS
from vaihto.ewp.apis.discovery.messages import Manifest
from vaihto.ewp.apis.echo import ECHO
from vaihto.ewp.apis.echo.messages import Echo
from vaihto.ewp.apis.institutions import FACTSHEET, INSTITUTIONS, OUNITS
from vaihto.ewp.apis.institutions.messages import (
    FactsheetResponse,
    InstitutionsResponse,
    OunitsResponse,
)
from vaihto.ewp.client import Answer
from vaihto.ewp.local.importing import Network, NotImported, Severity, import_manifest
from vaihto.ewp.local.sources import Source
from vaihto.ewp.models import Host, HostKey, Key
from vaihto.ewp.outcomes import Outcome
from vaihto.ewp.protocol.api import Api
from vaihto.ewp.protocol.dates import http_date, read_http_date
from vaihto.ewp.protocol.types import Read
from vaihto.institutions.models import Institution
from vaihto.jobs import beat
from vaihto.journal.actors import Actor
from vaihto.wording import mark as _

_SOON = timedelta(days=21)  # a certificate that expires within is worth a word
_SKEW, _DRIFT = timedelta(minutes=4), timedelta(seconds=60)  # the network tolerates five minutes
_UNITS_TRIED = 3


class Level(StrEnum):
    """How a finding weighs."""

    GOOD = "good"
    NOTE = "note"  # worth knowing
    WARNING = "warning"  # works, and may stop working
    BAD = "bad"  # does not work


@dataclass(frozen=True)
class Finding:
    """One thing that was examined. Sentence and remedy are English source texts with named facts."""

    about: str  # clock, catalogue, keys, …; an institution's id, or "id: api"
    code: str
    level: Level
    facts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""  # a remedy of its own, where that of the code is meant for partners

    @property
    def sentence(self) -> str:
        """What was found."""
        return _SAYS[self.code][0] if self.code in _SAYS else outcomes.TABLE[self.code].sentence

    @property
    def remedy(self) -> str:
        """What to do, empty where nothing is to be done."""
        if self.advice:
            return self.advice
        return _SAYS[self.code][1] if self.code in _SAYS else outcomes.TABLE[self.code].remedy

    def __str__(self) -> str:
        """Both in English."""
        texts = (outcomes.filled(text, self.facts) for text in (self.sentence, self.remedy))
        return " ".join(text for text in texts if text)


_ASK_AGAIN = _(
    "Wait until the registry has read the manifest and our copy is newer, then examine again."
)
_REGISTRY_AWAY = _(
    "Check VAIHTO_CATALOGUE_URL and the network of this machine. Our copy serves for five days."
)
_NOT_REACHED = _(
    "Partners cannot reach us either. The server and the proxy in front of it have to run, the name has to lead "
    "there, and the certificate has to be the one for that name."
)
_SAYS: dict[str, tuple[str, str]] = {
    # The installation.
    "database-good": (_("The database answers, and its tables are up to date."), ""),
    "database-old": (_("Tables of the database are not up to date."), _("Run `vaihto migrate`.")),
    "database-away": (_("The database does not answer: %(detail)s."), _("Check VAIHTO_DATABASE_URL.")),
    "worker-good": (_("Background work is done: %(workers)s at work."), ""),
    "worker-away": (
        _("Nobody does the background work, so nothing is sent and the catalogue grows old."),
        _("Start `vaihto work`, and see that it is started again when the machine is."),
    ),
    "public-address-good": (_("Partners reach this installation at %(url)s."), ""),
    "public-address-plain": (
        _("The public address is %(url)s; partners call https addresses only."),
        _("Set VAIHTO_PUBLIC_URL to the https address that the registry shall know."),
    ),
    "nobody-hosted": (
        _("No institution is hosted here, so there is nobody in whose name to take part."),
        _("Mark your institution as hosted on its page."),
    ),
    # The registry.
    "catalogue-unset": (
        _("No catalogue is set, so this installation is in no network."),
        _("Set VAIHTO_CATALOGUE_URL; the guide names the addresses of both networks."),
    ),
    "catalogue-good": (
        _("The catalogue is %(minutes)s minutes old and names %(institutions)s institutions."),
        "",
    ),
    "catalogue-never": (
        _("The catalogue was not fetched yet."),
        _("`vaihto ewp catalogue --refresh` fetches it now; a worker does it by itself."),
    ),
    "catalogue-stale": (
        _("The catalogue was last confirmed %(minutes)s minutes ago and is past its expiry."),
        _("It stays in use for five days. See below whether the registry answers, and whether a worker runs."),
    ),
    "registry-good": (_("The registry answers."), ""),
    "registry-status": (
        _("The registry answered with status %(status)s."),
        _("Check VAIHTO_CATALOGUE_URL; if it is right, the registry is out of order for a while."),
    ),
    "clock-good": (_("Our clock agrees with the registry's to %(seconds)s seconds."), ""),
    "clock-drifts": (
        _("Our clock differs from the registry's by %(seconds)s seconds."),
        _("Let the machine keep its time by NTP; from five minutes on every signature is refused."),
    ),
    "clock-wrong": (
        _("Our clock differs from the registry's by %(seconds)s seconds, so partners refuse our signatures."),
        _("Let the machine keep its time by NTP."),
    ),
    "clock-unknown": (_("The registry did not tell its time, so our clock is not proven."), ""),
    # Keys.
    "keys-good": (_("The key %(key)s signs requests, and the catalogue knows it."), ""),
    "answer-keys-good": (_("The key %(key)s signs answers, and the catalogue knows it."), ""),
    "keys-none": (
        _("There is no key that signs requests."),
        _("Create one with `vaihto ewp keys`."),
    ),
    "answer-keys-none": (
        _("There is no key that signs answers."),
        _("Create one with `vaihto ewp keys`."),
    ),
    "key-unlisted": (
        _("The catalogue does not know the key %(key)s that signs requests; partners refuse them."),
        _ASK_AGAIN,
    ),
    "key-of-other": (
        _("The catalogue gives the key %(key)s to %(others)s; the registry imports a key for one institution only."),
        _("Create a new key for this institution with `vaihto ewp keys`."),
    ),
    "answer-key-unlisted": (
        _("The catalogue does not name the key %(key)s that signs answers; partners do not believe them."),
        _ASK_AGAIN,
    ),
    # The manifest.
    "manifest-good": (_("The manifest is reached at %(url)s and is valid."), ""),
    "manifest-not-valid": (
        _("The manifest at %(url)s is not valid: %(problem)s"),
        _("Complete what it lacks on the institution's page, then examine again."),
    ),
    "manifest-notice": (_("The registry will say: %(notice)s"), ""),
    "manifest-refused": (_("The registry will not import: %(notice)s"), ""),
    "manifest-status": (
        _("The manifest at %(url)s answers with status %(status)s."),
        _("The proxy in front has to hand everything under /ewp/ on unchanged."),
    ),
    "manifest-keys": (
        _("The manifest that is reached from outside names other keys than we sign with."),
        _("Another installation answers at this address, or a proxy keeps an old copy."),
    ),
    "manifest-private": (
        _("From here %(host)s leads to %(address)s, so the public address could not be tried."),
        _("Examine from a machine outside, or set VAIHTO_ALLOW_PRIVATE_ADDRESSES for this one run."),
    ),
    "own-certificate-good": (_("The TLS certificate of our public address is good for %(days)s days."), ""),
    "own-certificate-soon": (
        _("The TLS certificate of our public address expires in %(days)s days."),
        _("Renew it; when it has expired no partner reaches us."),
    ),
    "not-listed": (
        _("The catalogue has no host for %(hei_id)s."),
        _("Enter the manifest's address in the registration portal, and wait for the registry to read it."),
    ),
    "listed-good": (_("The catalogue lists the %(count)s APIs that the manifest announces."), ""),
    "api-dropped": (
        _("The catalogue lacks %(api)s, which the manifest announces."),
        _(
            "New entries take a few minutes. If it stays away, the registry's status page for the manifest says why: "
            "often another host already serves it for this institution."
        ),
    ),
    "api-elsewhere": (
        _("The catalogue knows %(api)s at %(url)s, which is not the address in our manifest."),
        _("The former provider has to take its entry out of its manifest first."),
    ),
    "group-lacks": (
        _("Whoever offers %(because)s also has to offer %(lacks)s."),
        _("The provider has to serve the whole group; partners may refuse half of it."),
    ),
    "group-advised": (_("%(lacks)s is strongly recommended and not offered."), ""),
    "echo-good": (_("A signed echo came back, signed and naming %(hei_ids)s."), ""),
    "echo-unsigned": (
        _("The echo came back unsigned, because the partner does not announce signed answers."),
        "",
    ),
    "echo-wrong": (
        _("The echo came back different from what was sent."),
        _("Tell the partner's technical contact."),
    ),
    "echo-names": (
        _("The echo names %(hei_ids)s as the caller, but %(hei_id)s called."),
        _("The partner's copy of the catalogue is older than our key, or reads it wrongly."),
    ),
    # A partner.
    "partner-unknown": (
        _("The catalogue does not know %(hei_id)s."),
        _("Check the id: it is a domain name in lower case. Perhaps the partner is not in this network."),
    ),
    "partner-renamed": (
        _("%(hei_id)s is a former id; the catalogue knows the institution as %(successor)s."),
        _("Use the present id."),
    ),
    "partner-offers-nothing": (_("The catalogue has no APIs of %(hei_id)s."), ""),
    "partner-contact": (_("Whom to write to about the exchange of data: %(emails)s."), ""),
    "entry-good": (_("Version %(version)s, usable with %(methods)s."), ""),
    "entry-unsigned": (
        _("Version %(version)s; the partner does not announce signed answers, so only TLS protects them."),
        "",
    ),
    "entry-not-spoken": (_("Version %(version)s, which we do not call."), ""),
    "entry-unusable": (
        _("Version %(version)s takes no signature that can be used today: %(methods)s."),
        _("The partner has to declare `httpsig` in its manifest."),
    ),
    "certificate-good": (_("The TLS certificate of %(host)s is good for %(days)s days."), ""),
    "certificate-soon": (
        _("The TLS certificate of %(host)s expires in %(days)s days."),
        _("Remind the partner's technical contact."),
    ),
    "answer-good": (_("Read and understood, and valid by the official schema."), ""),
    "answer-unchecked": (_("Read and understood; there are no official schemas here to hold it against."), ""),
    "answer-lacks": (
        _("Read, but something is missing or malformed: %(problems)s"),
        _("We use the rest. Tell the partner's technical contact."),
    ),
    "answer-not-valid": (
        _("Read and understood, but the official schema disagrees in %(count)s places."),
        _("We use it all the same. The exchange %(exchange)s shows the document."),
    ),
    "nobody-asks": (
        _("No institution of this installation has a key, so no partner can be tried."),
        _("Create one with `vaihto ewp keys`."),
    ),
}  # fmt: skip


def examine(
    *,
    now: datetime,
    institution: Institution | None = None,
    partner: str = "",
    told: Callable[[Finding], None] = lambda _finding: None,
) -> list[Finding]:
    """Examines the partner of that id; without one this installation and all it hosts, or only `institution`.

    `institution` is also who asks a partner; without it one that fits is chosen.
    """
    found = []
    steps = _partner(partner, institution, now) if partner else _ourselves(institution, now)
    for finding in steps:
        found.append(finding)
        told(finding)
    return found


def gravest(findings: Iterable[Finding]) -> Level:
    """The gravest level among them."""
    return max((finding.level for finding in findings), key=list(Level).index, default=Level.GOOD)


# --- Ourselves ---------------------------------------------------------------------------------


def _ourselves(institution: Institution | None, now: datetime) -> Iterator[Finding]:
    database = _database()
    yield database
    if database.level is Level.BAD:
        return
    yield from _worker(now)
    yield _public_address()
    yield from _registry(now)
    hosted = [institution] if institution is not None else list(Institution.objects.hosted())
    if not hosted:
        yield Finding("institutions", "nobody-hosted", Level.BAD)
    for each in hosted:
        yield from _hosted(each, now)


def _database() -> Finding:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        detail = str(error).partition("\n")[0][:200].rstrip(".")
        return Finding("database", "database-away", Level.BAD, {"detail": detail})
    if waiting:
        return Finding("database", "database-old", Level.BAD)
    return Finding("database", "database-good", Level.GOOD)


def _worker(now: datetime) -> Iterator[Finding]:
    alive = beat.alive(now=now)
    if alive:
        yield Finding("worker", "worker-good", Level.GOOD, {"workers": len(alive)})
    else:
        yield Finding("worker", "worker-away", Level.BAD)


def _public_address() -> Finding:
    url = settings.PUBLIC_URL
    if url.startswith("https://"):
        return Finding("public address", "public-address-good", Level.GOOD, {"url": url})
    return Finding("public address", "public-address-plain", Level.BAD, {"url": url})


def _registry(now: datetime) -> Iterator[Finding]:
    copy = registry.overview(now=now)
    if copy.state is registry.State.UNSET:
        yield Finding("catalogue", "catalogue-unset", Level.BAD)
        return
    facts = {
        "minutes": 0 if copy.age is None else round(copy.age.total_seconds() / 60),
        "institutions": copy.institutions,
    }
    yield {
        registry.State.FRESH: Finding("catalogue", "catalogue-good", Level.GOOD, facts),
        registry.State.STALE: Finding("catalogue", "catalogue-stale", Level.WARNING, facts),
        registry.State.NEVER: Finding("catalogue", "catalogue-never", Level.BAD),
        registry.State.TOO_OLD: Finding("catalogue", "catalogue-too-old", Level.BAD),
    }[copy.state]
    yield from _registry_itself(copy, now)


def _registry_itself(copy: registry.Overview, now: datetime) -> Iterator[Finding]:
    """Does it answer, and what time does it have? The document is not read again."""
    # A condition that is surely true, so that a few hundred bytes come instead of megabytes.
    later = (("If-Modified-Since", http_date(now)),)
    limits = transport.Limits(total_seconds=60, answer_bytes=256 * 1024 * 1024)
    started = time.monotonic()
    try:
        received = transport.fetch(copy.url, headers=later, limits=limits)
    except transport.Broken as broken:
        yield Finding("registry", broken.code, Level.BAD, broken.facts, _REGISTRY_AWAY)
        return
    took = timedelta(seconds=time.monotonic() - started)
    status = received.response.status
    if status in {200, 304}:
        yield Finding("registry", "registry-good", Level.GOOD)
    else:
        yield Finding("registry", "registry-status", Level.BAD, {"status": status})
    yield _clock(received.response.header("date"), now + took / 2)


def _clock(date: str | None, now: datetime) -> Finding:
    try:
        theirs = read_http_date(date or "")
    except ValueError:
        return Finding("clock", "clock-unknown", Level.NOTE)
    apart = abs(now - theirs)
    facts = {"seconds": round(apart.total_seconds())}
    if apart > _SKEW:
        return Finding("clock", "clock-wrong", Level.BAD, facts)
    if apart > _DRIFT:
        return Finding("clock", "clock-drifts", Level.WARNING, facts)
    return Finding("clock", "clock-good", Level.GOOD, facts)


# --- One institution that is hosted here -------------------------------------------------------


def _hosted(institution: Institution, now: datetime) -> Iterator[Finding]:
    yield from _keys(institution, now)
    if not settings.PUBLIC_URL.startswith("https://"):
        return  # without a public address there is no manifest to look at
    yield from _manifest(institution, now)
    if registry.overview(now=now).is_trusted:
        listed = list(_listed(institution))
        yield from listed
        if not any(finding.code == "not-listed" for finding in listed):
            yield from _echo(institution, institution.hei_id, now)


def _keys(institution: Institution, now: datetime) -> Iterator[Finding]:
    about = f"{institution.hei_id}: keys"
    hosts = Host.objects.filter(catalogue__url=settings.CATALOGUE_URL)
    own = [host for host in hosts if institution.hei_id in host.hei_ids]
    for purpose, prefix in ((Key.Purpose.CLIENT, ""), (Key.Purpose.SERVER, "answer-")):
        signer = keys.signing_key(institution=institution, purpose=purpose, now=now)
        if signer is None:
            yield Finding(about, f"{prefix}keys-none", Level.BAD)
            continue
        facts = {"key": signer.key_id[:16]}
        listed = HostKey.objects.filter(
            host__in=hosts, purpose=purpose, fingerprint=signer.key_id
        ).select_related("host")
        at_home = [row for row in listed if row.host in own]
        others = sorted(
            {
                hei_id
                for row in listed
                for hei_id in row.host.hei_ids
                if hei_id != institution.hei_id
            }
        )
        if others and purpose is Key.Purpose.CLIENT:
            told = {**facts, "others": ", ".join(others)}
            yield Finding(about, "key-of-other", Level.BAD, told)
        elif not at_home:
            yield Finding(about, f"{prefix}key-unlisted", Level.BAD, facts)
        else:
            yield Finding(about, f"{prefix}keys-good", Level.GOOD, facts)


def _manifest(institution: Institution, now: datetime) -> Iterator[Finding]:
    about = f"{institution.hei_id}: manifest"
    url = manifest.manifest_url(institution.hei_id)
    try:
        received = transport.fetch(url, limits=transport.Limits(total_seconds=60))
        body = transport.decoded(received.response, limit=10 * 1024 * 1024)
    except transport.Broken as broken:
        if broken.code == "address-private":
            yield Finding(about, "manifest-private", Level.WARNING, broken.facts)
        else:
            yield Finding(about, broken.code, Level.BAD, broken.facts, _NOT_REACHED)
        return
    if received.certificate_until is not None:
        yield _certificate(about, received.certificate_until, now, prefix="own-")
    if received.response.status != 200:
        facts = {"url": url, "status": received.response.status}
        yield Finding(about, "manifest-status", Level.BAD, facts)
        return
    yield from _content_of_manifest(institution, url, body)


def _content_of_manifest(institution: Institution, url: str, body: bytes) -> Iterator[Finding]:
    about = f"{institution.hei_id}: manifest"
    network = Network(allow_private=settings.ALLOW_PRIVATE_ADDRESSES)
    try:
        official = schemas.official(settings.SCHEMAS)
        imported, notices = import_manifest(body, Source(url), network, official=official)
    except NotImported as refused:
        for notice in refused.notices:
            facts = {"url": url, "problem": notice.sentence}
            yield Finding(about, "manifest-not-valid", Level.BAD, facts)
        return
    for notice in notices:
        grave = notice.severity is Severity.ERROR
        code, level = (
            ("manifest-refused", Level.BAD) if grave else ("manifest-notice", Level.WARNING)
        )
        yield Finding(about, code, level, {"notice": notice.sentence})
    if not notices:
        yield Finding(about, "manifest-good", Level.GOOD, {"url": url})
    if not _names_our_keys(institution, imported.manifest):
        yield Finding(about, "manifest-keys", Level.BAD)
    yield from _groups(about, {entry.element for entry in imported.manifest.entries})


def _names_our_keys(institution: Institution, seen: Manifest) -> bool:
    for purpose, named in (
        (Key.Purpose.CLIENT, seen.client_keys),
        (Key.Purpose.SERVER, seen.server_keys),
    ):
        ours = keys.published_keys(institution=institution, purpose=purpose)
        if {key.public for key in ours} != {"".join(each.split()) for each in named}:
            return False
    return True


def _listed(institution: Institution) -> Iterator[Finding]:
    about = f"{institution.hei_id}: catalogue"
    entries = registry.apis_of(institution.hei_id)
    if not entries:
        yield Finding(about, "not-listed", Level.BAD, {"hei_id": institution.hei_id})
        return
    announced = [
        manifest.entry_of(api, institution.hei_id)
        for api in manifest.served_apis()
        if api.http_security
    ]
    good = 0
    for entry in announced:
        ours = {name: text for name, text in entry.parts if name.endswith("url")}
        seen = [
            each
            for each in entries
            if (each.namespace, each.element) == (entry.namespace, entry.element)
        ]
        name = f"{entry.element} {entry.version}"
        if not seen:
            yield Finding(about, "api-dropped", Level.BAD, {"api": name})
        elif not any(dict(each.urls) == ours for each in seen):
            elsewhere = next(iter(seen[0].urls.values()), "")
            yield Finding(about, "api-elsewhere", Level.BAD, {"api": name, "url": elsewhere})
        else:
            good += 1
    if good == len(announced):
        yield Finding(about, "listed-good", Level.GOOD, {"count": good})


# Agreed by the providers: who has one of the first has to have all of the second.
# Source: EWP Developers Guide, "Families of APIs"; the reference, section 1.2.
_IIAS = frozenset({"iias", "iia-cnr", "iias-approval", "iia-approval-cnr"})
_NOMINATIONS = frozenset({"omobilities", "omobility-cnr", "imobilities", "imobility-cnr"})
_GROUPS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (_IIAS, _IIAS | {"factsheet"}),
    (_NOMINATIONS, _NOMINATIONS),
    (frozenset({"omobility-las"}), frozenset({"omobility-la-cnr"})),
    (frozenset({"imobility-tors"}), frozenset({"imobility-tor-cnr"})),
)


def _groups(about: str, offered: set[str]) -> Iterator[Finding]:
    """Which APIs are missing beside those that are offered."""
    if not offered - {"discovery", "echo", "registry"}:
        return
    if INSTITUTIONS.element not in offered:
        facts = {"because": "any API", "lacks": INSTITUTIONS.element}
        yield Finding(about, "group-lacks", Level.WARNING, facts)
    if OUNITS.element not in offered:
        yield Finding(about, "group-advised", Level.NOTE, {"lacks": OUNITS.element})
    for some, needed in _GROUPS:
        present, lacking = sorted(some & offered), sorted(needed - offered)
        if present and lacking:
            facts = {"because": ", ".join(present), "lacks": ", ".join(lacking)}
            yield Finding(about, "group-lacks", Level.WARNING, facts)


def _certificate(
    about: str, until: datetime, now: datetime, *, prefix: str = "", host: str = ""
) -> Finding:
    left = until.astimezone(UTC) - now
    facts = {"days": left.days, "host": host}
    if left < _SOON:
        return Finding(about, f"{prefix}certificate-soon", Level.WARNING, facts)
    return Finding(about, f"{prefix}certificate-good", Level.GOOD, facts)


# --- A partner ---------------------------------------------------------------------------------


def _partner(hei_id: str, institution: Institution | None, now: datetime) -> Iterator[Finding]:
    if not registry.overview(now=now).is_trusted:
        yield from _registry(now)
        return
    entries = registry.apis_of(hei_id)
    if registry.listed(hei_id) is None and not entries:
        successor = registry.successor(hei_id)
        code = "partner-renamed" if successor else "partner-unknown"
        yield Finding(hei_id, code, Level.BAD, {"hei_id": hei_id, "successor": successor})
        return
    if not entries:
        yield Finding(hei_id, "partner-offers-nothing", Level.BAD, {"hei_id": hei_id})
        return
    emails = dict.fromkeys(email for entry in entries for email in entry.emails)
    if emails:
        facts = {"emails": ", ".join(list(emails)[:5])}
        yield Finding(hei_id, "partner-contact", Level.NOTE, facts)
    for entry in entries:
        yield _entry(hei_id, entry)
    yield from _groups(hei_id, {entry.element for entry in entries})
    asker = institution or partners.asker_for(hei_id)
    if asker is None:
        yield Finding(hei_id, "nobody-asks", Level.BAD)
        return
    yield from _conversation(hei_id, asker, entries, now)


_SPOKEN = {(api.namespace, api.element) for api in APIS}


def _entry(hei_id: str, entry: registry.Entry) -> Finding:
    about = f"{hei_id}: {entry.element}"
    facts = {
        "version": entry.stated_version or "unknown",
        "methods": ", ".join(entry.client_auth) or "none",
    }
    if entry.element == "discovery":
        return Finding(about, "entry-good", Level.GOOD, {**facts, "methods": "no signature"})
    if (entry.namespace, entry.element) not in _SPOKEN:
        return Finding(about, "entry-not-spoken", Level.NOTE, facts)
    if not entry.usable:
        return Finding(about, "entry-unusable", Level.BAD, facts)
    if "httpsig" not in entry.server_auth:
        return Finding(about, "entry-unsigned", Level.NOTE, facts)
    return Finding(about, "entry-good", Level.GOOD, facts)


def _conversation(
    hei_id: str, asker: Institution, entries: list[registry.Entry], now: datetime
) -> Iterator[Finding]:
    """Speaks with the partner as it would be spoken with, and looks at every server's certificate."""
    offered = {(entry.namespace, entry.element) for entry in entries}
    seen: set[tuple[str, int]] = set()
    unit_ids: tuple[str, ...] = ()
    for api in (ECHO, INSTITUTIONS, OUNITS, FACTSHEET):
        if (api.namespace, api.element) not in offered:
            continue
        if api is ECHO:
            steps, answer = _tried_echo(asker, hei_id, now)
        elif api is OUNITS:
            if not unit_ids:
                continue
            steps, answer = _tried(asker, hei_id, api, now, [("ounit_id", unit_ids[0])])
        else:
            steps, answer = _tried(asker, hei_id, api, now, [])
        if api is INSTITUTIONS and isinstance(answer.message, InstitutionsResponse):
            heis = [hei for hei in answer.message.heis if hei.hei_id == hei_id]
            unit_ids = tuple(each for hei in heis for each in hei.ounit_ids)[:_UNITS_TRIED]
        yield from _once_per_host(f"{hei_id}: {api.element}", answer, seen, now)
        yield from steps
    for entry in entries:
        yield from _other_hosts(hei_id, entry, seen, now)


def _once_per_host(
    about: str, answer: Answer[Any], seen: set[tuple[str, int]], now: datetime
) -> Iterator[Finding]:
    if answer.entry is None or answer.certificate_until is None:
        return
    place = _place(next(iter(answer.entry.urls.values()), ""))
    if place is not None and (place.host, place.port) not in seen:
        seen.add((place.host, place.port))
        yield _certificate(about, answer.certificate_until, now, host=place.host)


def _other_hosts(
    hei_id: str, entry: registry.Entry, seen: set[tuple[str, int]], now: datetime
) -> Iterator[Finding]:
    """Servers that the conversation did not touch: do they answer at all, with a good certificate?"""
    for url in entry.urls.values():
        place = _place(url)
        if place is None or (place.host, place.port) in seen:
            continue
        seen.add((place.host, place.port))
        about = f"{hei_id}: {entry.element}"
        try:
            received = transport.fetch(url, limits=transport.Limits(total_seconds=30))
        except transport.Broken as broken:
            yield Finding(about, broken.code, Level.BAD, broken.facts)
            continue
        if received.certificate_until is not None:
            yield _certificate(about, received.certificate_until, now, host=place.host)


def _place(url: str) -> transport.Place | None:
    try:
        return transport.place(url)
    except transport.Broken:
        return None


_READERS: dict[str, Callable[[bytes], Read[Any]]] = {
    INSTITUTIONS.element: InstitutionsResponse.read,
    OUNITS.element: OunitsResponse.read,
    FACTSHEET.element: FactsheetResponse.read,
}


def _tried(
    asker: Institution, hei_id: str, api: Api, now: datetime, more: list[tuple[str, str]]
) -> tuple[list[Finding], Answer[Any]]:
    about = f"{hei_id}: {api.element}"
    answer = client.call(
        institution=asker,
        partner=hei_id,
        api=api,
        parameters=[("hei_id", hei_id), *more],
        actor=Actor.system(),
        now=now,
        read=_READERS[api.element],
        report=False,
    )
    return [_answered(about, answer)], answer


def _answered(about: str, answer: Answer[Any]) -> Finding:
    if not answer.is_good:
        return _failed(about, answer.outcome)
    if answer.problems:
        facts = {"problems": "; ".join(answer.problems[:3])}
        return Finding(about, "answer-lacks", Level.WARNING, facts)
    if answer.schema_problems:
        number = answer.exchange.pk if answer.exchange is not None else ""
        facts = {"count": str(answer.schema_problems), "exchange": str(number)}
        return Finding(about, "answer-not-valid", Level.WARNING, facts)
    checked = schemas.official(settings.SCHEMAS) is not None
    return Finding(about, "answer-good" if checked else "answer-unchecked", Level.GOOD)


def _failed(about: str, outcome: Outcome) -> Finding:
    return Finding(about, outcome.code, Level.BAD, outcome.facts)


def _echo(asker: Institution, hei_id: str, now: datetime) -> Iterator[Finding]:
    if any(entry.namespace == ECHO.namespace for entry in registry.apis_of(hei_id)):
        yield from _tried_echo(asker, hei_id, now)[0]


def _tried_echo(
    asker: Institution, hei_id: str, now: datetime
) -> tuple[list[Finding], Answer[Echo]]:
    """Says something nobody can guess, twice the same and with signs that are easily lost."""
    about = f"{hei_id}: echo"
    word = secrets.token_hex(8)
    said = (word, "ä+& =%", word)
    answer = client.call(
        institution=asker,
        partner=hei_id,
        api=ECHO,
        parameters=[("echo", each) for each in said],
        actor=Actor.system(),
        now=now,
        read=lambda body: Read(Echo.read(body)),
        report=False,
    )
    if answer.message is None:
        return [_failed(about, answer.outcome)], answer
    hei_ids = {"hei_ids": ", ".join(answer.message.hei_ids) or "nobody", "hei_id": asker.hei_id}
    if answer.message.echoes != said:
        finding = Finding(about, "echo-wrong", Level.BAD)
    elif asker.hei_id not in answer.message.hei_ids:
        finding = Finding(about, "echo-names", Level.BAD, hei_ids)
    elif answer.signature != "verified":
        finding = Finding(about, "echo-unsigned", Level.NOTE)
    else:
        finding = Finding(about, "echo-good", Level.GOOD, hei_ids)
    return [finding], answer
