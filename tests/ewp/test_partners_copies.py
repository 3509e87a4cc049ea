"""Partners as they are: what their systems answer about agreements is taken whole, or kept for diagnosis and explained.

The partner is a real HTTPS server that says what a test tells it to; its copies are documents as they cross the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.agreements.two import US, both_ways, studies
from tests.cast import institution
from tests.conftest import SHARED
from tests.ewp.network import (
    CATALOGUE,
    HEI,
    PARTNER,
    Network,
    call_server,
    known,
    serving,
)
from tests.ewp.partner import (
    Opened,
    answers,
    in_catalogue,
    own_key,
    wire,
)
from vaihto.agreements import actions, words
from vaihto.agreements.models import Agreement, Approval, ReceivedCopy, Revision
from vaihto.agreements.serving import compared
from vaihto.agreements.standing import State
from vaihto.agreements.terms import (
    Copy,
    LanguageSkill,
    Party,
    SubjectArea,
    Terms,
)
from vaihto.ewp import client, notifications, registry
from vaihto.ewp.apis.iias import APIS, IIA_CNR, following
from vaihto.ewp.apis.iias.messages import (
    GET,
    GivenApproval,
    IiasApprovalResponse,
    IiasGetResponse,
    IiasIndexResponse,
    hashed,
)
from vaihto.ewp.models import Key
from vaihto.ewp.protocol.http import Request, Response
from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.institutions.models import Institution
from vaihto.jobs import inbox, outbox
from vaihto.jobs.models import Notification

NOTHING = IiasGetResponse().write()
DAY = timedelta(days=1)
SAMPLES = SHARED / "testdata" / "ewp" / "samples"


def copy_of(
    iia_id: str | None = "P-1", terms: Terms | None = None, *, names: str | None = None
) -> Copy:
    """The partner's copy; `names` is our id in it."""
    return Copy(
        author=Party(PARTNER, iia_id, f"P/{iia_id}"),
        other=Party(HEI, names),
        terms=terms or both_ways(PARTNER, HEI),
    )


def document_of(iia_id: str = "P-1", terms: Terms | None = None, **facts: Any) -> bytes:
    return hashed(copy_of(iia_id, terms, **facts))[0]


def joined(*documents: bytes) -> bytes:
    """One answer with the agreements of all."""
    inside = [re.search(rb"<iia>.*</iia>", one, re.DOTALL) for one in documents]
    return documents[0].replace(
        inside[0][0] if inside[0] else b"", b"".join(one[0] for one in inside if one)
    )


def rehashed(document: bytes) -> bytes:
    """The document with the hash of what it says now, whatever was changed in it."""
    (found,) = agreement_hashes(document, each_alone=True)
    return re.sub(rb"<iia-hash>[^<]*<", f"<iia-hash>{found.hash}<".encode(), document)


Bytes = bytes | Iterable[bytes]


@dataclass
class Theirs:
    """The partner's system."""

    gets: dict[str, bytes] = field(default_factory=dict)
    approvals: tuple[GivenApproval, ...] = ()
    listed: tuple[str, ...] | None = None
    before: Callable[[Request], Bytes | None] = lambda _request: None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def __call__(self, request: Request) -> Bytes:
        instead = self.before(request)
        if instead is not None:
            return instead
        path = urlsplit(request.target).path
        given = parse_qs(urlsplit(request.target).query or request.body.decode())
        ids = tuple(given.get("iia_id", ()))
        with self.lock:
            if path.endswith("/get"):
                self.asked.append(ids)
                body = self.gets.get(ids[0], NOTHING)
            elif path.endswith("/index"):
                listed = self.gets if self.listed is None else self.listed
                body = b"".join(f"<iia-id>{one}</iia-id>".encode() for one in listed)
                body = IiasIndexResponse(("x",)).write().replace(b"<iia-id>x</iia-id>", body)
            elif path.endswith("/approval"):
                wanted = tuple(one for one in self.approvals if one.iia_id in ids)
                body = IiasApprovalResponse(wanted).write()
            else:
                self.told += ids
                body = notifications.response(IIA_CNR)
        return answers(body)(request)


@pytest.fixture
def theirs() -> Theirs:
    return Theirs()


@pytest.fixture
def partner(db: None, settings: Settings, opened: Opened, theirs: Theirs) -> Institution:
    """In the catalogue with everything about agreements; we have a key, nobody else is there."""
    settings.CATALOGUE_URL = CATALOGUE
    ours = institution(HEI)
    own_key(ours, since=timezone.now() - DAY)
    server = opened(theirs)
    urls = {
        "iias": {"get-url": f"{server.url}/get", "index-url": f"{server.url}/index"},
        "iias-approval": {"url": f"{server.url}/approval"},
    }
    in_catalogue(
        CATALOGUE,
        hei_id=PARTNER,
        apis=[(api, urls.get(api.element, {"url": f"{server.url}/{api.element}"})) for api in APIS],
    )
    registry.forget()
    for carrier in outbox.CARRIERS.values():
        if isinstance(carrier, notifications.Carrier):
            carrier._institutions.clear()  # of another test's database
    return institution(PARTNER, hosted=False)


def fetched(partner: Institution, iia_id: str = "P-1") -> Any:
    """What we have of the partner's copy after a look at it."""
    found, _answer = following.fetch_copy(
        institution=Institution.objects.get(hei_id=HEI),
        partner=partner,
        iia_id=iia_id,
        now=timezone.now(),
        actor=US,
    )
    return found


def ours(partner: Institution, terms: Terms | None = None) -> Agreement:
    """A proposal of ours."""
    made = actions.create(
        actor=US,
        institution=Institution.objects.get(hei_id=HEI),
        partner=partner,
        terms=terms or both_ways(HEI, PARTNER),
        now=timezone.now(),
    )
    return actions.propose(actor=US, agreement=made, now=timezone.now())


def codes(found: ReceivedCopy) -> list[str]:
    """Why the last version that came could not be used."""
    last = found.revisions.order_by("-number").first()
    return [code for code, _fact in last.problems] if last else []


# --- Wrong hashes ---------------------------------------------------------------------------------


def test_a_wrong_hash_is_kept_for_diagnosis_and_the_last_good_copy_stays(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.gets["P-1"] = good = document_of()
    first = fetched(partner)
    theirs.gets["P-1"] = bad = document_of(terms=both_ways(PARTNER, HEI, people="9")).replace(
        b">9<", b">8<"
    )
    found = fetched(partner)
    assert (found.failure, codes(found)) == ("wrong-hash", ["wrong-hash"])
    assert found.current == first.current
    assert bytes(found.current.document) == good
    assert [bytes(one.document) for one in found.revisions.order_by("number")] == [good, bad]
    assert "the partner's system is at fault" in words.PROBLEMS[found.failure]
    theirs.gets["P-1"] = mended = rehashed(bad)
    found = fetched(partner)
    assert (found.failure, bytes(found.current.document)) == ("", mended)


@pytest.mark.parametrize("published", ["", "x", "F" * 64, "a" * 5000])
def test_any_text_may_stand_where_the_hash_should_be(
    partner: Institution, theirs: Theirs, published: str
) -> None:
    theirs.gets["P-1"] = re.sub(
        rb"<iia-hash>[^<]*<", f"<iia-hash>{published}<".encode(), document_of()
    )
    found = fetched(partner)
    assert found.current is None
    assert found.failure == ("wrong-hash" if published else "incomplete")


def test_the_networks_monitoring_hears_of_a_wrong_hash(
    partner: Institution, theirs: Theirs
) -> None:
    heard: list[dict[str, Any]] = []
    before = list(client.FAILED._listeners)
    client.FAILED._listeners[:] = [lambda **facts: heard.append(facts)]
    try:
        theirs.gets["P-1"] = document_of().replace(b">2<", b">3<")
        fetched(partner)
    finally:
        client.FAILED._listeners[:] = before
    (told,) = heard
    assert (told["partner"], told["endpoint"], told["outcome"].code) == (
        PARTNER, "get-url", "wrong-hash",
    )  # fmt: skip
    assert told["outcome"].blame == "theirs"


def test_nothing_is_approved_while_the_last_copy_had_a_wrong_hash(
    partner: Institution, theirs: Theirs
) -> None:
    agreement = ours(partner)
    terms = agreement.terms
    theirs.gets["P-1"] = document_of(terms=terms, names=agreement.iia_id)
    found = fetched(partner)
    agreement.refresh_from_db()
    assert actions.obstacles(agreement) == []
    theirs.gets["P-1"] = theirs.gets["P-1"].replace(b">2<", b">7<")
    fetched(partner)
    agreement.refresh_from_db()
    assert actions.obstacles(agreement) == ["bad-copy"]
    with pytest.raises(actions.NotApprovable):
        actions.approve(
            actor=US, agreement=agreement, digest=found.current.digest, now=timezone.now()
        )


@pytest.mark.parametrize("given", ["0" * 64, "nonsense", "A" * 64])
def test_an_approval_of_what_we_never_served_counts_for_nothing_and_the_partner_is_told_again(
    partner: Institution, theirs: Theirs, given: str
) -> None:
    agreement = ours(partner)
    theirs.approvals = (GivenApproval(agreement.iia_id, "0" * 64),)
    real = IiasApprovalResponse(theirs.approvals).write()
    theirs.before = lambda request: (
        answers(real.replace(b"0" * 64, given.encode()))(request)
        if "/approval" in request.target
        else None
    )
    Notification.objects.all().delete()
    for _look in range(2):
        following.fetch_approval(agreement=agreement, now=timezone.now(), actor=US)
    agreement.refresh_from_db()
    assert agreement.listed_state == State.PROPOSED
    kept = Approval.objects.filter(agreement=agreement)
    waiting = Notification.objects.filter(direction="out", api="iia-cnr")
    if given == "0" * 64:
        assert [(bytes(one.document), bytes(one.proof)) for one in kept] == [(b"", real)]
        assert waiting.get().object_id == agreement.iia_id
        assert waiting.get().changes == 1, "told once, however often it says so"
    else:
        assert not kept.exists()


# --- Old shapes, empty and missing elements -------------------------------------------------------


def test_an_answer_of_version_6_is_another_document_and_takes_nothing_away(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.gets["P-1"] = document_of()
    fetched(partner)
    theirs.gets["P-1"] = document_of().replace(b"stable-v7", b"stable-v6")
    found, answer = following.fetch_copy(
        institution=Institution.objects.get(hei_id=HEI),
        partner=partner,
        iia_id="P-1",
        now=timezone.now(),
        actor=US,
    )
    assert found is None
    assert (answer.outcome.code, answer.outcome.blame) == ("other-document", "theirs")
    assert answer.outcome.sentence
    kept = ReceivedCopy.objects.get()
    assert (kept.failure, kept.gone_at, kept.missed_at) == ("other-document", None, None)
    assert kept.current is not None
    assert answer.exchange is not None, "the bytes can be looked at"


def test_children_in_the_namespace_of_version_6_are_no_empty_answer(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.gets["P-1"] = document_of()
    fetched(partner)
    old = GET.replace("v7", "v6")
    theirs.gets["P-1"] = document_of().replace(b"<iia>", f'<iia xmlns="{old}">'.encode())
    found = fetched(partner)
    assert (found.failure, found.missed_at) == ("incomplete", None)
    assert found.current is not None


OLD = Terms(
    (
        replace(
            studies(PARTNER, HEI),
            people="1",
            people_not_yet_defined=True,
            areas=(SubjectArea("0610", v6_value="06"),),
            skills=(LanguageSkill("en", not_yet_defined=True),),
        ),
    )
)


def test_fillers_of_version_6_are_read_shown_as_not_agreed_and_never_approved(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.gets["P-1"] = document_of(terms=OLD)
    found = fetched(partner)
    (condition,) = found.current.copy.terms.conditions
    assert (condition.people_count, condition.is_legacy) == (None, True)
    assert words.skill(condition.skills[0]) == "not yet defined"
    assert words.field_of_study(condition.areas[0]).startswith("06")
    agreement = actions.take_in(actor=US, received=found, now=timezone.now())
    theirs.gets["P-1"] = document_of(terms=OLD, names=agreement.iia_id)
    fetched(partner)
    agreement.refresh_from_db()
    assert actions.obstacles(agreement) == ["legacy"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared beside the project")
@pytest.mark.parametrize(
    "name", ["iias-get-6-legacy-from-v6", "iias-get-7-southern-hemisphere", "iias-get-4-in-effect-all-types"]
)  # fmt: skip
def test_the_published_examples_are_received_as_good_copies(
    partner: Institution, theirs: Theirs, name: str
) -> None:
    sample = (SAMPLES / f"{name}.xml").read_bytes()
    (iia,) = IiasGetResponse.read(sample).message.iias
    said = iia.copy
    adapted = sample.replace(said.author.hei_id.encode(), PARTNER.encode())
    adapted = rehashed(adapted.replace(said.other.hei_id.encode(), HEI.encode()))
    assert said.author.iia_id
    theirs.gets[said.author.iia_id] = adapted
    found = fetched(partner, said.author.iia_id)
    assert (found.failure, found.current is not None) == ("", True)
    if "legacy" not in name:
        actions.take_in(actor=US, received=found, now=timezone.now())


@pytest.mark.parametrize(
    "missing",
    ["sending-hei-id", "receiving-last-academic-year-id", "mobilities-per-year", "iia-hash"],
)
def test_a_copy_that_lacks_what_it_must_have_is_kept_and_said_to_be_incomplete(
    partner: Institution, theirs: Theirs, missing: str
) -> None:
    theirs.gets["P-1"] = re.sub(
        f"<{missing}>[^<]*</{missing}>".encode(), b"", document_of(), count=1
    )
    found = fetched(partner)
    assert (found.failure, found.current) == ("incomplete", None)
    (told,) = found.revisions.get().problems
    assert missing in told[1]
    with pytest.raises(actions.WrongState):
        actions.take_in(actor=US, received=found, now=timezone.now())


EMPTY = (
    "sending_unit", "receiving_unit", "other_terms",
)  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_element_is_kept_apart_from_an_absent_one_and_comes_back_as_it_was(
    partner: Institution, theirs: Theirs, name: str
) -> None:
    absent, empty = (
        Terms((studies(PARTNER, HEI, **{name: value}),)) for value in (None, "")
    )  # fmt: skip
    theirs.gets["P-1"] = document_of(terms=absent)
    before = fetched(partner).current
    theirs.gets["P-1"] = document_of(terms=empty)
    found = fetched(partner)
    assert found.failure == ""
    assert found.current.digest != before.digest
    assert getattr(found.current.copy.terms.conditions[0], name) == ""
    agreement = actions.take_in(actor=US, received=found, now=timezone.now())
    (hash_of_ours,) = agreement_hashes(bytes(agreement.current.document))  # type: ignore[union-attr]
    (hash_of_theirs,) = agreement_hashes(bytes(found.current.document))
    after_ids = re.compile(r"^(_iia-id_\d=[^_]*_)+")
    assert after_ids.sub("", hash_of_ours.text) == after_ids.sub("", hash_of_theirs.text)
    # The partner leaves it out again: nothing is said that forbids an approval.
    theirs.gets["P-1"] = document_of(terms=absent, names=agreement.iia_id)
    fetched(partner)
    agreement.refresh_from_db()
    seen = compared(agreement)
    assert seen is not None
    assert (seen.is_equivalent, seen.is_strict) == (True, False)


def test_an_empty_id_of_ours_maps_nothing(partner: Institution, theirs: Theirs) -> None:
    agreement = ours(partner)
    theirs.gets["P-1"] = document_of(names="")
    found = fetched(partner)
    assert (found.failure, found.agreement) == ("", None)
    agreement.refresh_from_db()
    assert agreement.partner_iia_id == ""


# --- Values that no copy may have -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("people", "-3"),
        ("people", "0"),
        ("people", "2.5"),
        ("people", "1e999999999"),
        ("people", ""),
        ("months", "1E+99"),
        ("months", "-1"),
        ("first_year", "20²6/2027"),
        ("first_year", "2026"),
        ("last_year", "2025/2026"),
        ("first_year", "2026/2028"),
        ("receiving", "third.example"),
        ("receiving", ""),
        ("blended", "perhaps"),
        ("levels", ("x" * 500,)),
    ],
)
def test_what_no_copy_may_say_is_shown_but_neither_taken_in_nor_approved(
    partner: Institution, theirs: Theirs, field_name: str, value: Any
) -> None:
    terms = Terms((replace(studies(PARTNER, HEI), **{field_name: value}),))
    theirs.gets["P-1"] = document_of(terms=terms)
    found = fetched(partner)
    assert found.failure == ""
    assert words.summary(found.current.copy.terms.conditions[0], {})
    with pytest.raises(actions.Unsound) as refused:
        actions.take_in(actor=US, received=found, now=timezone.now())
    assert refused.value.facts["findings"]
    assert not Agreement.objects.exists()
    agreement = ours(partner)
    theirs.gets["P-1"] = document_of(terms=terms, names=agreement.iia_id)
    fetched(partner)
    agreement.refresh_from_db()
    assert "unsound" in actions.obstacles(agreement)
    assert words.OBSTACLES["unsound"]


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026/2026", "2028/2028"), ("2026/2027", "2028/2028"), ("0000/0001", "9999/9999")],
)
def test_odd_academic_years_are_taken_as_they_are(
    partner: Institution, theirs: Theirs, first: str, last: str
) -> None:
    terms = Terms((studies(HEI, PARTNER, first_year=first, last_year=last),))
    theirs.gets["P-1"] = document_of(terms=terms)
    made = actions.take_in(actor=US, received=fetched(partner), now=timezone.now())
    made.refresh_from_db()
    assert (made.first_year, made.last_year) == (int(first[:4]), int(last[:4]))
    (condition,) = made.terms.conditions
    assert (condition.first_year, condition.last_year) == (first, last)


def test_a_number_that_nobody_can_mean_is_taken_in_and_not_counted(
    partner: Institution, theirs: Theirs
) -> None:
    areas = tuple(SubjectArea(f"{number:04}") for number in range(300))
    terms = Terms((studies(HEI, PARTNER, people="9" * 25, months="9" * 25, areas=areas),))
    theirs.gets["P-1"] = document_of(terms=terms)
    made = actions.take_in(actor=US, received=fetched(partner), now=timezone.now())
    place = made.places.get()
    assert (place.people, place.time) == (None, None)
    assert place.areas.startswith(",0000,0001,")
    assert place.areas.count(",") == len(areas) + 1


# --- Answers about something else -----------------------------------------------------------------


def _an_hour_later() -> None:
    """The clock of signatures cannot be moved; what was noted can."""
    for name in ("missed_at", "asked_at"):
        noted = ReceivedCopy.objects.filter(**{f"{name}__isnull": False})
        noted.update(**{name: F(name) - timedelta(hours=1)})


def linked(partner: Institution, theirs: Theirs) -> Agreement:
    """An agreement of ours that the partner's copy P-1 answers."""
    agreement = ours(partner)
    theirs.gets["P-1"] = document_of(terms=agreement.terms, names=agreement.iia_id)
    fetched(partner)
    agreement.refresh_from_db()
    assert agreement.partner_iia_id == "P-1"
    return agreement


SWAPPED = hashed(
    replace(copy_of(), author=Party(HEI, "H-1", "H"), other=Party(PARTNER, "P-1", "P"))
)[0]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(document_of("P-2"), "other-agreement", id="another agreement"),
        pytest.param(
            joined(*(document_of(f"P-{n}") for n in range(2, 60))), "other-agreement", id="all others"
        ),
        pytest.param(hashed(copy_of(None))[0], "other-agreement", id="no id"),
        pytest.param(SWAPPED, "other-agreement", id="seen from our side"),
        pytest.param(
            joined(document_of(), document_of(terms=both_ways(PARTNER, HEI, people="4"))),
            "said-twice",
            id="two versions",
        ),
        pytest.param(
            document_of().replace(b"<in-effect>", b"<partner/><in-effect>"),
            "incomplete",
            id="three partners",
        ),
        pytest.param(
            hashed(replace(copy_of(), author=Party("third.example", "P-1", "T")))[0],
            "wrong-first-partner",
            id="of another",
        ),
        pytest.param(
            hashed(replace(copy_of(), other=Party("third.example")))[0],
            "wrong-second-partner",
            id="with another",
        ),
    ],
)  # fmt: skip
def test_another_answer_than_was_asked_for_is_kept_explained_and_no_sign_that_the_copy_is_gone(
    partner: Institution, theirs: Theirs, answer: bytes, code: str
) -> None:
    agreement = linked(partner, theirs)
    before = ReceivedCopy.objects.get().current
    theirs.gets["P-1"] = answer
    for _look in range(3):
        found = fetched(partner)
        _an_hour_later()
    assert (found.failure, code in codes(found)) == (code, True)
    assert words.PROBLEMS[code]
    assert (found.current, found.missed_at, found.gone_at) == (before, None, None)
    assert bytes(found.revisions.order_by("-number")[0].document) == answer
    assert found.revisions.count() == 2, "the same again adds nothing"
    agreement.refresh_from_db()
    assert agreement.partner_iia_id == "P-1"
    assert ReceivedCopy.objects.count() == 1, "nothing is made of the others"


def test_one_that_is_broken_spoils_no_other_in_the_same_answer(
    partner: Institution, theirs: Theirs
) -> None:
    broken = re.sub(rb"<sending-hei-id>[^<]*</sending-hei-id>", b"", document_of("P-2"))
    ended = document_of("P-3", replace(both_ways(PARTNER, HEI), terminated="true"))
    answer = joined(document_of("P-1"), broken, ended, document_of("P-1"))
    theirs.gets = dict.fromkeys(("P-1", "P-2", "P-3"), answer)
    one, two, three = (fetched(partner, iia_id) for iia_id in theirs.gets)
    assert (one.failure, two.failure, three.failure) == ("", "incomplete", "")
    assert one.current.copy == copy_of("P-1")
    assert (two.current, three.current.copy.terms.is_terminated) == (None, True)


def test_a_copy_that_is_not_found_is_looked_for_once_more_by_itself_before_it_is_let_go(
    partner: Institution, theirs: Theirs
) -> None:
    agreement = linked(partner, theirs)
    Notification.objects.all().delete()
    del theirs.gets["P-1"]
    found = fetched(partner)
    assert (found.missed_at is None, found.gone_at) == (False, None)
    following.look_again(timezone.now())
    assert not Notification.objects.exists()
    _an_hour_later()
    following.look_again(timezone.now())
    assert Notification.objects.get().object_id == "P-1"
    fetched(partner)
    _an_hour_later()
    Notification.objects.all().delete()
    following.look_again(timezone.now())
    assert not Notification.objects.exists(), "gone is gone"
    agreement.refresh_from_db()
    assert agreement.partner_iia_id == ""


def test_an_id_that_is_none_is_asked_of_nobody(partner: Institution, theirs: Theirs) -> None:
    for iia_id in ("x" * 65, "with blank", "ä"):
        inbox.receive(
            hei_id=HEI, partner=PARTNER, api="iia-cnr", object_ids=[iia_id], now=timezone.now()
        )
    slips = [_slip(row) for row in Notification.objects.all()]
    told = {inbox.FETCHERS["iia-cnr"].deliver([slip]).code for slip in slips}
    assert (len(slips), told, theirs.asked) == (3, {"no-identifier"}, [])


def _slip(row: Notification) -> Any:
    from vaihto.jobs.delivery import _slip as made  # noqa: PLC0415

    return made(row)


def test_a_copy_under_an_earlier_id_stays_history_although_the_partner_still_serves_it(
    partner: Institution, theirs: Theirs
) -> None:
    agreement = linked(partner, theirs)
    theirs.gets["P-9"] = document_of("P-9", agreement.terms)
    newer = fetched(partner, "P-9")
    actions.link_instead(actor=US, received=newer, agreement=agreement, now=timezone.now())
    theirs.gets["P-1"] = document_of(
        "P-1", both_ways(HEI, PARTNER, people="5"), names=agreement.iia_id
    )
    old = fetched(partner, "P-1")
    agreement.refresh_from_db()
    assert old.gone_at is not None
    assert agreement.received_copy == newer
    assert (agreement.partner_iia_id, agreement.partner_code) == ("P-9", "P/P-9")


# --- Many -----------------------------------------------------------------------------------------


def many(count: int) -> Terms:
    """So many conditions, all different."""
    return Terms(
        tuple(
            studies(
                *((HEI, PARTNER) if number % 2 else (PARTNER, HEI)),
                areas=(SubjectArea(f"{number:04}"),),
                people=str(number % 7 + 1),
            )
            for number in range(count)
        )
    )


def _whole_life(partner: Institution, theirs: Theirs, iia_id: str, count: int) -> int:
    """From the partner's proposal to our approval; gives how many queries that took."""
    with CaptureQueriesContext(connection ) as captured:  # fmt: skip
        theirs.gets[iia_id] = document_of(iia_id, many(count))
        agreement = actions.take_in(actor=US, received=fetched(partner, iia_id), now=timezone.now())
        theirs.gets[iia_id] = document_of(iia_id, many(count), names=agreement.iia_id)
        found = fetched(partner, iia_id)
        agreement.refresh_from_db()
        actions.approve(
            actor=US, agreement=agreement, digest=found.current.digest, now=timezone.now()
        )
    assert len(found.current.copy.terms.conditions) == count
    assert agreement.places.count() == count
    assert agreement.terms.conditions == many(count).conditions
    return len(captured)


def test_five_hundred_conditions_take_as_many_queries_as_two(
    partner: Institution, theirs: Theirs
) -> None:
    few = _whole_life(partner, theirs, "P-2", 2)
    # Places are written in portions, which SQLite limits.
    assert _whole_life(partner, theirs, "P-500", 500) <= few + 20


def _pull(since: datetime | None = None) -> Any:
    return inbox.PULLERS["iias"].pull(inbox.Asked(HEI, PARTNER, "iias", since))


def test_an_index_with_doubles_and_nonsense_asks_for_each_agreement_once(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.listed = ("P-1", "P-1", " P-2\n", "", "x" * 400, "P-3")
    assert _pull().code == "ok"
    kept = Notification.objects.filter(direction="in").values_list("object_id", flat=True)
    assert sorted(kept) == ["P-1", "P-2", "P-3"]


def test_the_nightly_pull_asks_again_for_what_was_bad_though_the_partner_calls_it_unchanged(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.gets["P-1"] = document_of().replace(b">2<", b">3<")
    theirs.gets["P-2"] = document_of("P-2")
    for iia_id in theirs.gets:
        fetched(partner, iia_id)
    theirs.listed = ()
    assert _pull(timezone.now() - DAY).code == "ok"
    kept = Notification.objects.filter(direction="in").values_list("object_id", flat=True)
    assert list(kept) == ["P-1"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_five_hundred_agreements_at_once_come_whole_though_the_partner_fails_in_the_middle(
    partner: Institution, theirs: Theirs
) -> None:
    theirs.gets = {f"P-{number}": document_of(f"P-{number}") for number in range(500)}
    theirs.gets["P-7"] = theirs.gets["P-7"].replace(b">2<", b">3<")  # a wrong hash
    theirs.gets["P-8"] = NOTHING  # in the index and yet not there
    del theirs.gets["P-9"]
    theirs.listed = tuple(f"P-{number}" for number in range(500))

    assert _pull().code == "ok"
    numbers = count(1)  # several threads ask at once, and each takes a number of its own

    def fails(_request: Request) -> bytes | None:
        return wire(Response(503)) if next(numbers) > 200 else None

    theirs.before = fails
    while outbox.round_over("in").more:
        pass  # a round has its time, and a slow machine needs two
    rows = Notification.objects.filter(direction="in", api="iia-cnr")
    came = ReceivedCopy.objects.exclude(current=None).count()
    assert 150 < came <= 200
    assert rows.filter(ended_at=None).count() == 500 - len(set(theirs.asked))
    for copy in ReceivedCopy.objects.exclude(current=None).select_related("current"):
        assert bytes(copy.current.document) == theirs.gets[copy.iia_id]  # type: ignore[union-attr]
    # The partner is well again; what waits is due.
    theirs.before = lambda _request: None
    for _round in range(20):
        rows.filter(ended_at=None).update(due_at=timezone.now(), claimed_until=None)
        if not outbox.round_over("in").arrived:
            break
    assert not rows.filter(ended_at=None).exists()
    whole = ReceivedCopy.objects.exclude(current=None).select_related("current")
    assert whole.count() == 500 - 3
    for copy in whole:
        assert bytes(copy.current.document) == theirs.gets[copy.iia_id]  # type: ignore[union-attr]
    assert ReceivedCopy.objects.get(iia_id="P-7").failure == "wrong-hash"
    assert all(len(ids) == 1 for ids in theirs.asked), "one at a time"
    assert not Agreement.objects.exists(), "nothing becomes ours by itself"


# --- Partners that fetch inside our notification --------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_partner_may_fetch_our_copy_before_it_answers_our_notification(
    partner: Institution, theirs: Theirs, settings: Settings, threads: int
) -> None:
    """Our server is another process with a thread or more; the partner asks it while we wait for the partner."""
    caller = known("caller", [PARTNER])
    node_key = own_key(Institution.objects.get(hei_id=HEI), since=timezone.now() - DAY, word="node")
    Key.objects.filter(pk=node_key.pk).update(purpose=Key.Purpose.SERVER, institution=None)
    got: list[tuple[str, bytes]] = []
    with serving(threads=threads) as url:
        port = urlsplit(url).port or 0
        us = Network(
            Institution.objects.get(hei_id=HEI),
            url,
            send=lambda request: call_server(request, port=port),
            caller=caller,
        )

        def fetches(request: Request) -> bytes | None:
            if request.method == "POST":
                (iia_id,) = parse_qs(request.body.decode())["iia_id"]
                asked = us.request("iias/v7/get", query=f"iia_id={iia_id}")
                response = us.send(asked)
                assert response.status == 200
                got.append((iia_id, response.body))
            return None

        theirs.before = fetches
        agreement = ours(partner)
        done = outbox.round_over("out")
        assert (done.arrived, done.later, done.set_aside) == (1, 0, 0)
        actions.edit(
            actor=US, agreement=agreement, terms=both_ways(HEI, PARTNER, people="8"),
            now=timezone.now(),
        )  # fmt: skip
        assert outbox.round_over("out").arrived == 1
    served = Revision.objects.filter(agreement=agreement).order_by("number")
    # Each time the partner saw the very change it was told of.
    assert [(agreement.iia_id, bytes(one.document)) for one in served] == got


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_partner_may_notify_us_while_it_answers_our_question(
    partner: Institution, theirs: Theirs
) -> None:
    caller = known("caller", [PARTNER])
    node_key = own_key(Institution.objects.get(hei_id=HEI), since=timezone.now() - DAY, word="node")
    Key.objects.filter(pk=node_key.pk).update(purpose=Key.Purpose.SERVER, institution=None)
    statuses: list[int] = []
    with serving(threads=1) as url:
        port = urlsplit(url).port or 0
        us = Network(
            Institution.objects.get(hei_id=HEI),
            url,
            send=lambda request: call_server(request, port=port),
            caller=caller,
        )

        def notifies(request: Request) -> bytes | None:
            if "/get" in request.target and len(statuses) < 3:
                asked = us.request("iia-cnr/v3", method="POST", body=b"iia_id=P-1")
                statuses.append(us.send(asked).status)
            return None

        theirs.before = notifies
        theirs.gets["P-1"] = document_of()
        inbox.receive(
            hei_id=HEI, partner=PARTNER, api="iia-cnr", object_ids=["P-1"], now=timezone.now()
        )
        for _round in range(8):
            outbox.round_over("in")
    assert statuses == [200, 200, 200]
    assert len(theirs.asked) == 4, "each word is followed by a look, and then there is peace"
    assert ReceivedCopy.objects.get().revisions.count() == 1
    assert not Notification.objects.filter(direction="in", ended_at=None).exists()
