"""Every address is walked as a stranger, as each role, and as people who must be kept out.

`PAGES` says for each address who may open it. An address that is not in the table fails, so nobody adds a
page without saying for whom it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.fixtures import Settings

from tests.agreements.two import both_ways, studies
from tests.cast import NOON, Cast, account, role
from vaihto.agreements import actions as agreements
from vaihto.agreements.alliances import Line
from vaihto.agreements.attachments import attach
from vaihto.agreements.forms import form as form_of_agreements
from vaihto.agreements.models import (
    Agreement,
    AllianceAgreement,
    Approval,
    Attachment,
    ReceivedCopy,
)
from vaihto.agreements.models import Channel as Way
from vaihto.agreements.terms import Copy, Party
from vaihto.channels.models import AgreementFile, GuestLink, SignedPaper, digest_of
from vaihto.classification.collections import freeze
from vaihto.classification.models import Collection, Edition
from vaihto.classification.queries import EXTRACTIONS
from vaihto.ewp.apis.institutions import INSTITUTIONS
from vaihto.ewp.exchanges import keep_outgoing
from vaihto.ewp.models import Catalogue, Exchange, Host, HostApi, Key, Trial
from vaihto.ewp.protocol.http import Request, Response
from vaihto.imports.models import Batch
from vaihto.institutions.models import Contact
from vaihto.jobs.models import Notification, Work
from vaihto.journal.actors import Actor
from vaihto.observatory.models import Goal
from vaihto.offers.models import LearningOpportunity, Realisation
from vaihto.people.models import Account, Role
from vaihto.people.secrecy import seal
from vaihto.virta.models import ExportRun

# Who walks: one account per role at the sending institution, and those who have no business there.
ROLES = (
    "reader", "entry", "coordinator", "agreement_manager", "signatory", "registrar", "administrator",
)  # fmt: skip
OTHERS = ("aino", "chiara", "dara", "secretary", "operator")
EVERYBODY = frozenset((*ROLES, *OTHERS))
SENDING = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()

# Facts that belong to Aino, Olli and the sending institution; whoever may not open a page never reads them.
SECRETS = ("Leakable", "AINO-", "010502A901K", "10000000001", "M-AINO", "ATT-1")
CATALOGUE_URL = "https://127.0.0.1:9/catalogue.xml"  # where nobody answers
# Those who may not read any of Aino's facts on whatever page they open.
KEPT_OUT = ("dara", "secretary", "operator")


@dataclass(frozen=True)
class Scene:
    """The cast with one record of every kind that an address is about."""

    cast: Cast
    run: ExportRun
    collection: Collection
    edition: Edition
    goal: Goal
    work: Work
    role: Role
    batch: Batch
    course: LearningOpportunity
    taught: Realisation
    contact: Contact
    exchange: Exchange
    notification: Notification
    key: Key
    agreement: Agreement
    approval: Approval
    attachment: Attachment
    proposal: ReceivedCopy
    link: GuestLink
    paper: SignedPaper
    file: AgreementFile
    trial: Trial
    text: AllianceAgreement


def _about(name: str) -> Callable[[Scene], dict[str, Any]]:
    def facts(scene: Scene) -> dict[str, Any]:
        one = getattr(scene, name, None) or getattr(scene.cast, name)
        return {"pk": one.pk}

    return facts


def _nothing(_scene: Scene) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Page:
    """Who may open an address, and who may send a form to it.

    `opens` is None where the address takes forms only, `sends` where it takes none. Everybody else is told 403;
    about a record (`hidden`) those outside `knows` are told that there is none.
    """

    opens: frozenset[str] | None
    sends: frozenset[str] | None = None
    about: Callable[[Scene], dict[str, Any]] = _nothing
    knows: frozenset[str] = EVERYBODY
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    public: bool = False
    told: frozenset[str] = (
        NOBODY  # outsiders who rightly read one of the names: operators appoint people
    )


EDITORS = frozenset({"entry", "coordinator", "registrar", "administrator"})
REGISTRARS = frozenset({"registrar", "administrator"})
# Who keep the catalogue; the registrar of the walk coordinates too.
KEEPERS = frozenset({"coordinator", "agreement_manager", "registrar", "administrator"})
BRINGERS = frozenset(
    {
        "entry",
        "coordinator",
        "agreement_manager",
        "registrar",
        "administrator",
        "chiara",
        "secretary",
    }
)
# Who bring the catalogue, institutions or headcounts only.
OTHER_KINDS = frozenset({"coordinator", "agreement_manager", "secretary"})
PERSONS = BRINGERS - OTHER_KINDS
IMPORTERS = frozenset({"entry", "registrar", "administrator"})
READERS = SENDING | {"chiara", "dara"}  # who read mobilities somewhere
BOTH_SIDES = SENDING | {"chiara", "aino"}
HOME_SIDE = SENDING | {"aino"}
SIGNATORIES = frozenset({"signatory"})
GUEST_SECRET = "s" * 43
SECRETARIAT = frozenset({"secretary"})
PARTIES = SENDING | SECRETARIAT | {"chiara"}  # to an agreed text
MANAGERS = frozenset({"administrator", "operator"})
TELLERS = frozenset({"agreement_manager", "administrator"})  # write what partners are told
WORKERS = EVERYBODY - {"aino"}  # whoever has a role
OFFICES = SENDING | {"chiara", "dara", "operator"}  # who see how it goes with partners
NODE_KEEPERS = TELLERS | {"operator"}
ASKERS = (SENDING - {"reader", "signatory"}) | {"chiara", "secretary", "operator"}


def _side(*, sends: frozenset[str] = EDITORS, opens: frozenset[str] | None = EDITORS) -> Page:
    """A deed on the outgoing side: the office of the sending institution, nobody else."""
    return Page(opens, sends, _about("outgoing"), knows=HOME_SIDE)


def _entry(
    name: str = "course",
    *,
    opens: frozenset[str] | None = KEEPERS,
    sends: frozenset[str] = KEEPERS,
) -> Page:
    """A page about an entry of the catalogue of the sending institution that is not exposed."""
    return Page(opens, sends, _about(name), knows=SENDING)


def _run(sends: frozenset[str] | None = None) -> Page:
    return Page(REGISTRARS, sends, _about("run"), knows=REGISTRARS)


def _told(sends: frozenset[str] | None, about: str = "") -> Page:
    """A page about what the sending institution tells partners: for those who write it."""

    def facts(scene: Scene) -> dict[str, Any]:
        found = {"pk": scene.cast.sending.pk}
        if about:
            record = scene.cast.unit if about == "unit" else scene.contact
            found[f"{about}_pk"] = record.pk
        return found

    return Page(TELLERS, sends, facts)


def _agreed(opens: frozenset[str] | None, sends: frozenset[str] | None = None, **more: str) -> Page:
    """A page about an agreement of the sending institution, which others do not know of."""

    def facts(scene: Scene) -> dict[str, Any]:
        found: dict[str, Any] = {"pk": scene.agreement.pk}
        for name, value in more.items():
            found[name] = value or getattr(scene, name).pk
        return found

    return Page(opens, sends, facts, knows=SENDING)


def _guest(**more: str) -> Page:
    """A page behind a guest's link: everybody who has the link is led to its door."""
    facts = {"secret": GUEST_SECRET, **more}
    return Page(EVERYBODY, EVERYBODY, lambda _scene: facts, public=True)


def _linked(deed: str) -> Page:
    def facts(scene: Scene) -> dict[str, Any]:
        return {"pk": scene.agreement.pk, "link_pk": scene.link.pk, "deed": deed}

    return Page(None, TELLERS, facts, knows=SENDING)


def _signed(deed: str, sends: frozenset[str]) -> Page:
    def facts(scene: Scene) -> dict[str, Any]:
        return {"pk": scene.agreement.pk, "paper_pk": scene.paper.pk, "deed": deed}

    return Page(None, sends, facts, knows=SENDING)


def _proposed(opens: frozenset[str] | None, sends: frozenset[str] | None = None) -> Page:
    return Page(opens, sends, _about("proposal"), knows=SENDING)


def _alliance(_scene: Scene) -> dict[str, Any]:
    return {"code": "test-alliance"}


def _text(
    opens: frozenset[str] | None,
    sends: frozenset[str] | None = None,
    *,
    knows: frozenset[str] = PARTIES,
    **more: str,
) -> Page:
    """A page about an agreed text of which the sending and the receiving institution are parties."""

    def facts(scene: Scene) -> dict[str, Any]:
        members = {name: getattr(scene.cast, one).pk for name, one in more.items()}
        return {"code": "test-alliance", "pk": scene.text.pk, **members}

    return Page(opens, sends, facts, knows=knows)


def _member(scene: Scene) -> dict[str, Any]:
    return {"code": "test-alliance", "pk": scene.cast.sending.pk}


def _partner(_scene: Scene) -> dict[str, Any]:
    return {"hei_id": "porto-vale.example"}


def _exchanged(
    *,
    opens: frozenset[str] | None,
    sends: frozenset[str] | None = None,
    about: str = "exchange",
    **more: Any,
) -> Page:
    """A page about what went on between the sending institution and a partner: others see nothing."""

    def facts(scene: Scene) -> dict[str, Any]:
        return {"pk": getattr(scene, about).pk, **more}

    return Page(
        opens, sends, facts, knows=EVERYBODY - {"chiara", "dara"}, told=frozenset({"operator"})
    )


def _kind(**more: str) -> Callable[[Scene], dict[str, Any]]:
    return lambda _scene: {"kind": "persons", **more}


PAGES: dict[str, Page] = {
    "health": Page(EVERYBODY, public=True),
    "ready": Page(EVERYBODY, public=True),
    "metrics": Page(EVERYBODY, public=True),  # to this machine; see test_health.py
    "web:sign-in": Page(EVERYBODY, EVERYBODY, public=True),
    "web:sign-in-as-demo": Page(None, NOBODY, knows=NOBODY, public=True),  # this is no demo
    "web:sign-out": Page(None, EVERYBODY, public=True),
    "web:language": Page(None, EVERYBODY, public=True),
    "web:turn": Page(EVERYBODY),
    "web:account": Page(EVERYBODY),
    "web:password": Page(EVERYBODY, EVERYBODY),
    "web:choose-reminders": Page(None, EVERYBODY),
    "web:search": Page(EVERYBODY, query={"q": "Aino"}),
    "web:work": Page(frozenset({"registrar", "operator"}), about=_about("work"), knows=frozenset()),
    "web:gallery": Page(frozenset({"operator"}), knows=frozenset()),
    "student:own": Page(frozenset({"aino"}), knows=frozenset()),
    "office:mobilities": Page(READERS),
    "office:mobilities-csv": Page(READERS),
    "office:mobilities-xlsx": Page(READERS),
    "office:mobilities-selected": Page(None, READERS),
    "office:mobility": Page(BOTH_SIDES, about=_about("mobility"), knows=BOTH_SIDES),
    "office:findings": Page(BOTH_SIDES, about=_about("mobility"), knows=BOTH_SIDES),
    "office:mobility-journal": Page(
        BOTH_SIDES - {"aino"}, about=_about("mobility"), knows=BOTH_SIDES - {"aino"}
    ),
    "office:correct": _side(),
    "office:confirm-end": _side(opens=None),
    "office:cancel": _side(),
    "office:send-anyway": _side(),
    "office:purge": _side(),
    "office:people": Page(READERS),
    "office:person": Page(
        BOTH_SIDES, about=lambda scene: {"pk": scene.cast.student.person_id}, knows=BOTH_SIDES
    ),
    "office:right": Page(HOME_SIDE, about=_about("right"), knows=HOME_SIDE),
    "office:give-up": Page(REGISTRARS, REGISTRARS, _about("right"), knows=HOME_SIDE),
    "office:add-right": Page(REGISTRARS, REGISTRARS, _about("student"), knows=HOME_SIDE),
    "office:institutions": Page(EVERYBODY),
    "office:institution": Page(EVERYBODY, about=_about("sending")),
    "office:choose": Page(
        frozenset({"agreement_manager", "administrator"}),
        frozenset({"agreement_manager", "administrator"}),
        _about("sending"),
        query={"name": "use_covid_exception"},
    ),
    "office:declare": Page(REGISTRARS, REGISTRARS, _about("sending")),
    "web:keep-view": Page(
        None, EVERYBODY, form={"page": "agreements:register", "name": "Mine", "query": "turn=ours"}
    ),
    "web:forget-view": Page(None, EVERYBODY, _about("work")),
    "agreements:register": Page(READERS),
    "agreements:register-csv": Page(READERS),
    "agreements:map": Page(READERS),
    "agreements:calendar": Page(READERS),
    "agreements:places": Page(READERS),
    "agreements:places-csv": Page(READERS),
    "agreements:selected": Page(None, TELLERS),
    "agreements:bulk": Page(TELLERS, TELLERS),
    "agreements:handover": Page(TELLERS, TELLERS),
    "agreements:new": Page(TELLERS, TELLERS),
    "agreements:proposals": Page(READERS),
    "agreements:proposal": _proposed(SENDING),
    "agreements:take-in": _proposed(None, TELLERS),
    "agreements:link": _proposed(None, TELLERS),
    "agreements:ignore": _proposed(None, TELLERS),
    "agreements:agreement": _agreed(SENDING),
    "agreements:paper": _agreed(SENDING),
    "agreements:proof": _agreed(SENDING, approval=""),
    "agreements:attachment": _agreed(SENDING, attachment=""),
    "agreements:factsheets": _agreed(SENDING),
    "agreements:comparison": _agreed(SENDING),
    "agreements:edit": _agreed(TELLERS, TELLERS),
    "agreements:particulars": _agreed(TELLERS, TELLERS),
    "agreements:add-paper": _agreed(None, TELLERS),
    "agreements:take-theirs": _agreed(None, TELLERS),
    "agreements:approve": _agreed(SIGNATORIES, SIGNATORIES),
    "agreements:look": _agreed(None, TELLERS),
    "agreements:remark": _agreed(None, TELLERS),
    "agreements:channel": _agreed(None, TELLERS),
    "agreements:deed": _agreed(TELLERS, TELLERS, deed="delete"),
    "guest:door": _guest(),
    "guest:agreement": _guest(),
    "guest:paper": _guest(),
    "guest:comment": _guest(),
    "guest:propose": _guest(),
    "guest:approve": _guest(),
    "guest:sign": _guest(),
    "guest:pass-on": _guest(),
    "guest:deed": _guest(deed="end"),
    "without-ewp:files": Page(TELLERS, TELLERS),
    "without-ewp:spreadsheet": Page(READERS),
    "without-ewp:file": Page(TELLERS, TELLERS, _about("file")),
    "without-ewp:links": _agreed(TELLERS, TELLERS),
    "without-ewp:change-link": _linked("withdraw"),
    "without-ewp:papers": _agreed(TELLERS | SIGNATORIES, TELLERS),
    "without-ewp:settle-paper": _signed("confirm", SIGNATORIES),
    "without-ewp:instead": _agreed(TELLERS, TELLERS),
    "institution:start": Page(TELLERS),
    "institution:overview": _told(None),
    "institution:profile": _told(TELLERS),
    "institution:units": _told(TELLERS),
    "institution:add-unit": _told(TELLERS),
    "institution:unit": _told(TELLERS, about="unit"),
    "institution:remove-unit": _told(TELLERS, about="unit"),
    "institution:contacts": _told(TELLERS),
    "institution:add-contact": _told(TELLERS),
    "institution:contact": _told(TELLERS, about="contact"),
    "institution:remove-contact": _told(TELLERS, about="contact"),
    "institution:factsheet": _told(TELLERS),
    "institution:preview": _told(None),
    "offers:catalogue": Page(EVERYBODY, public=True),
    "offers:catalogue-csv": Page(EVERYBODY, public=True),
    "offers:selected": Page(None, KEEPERS | {"chiara"}),
    "offers:new": Page(KEEPERS | {"chiara"}, KEEPERS | {"chiara"}),
    # What is not exposed looks like nothing to others; strangers see what is (test_catalogue.py).
    "offers:offer": Page(SENDING, about=_about("course"), knows=SENDING, public=True),
    "offers:edit": _entry(),
    "offers:expose": _entry(opens=None),
    "offers:withdraw": _entry(),
    "offers:bring-back": _entry(opens=None),
    "offers:parts": _entry(),
    "offers:new-realisation": _entry(),
    "offers:edit-realisation": _entry("taught"),
    "offers:remove-realisation": _entry("taught"),
    "imports:batches": Page(BRINGERS),
    "imports:choose": Page(BRINGERS),
    "imports:bring": Page(PERSONS, PERSONS, _kind(), knows=EVERYBODY - OTHER_KINDS),
    "imports:template": Page(PERSONS, about=_kind(shape="csv"), knows=EVERYBODY - OTHER_KINDS),
    "imports:example": Page(  # only the demo has some
        NOBODY, about=lambda _scene: {"name": "none.csv"}, knows=EVERYBODY - BRINGERS
    ),
    "imports:batch": Page(IMPORTERS, about=_about("batch"), knows=IMPORTERS),
    "imports:confirm": Page(None, IMPORTERS, _about("batch"), knows=IMPORTERS),
    "imports:undo": Page(None, IMPORTERS, _about("batch"), knows=IMPORTERS),
    "imports:refused": Page(  # nothing was refused in this one
        NOBODY, about=lambda scene: {"pk": scene.batch.pk, "shape": "csv"}, knows=NOBODY
    ),
    "virta:runs": Page(REGISTRARS),
    "virta:ask": Page(REGISTRARS, REGISTRARS),
    "virta:run": _run(),
    "virta:file": _run(),
    "virta:findings-csv": _run(),
    "virta:difference": _run(),
    "virta:delivery": _run(sends=REGISTRARS),
    "virta:rehearsal": Page(REGISTRARS),
    "virta:rehearsal-csv": Page(REGISTRARS),
    "virta:totals-csv": Page(REGISTRARS, query={"by": "country"}),
    "virta:freeze": Page(
        None,
        REGISTRARS,
        knows=NOBODY,
        form={
            "institution": "aalto-north.example",
            "collection": "oph_long_outgoing",
            "year": "2025",
        },
    ),
    "virta:collection": Page(REGISTRARS, about=_about("collection"), knows=REGISTRARS),
    "rules:list": Page(EVERYBODY),
    "rules:rule": Page(EVERYBODY, about=lambda _scene: {"code": "S07"}),
    "rules:editions": Page(EVERYBODY, frozenset({"administrator"})),
    "rules:edition": Page(EVERYBODY, about=_about("edition")),
    "rules:adopt": Page(None, frozenset({"administrator"}), _about("edition")),
    "alliance:overview": Page(EVERYBODY),
    "alliance:alliance": Page(EVERYBODY, about=_alliance),
    "alliance:participation": Page(EVERYBODY, about=_alliance),
    "alliance:participation-csv": Page(EVERYBODY, about=_alliance),
    "alliance:participation-json": Page(EVERYBODY, about=_alliance),
    "alliance:goals": Page(EVERYBODY, frozenset({"secretary"}), _alliance),
    "alliance:agreements": Page(EVERYBODY, about=_alliance),
    "alliance:begin-agreement": Page(SECRETARIAT, SECRETARIAT, _alliance),
    "alliance:agreement": _text(PARTIES),
    "alliance:agreement-members": _text(SECRETARIAT, SECRETARIAT),
    "alliance:write-agreement": _text(SECRETARIAT, SECRETARIAT),
    "alliance:put-agreement": _text(None, SECRETARIAT),
    "alliance:take-back": _text(SECRETARIAT, SECRETARIAT),
    "alliance:close-agreement": _text(SECRETARIAT, SECRETARIAT),
    "alliance:step-agreement": _text(None, TELLERS),
    "alliance:consent": _text(SIGNATORIES, SIGNATORIES, member="sending"),
    "alliance:copy": _text(
        SENDING | SECRETARIAT,
        TELLERS,
        knows=SENDING | SECRETARIAT,
        member="sending",
        partner="receiving",
    ),
    "alliance:withdraw-goal": Page(None, frozenset({"secretary"}), _about("goal")),
    "network:partners": Page(WORKERS),
    "network:partner": Page(WORKERS, about=_partner),
    "network:partner-apis": Page(WORKERS, about=_partner),
    "network:partner-told": Page(WORKERS, about=_partner),
    "network:partner-fetch": Page(None, ASKERS, _partner),
    "network:partner-examination": Page(WORKERS, about=_partner),
    "network:partner-examine": Page(None, NODE_KEEPERS, _partner),
    "network:partner-send": Page(None, NODE_KEEPERS, _partner),
    "network:partner-ticket": Page(OFFICES, about=_partner),
    "network:trials": Page(OFFICES, NODE_KEEPERS, _partner),
    "network:trial": _exchanged(opens=SENDING | {"operator"}, about="trial"),
    "network:trial-act": _exchanged(opens=None, sends=NODE_KEEPERS, about="trial"),
    "network:trial-end": _exchanged(opens=NODE_KEEPERS, sends=NODE_KEEPERS, about="trial"),
    "network:trial-clean": _exchanged(opens=TELLERS, sends=TELLERS, about="trial"),
    "network:trial-csv": _exchanged(opens=SENDING | {"operator"}, about="trial"),
    "network:trial-pdf": _exchanged(opens=SENDING | {"operator"}, about="trial"),
    "network:exchanges": Page(OFFICES),
    "network:exchange": _exchanged(opens=SENDING | {"operator"}),
    "network:exchange-content": _exchanged(opens=NODE_KEEPERS),
    "network:exchange-raw": _exchanged(opens=NODE_KEEPERS, part="request"),
    "network:notifications": Page(OFFICES),
    "network:notification": _exchanged(opens=SENDING | {"operator"}, about="notification"),
    "network:send-again": _exchanged(opens=None, sends=NODE_KEEPERS, about="notification"),
    "network:dismiss": _exchanged(opens=NODE_KEEPERS, sends=NODE_KEEPERS, about="notification"),
    "network:matrices": Page(WORKERS),
    "network:matrix": Page(WORKERS, about=_alliance),
    "network:matrix-csv": Page(WORKERS, about=_alliance),
    "network:rounds": Page(WORKERS, about=_alliance),
    "network:difference": Page(WORKERS, about=_alliance),
    "network:difference-csv": Page(WORKERS, about=_alliance),
    "network:abilities": Page(WORKERS, about=_member),
    "network:answer": Page(TELLERS | {"secretary"}, TELLERS | {"secretary"}, _member),
    "network:node": Page(frozenset({"operator"})),
    "network:examine-node": Page(None, frozenset({"operator"})),
    "network:refresh-catalogue": Page(None, frozenset({"operator"})),
    "network:manifest": Page(frozenset({"operator"}), about=_about("sending")),
    "network:create-key": Page(frozenset({"operator"}), frozenset({"operator"})),
    "network:roll-key": Page(
        frozenset({"operator"}),
        frozenset({"operator"}),
        lambda scene: {"place": str(scene.cast.sending.pk)},
        query={"purpose": "client"},
    ),
    "network:withdraw-key": Page(frozenset({"operator"}), frozenset({"operator"}), _about("key")),
    "operations:journal": Page(MANAGERS),
    "operations:journal-csv": Page(MANAGERS),
    "operations:roles": Page(MANAGERS),
    "operations:give-role": Page(MANAGERS, MANAGERS, told=frozenset({"operator"})),
    "operations:end-role": Page(MANAGERS, MANAGERS, _about("role")),
    "operations:work": Page(frozenset({"operator"})),
}


def addresses() -> Iterator[tuple[str, URLPattern]]:
    """Every address of the program with its full name."""

    def walk(
        patterns: list[URLPattern | URLResolver], prefix: str
    ) -> Iterator[tuple[str, URLPattern]]:
        for one in patterns:
            if isinstance(one, URLResolver):
                space = f"{prefix}{one.namespace}:" if one.namespace else prefix
                yield from walk(one.url_patterns, space)
            else:
                yield f"{prefix}{one.name}", one

    yield from walk(get_resolver().url_patterns, "")


NAMES = sorted(name for name, _pattern in addresses())


def _exchange(cast: Cast) -> Exchange:
    """A request about Aino that a partner refused, quoting her name."""
    return keep_outgoing(
        institution=cast.sending,
        partner="porto-vale.example",
        api="omobilities",
        version="3.0.0",
        endpoint="get-url",
        url="https://porto-vale.example/ewp/omobilities",
        request=Request("POST", "/ewp/omobilities", body=b"omobility_id=Leakable"),
        answer=Response(400, body=b"<Leakable/>"),
        at=NOON,
        took_ms=12,
        signature="verified",
        outcome="bad-request",
        blame="ours",
        facts={"message": "Leakable is unknown", "status": 400},
    )


def _notification() -> Notification:
    return Notification.objects.create(
        direction="out",
        hei_id="aalto-north.example",
        partner="porto-vale.example",
        api="omobility-cnr",
        object_id="Leakable",
        state="set-aside",
        due_at=NOON,
        first_at=NOON,
        changed_at=NOON,
        expires_at=NOON,
        tried_at=NOON,
        outcome="bad-request",
        outcome_facts={"message": "Leakable is unknown"},
    )


def _list_partner(cast: Cast) -> None:
    """The receiving institution stands in the catalogue."""
    catalogue = Catalogue.objects.create(url=CATALOGUE_URL, digest="d", expires_at=NOON)
    host = Host.objects.create(
        catalogue=catalogue, number=0, digest="d", hei_ids=[cast.receiving.hei_id]
    )
    HostApi.objects.create(
        host=host,
        hei_id=cast.receiving.hei_id,
        namespace=INSTITUTIONS.namespace,
        element=INSTITUTIONS.element,
        version="2.2.0",
    )


@pytest.fixture
def scene(cast: Cast, settings: Settings) -> Scene:
    """Records of the sending institution that could leak."""
    settings.CATALOGUE_URL = CATALOGUE_URL
    _list_partner(cast)
    course = LearningOpportunity.objects.create(
        institution=cast.sending,
        kind="course",
        los_id="CR/leakable",
        code="C-1",
        titles={"en": "Leakable course"},
        title="Leakable course",
        search="leakable course",
        modified_at=NOON,
    )
    agreement, received = _agreement_of(cast)
    attachment = attach(
        actor=Actor.system(),
        agreement=agreement,
        name="old.pdf",
        content=b"%PDF-1.7 Leakable",
        now=NOON,
    )
    edition = Edition.objects.create(key="e" * 64, proposed_at=NOON, note="A proposal")
    made = Scene(
        cast=cast,
        run=ExportRun.objects.create(
            institution=cast.sending,
            form="Liikkuvuusjaksot",
            state="made",
            asked_at=NOON,
            made_at=NOON,
            made_by="Leakable",
            digest="d" * 64,
        ),
        collection=freeze(
            actor=cast.actor(cast.bruno),
            institution=cast.sending,
            extraction=EXTRACTIONS[0],
            year=2025,
            now=NOON,
        ),
        edition=edition,
        goal=Goal.objects.create(
            alliance=cast.alliance,
            group="students",
            since=date(2026, 1, 1),
            share=Decimal("0.5"),
            definition="participation-1",
            source="minutes",
        ),
        work=Work.objects.create(kind="test", account_id=cast.bruno.pk),
        role=Role.objects.get(account=cast.bruno, name="registrar"),
        batch=Batch.objects.create(
            kind="persons",
            institution=cast.sending,
            account_id=cast.bruno.pk,
            name="Leakable.csv",
            digest="d" * 64,
            size=1,
            made_at=NOON,
            state="previewed",
        ),
        course=course,
        taught=Realisation.objects.create(
            opportunity=course, loi_id="CRI/1", start=date(2026, 9, 1), end=date(2026, 12, 1)
        ),
        contact=Contact.objects.create(
            institution=cast.sending, names={"en": "Leakable office"}, place=1
        ),
        exchange=_exchange(cast),
        notification=_notification(),
        key=Key.objects.create(
            institution=cast.sending,
            purpose=Key.Purpose.CLIENT,
            fingerprint="f" * 64,
            created_at=NOON,
            signs_from=NOON,
        ),
        agreement=agreement,
        approval=Approval.objects.create(
            agreement=agreement, side="ours", channel=Way.EWP, at=NOON, by="Leakable"
        ),
        attachment=attachment,
        proposal=received,
        link=GuestLink.objects.create(
            institution=cast.sending,
            agreement=agreement,
            address="leakable@example.org",
            name="Leakable",
            language="en",
            digest=digest_of(GUEST_SECRET),
            seed="seed",
            created_at=NOON,
            created_by="Leakable",
            expires_at=NOON.replace(year=2100),
        ),
        paper=SignedPaper.objects.create(
            agreement=agreement,
            attachment=attachment,
            digest="d" * 64,
            signed_by="Leakable",
            mandate="Rector",
            signed_on=NOON.date(),
            at=NOON,
            by="Leakable",
        ),
        file=AgreementFile.objects.create(
            institution=cast.sending,
            landing="ours",
            name="Leakable.xlsx",
            content=seal(b"Leakable"),
            digest="d" * 64,
            at=NOON,
            by="Leakable",
            done_at=NOON,
            outcome=[
                {"code": "L-1", "verdict": "created", "agreement": "", "sentence": "", "remedy": ""}
            ],
        ),
        trial=Trial.objects.create(
            institution=cast.sending,
            partner=cast.receiving,
            we_start=True,
            started_at=NOON,
            started_by="Leakable",
        ),
        text=_text_of(cast),
    )
    made.run.folder.mkdir(parents=True, exist_ok=True)
    made.run.file.write_text("<Leakable/>")
    return made


def _text_of(cast: Cast) -> AllianceAgreement:
    """A text that counts between the two institutions, and that no copy follows yet."""
    whole = agreements.begin_alliance_agreement(
        actor=Actor.system(),
        alliance=cast.alliance,
        name="Open campus",
        members=[cast.sending, cast.receiving],
        now=NOON,
    )
    agreements.write_text(
        actor=Actor.system(), agreement=whole, lines=[Line(studies("", ""))], now=NOON
    )
    text = agreements.put_text(actor=Actor.system(), agreement=whole, now=NOON)
    for one in (cast.sending, cast.receiving):
        agreements.consent(
            actor=Actor.system(), text=text, institution=one, note="letter", now=NOON
        )
    return whole


def _agreement_of(cast: Cast) -> tuple[Agreement, ReceivedCopy]:
    """A draft of the sending institution, and a partner's proposal to it."""
    ours, theirs = cast.sending.hei_id, cast.receiving.hei_id
    draft = agreements.create(
        actor=Actor.system(),
        institution=cast.sending,
        partner=cast.receiving,
        terms=both_ways(ours, theirs, other_terms="Leakable terms"),
        code="N-2026-1",
        now=NOON,
    )
    copy = Copy(
        author=Party(theirs, "theirs-1", "Leakable-2"),
        other=Party(ours),
        terms=both_ways(theirs, ours),
    )
    document, digest = form_of_agreements().write(copy)
    received = agreements.receive_copy(
        actor=Actor.system(),
        institution=cast.sending,
        partner=cast.receiving,
        iia_id="theirs-1",
        document=document,
        copy=form_of_agreements().read(document),
        digest=digest,
        published=digest,
        channel=Way.EWP,
        now=NOON,
    )
    return draft, received


@pytest.fixture
def walkers(cast: Cast) -> dict[str, Account]:
    """Every person of the walk by name."""
    people = {
        "registrar": cast.bruno,
        "aino": cast.aino,
        "chiara": cast.chiara,
        "dara": cast.dara,
        "secretary": cast.secretary,
        "operator": cast.operator,
    }
    for name in sorted(set(ROLES) - {"registrar"}):
        people[name] = account(f"walking-{name}")
        role(people[name], Role.Name(name), cast.sending)
    return people


def client_of(who: Account | None) -> Client:
    client = Client()
    if who is not None:
        client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(answer: HttpResponse) -> str:
    """The whole answer; one that streams is read to its end once and kept."""
    if answer.streaming:
        answer.kept = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        answer.streaming = False
    body = answer.kept if hasattr(answer, "kept") else answer.content
    return body.decode("utf-8", "replace")


def outcome(answer: HttpResponse) -> str:
    """`open`, `sign-in`, or the status that keeps out."""
    if answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next"):
        return "sign-in"
    if answer.status_code in {200, 204, 302, 303, 400, 409, 503}:
        return "open"
    return str(answer.status_code)


def expected(page: Page, allowed: frozenset[str]) -> dict[str, str]:
    return {
        who: "open" if who in allowed else "403" if who in page.knows else "404"
        for who in sorted(EVERYBODY)
    }


def leaked(page: Page, answers: dict[str, HttpResponse], allowed: frozenset[str]) -> set[Any]:
    """Who read a fact that is none of their business. Aino's own name stands on each of her pages."""
    return {
        (who, secret)
        for who, answer in answers.items()
        if who != "aino" and who not in page.told and (who in KEPT_OUT or who not in allowed)
        for secret in SECRETS
        if secret in text(answer)
    }


def test_the_table_names_every_address_and_no_other() -> None:
    assert sorted(PAGES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_who_may_open_and_who_may_send(
    name: str, scene: Scene, walkers: dict[str, Account]
) -> None:
    page = PAGES[name]
    address = reverse(name, kwargs=page.about(scene), query=page.query or None)
    for method, allowed in (("get", page.opens), ("post", page.sends)):
        stranger: Any = getattr(client_of(None), method)(address)
        assert [secret for secret in SECRETS if secret in text(stranger)] == []
        assert (outcome(stranger) == "sign-in") is not page.public, method
        if allowed is None:
            continue
        answers: dict[str, Any] = {}
        for who, holder in walkers.items():
            with transaction.atomic():
                form = page.form if method == "post" else {}
                answers[who] = getattr(client_of(holder), method)(address, form)
                text(answers[who])
                transaction.set_rollback(True)
        outcomes = {who: outcome(answer) for who, answer in sorted(answers.items())}
        assert (method, outcomes) == (method, expected(page, allowed))
        assert leaked(page, answers, allowed) == set()


@pytest.mark.parametrize(
    "name",
    [name for name, page in PAGES.items() if page.opens is not None and "dara" not in page.knows],
)
def test_what_one_may_not_see_looks_like_what_does_not_exist(name: str, scene: Scene) -> None:
    page = PAGES[name]
    facts = page.about(scene)
    client = client_of(scene.cast.dara)
    there: Any = client.get(reverse(name, kwargs=facts))
    nothing = {key: 987_654 if isinstance(value, int) else value for key, value in facts.items()}
    absent: Any = client.get(reverse(name, kwargs=nothing))
    without_path = [
        text(answer).replace(str(n), "") for answer, n in ((there, 1), (absent, 987_654))
    ]
    assert there.status_code == absent.status_code == 404
    assert abs(len(without_path[0]) - len(without_path[1])) < 200
