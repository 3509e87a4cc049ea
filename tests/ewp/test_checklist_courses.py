"""The official validator's checklist for Courses 0.7 and Simple Course Replication 1, numbers 33 to 41."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import NOON, institution
from tests.ewp.network import HEI, Network, network  # noqa: F401 - a fixture
from vaihto.ewp.apis.courses import COURSE_REPLICATION, COURSES
from vaihto.ewp.apis.courses.messages import (
    CourseReplicationResponse,
    CoursesResponse,
    Credit,
    Distribution,
    Grading,
    Specification,
)
from vaihto.ewp.protocol.types import AcademicTerm
from vaihto.institutions.models import Institution, Unit
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor
from vaihto.offers import actions
from vaihto.offers.facts import CreditFacts, OpportunityFacts, RealisationFacts
from vaihto.offers.models import Containment, LearningOpportunity

FAKE = "this-is-some-unknown-and-unexpected-id"
MOST = COURSES.limit("max-los-ids")
SYSTEM = Actor.system()
START, END = date(2026, 9, 7), date(2026, 12, 18)
DAY = timedelta(days=1)

pytestmark = pytest.mark.parametrize(
    ("method", "signed"), [("GET", True), ("POST", True), ("GET", False), ("POST", False)]
)


def opportunity(key: str = "C-1", **facts: Any) -> OpportunityFacts:
    return OpportunityFacts(
        **{"key": key, "code": key, "titles": {"en": "Waves"}, "exposed": True, **facts}
    )


def bring(place: Institution, *facts: OpportunityFacts, now: datetime = NOON) -> None:
    outcomes = actions.bring_opportunities(actor=SYSTEM, institution=place, facts=facts, now=now)
    assert {one.verdict for one in outcomes} <= {"created", "changed"}


def teach(place: Institution, **facts: Any) -> None:
    stated = {"opportunity": "C-1", "key": "R-1", "start": START, "end": END, **facts}
    outcomes = actions.bring_realisations(
        actor=SYSTEM, institution=place, facts=[RealisationFacts(**stated)], now=NOON
    )
    assert {one.verdict for one in outcomes} == {"created"}


@dataclass
class Asking:
    """One combination of method and security."""

    network: Network
    method: str
    signed: bool

    def status(self, *pairs: tuple[str, str]) -> int:
        return self._ask("courses/v0.7", pairs).status

    def found(self, *pairs: tuple[str, str]) -> list[Specification]:
        answer = self._ask("courses/v0.7", [("hei_id", HEI), *pairs])
        assert answer.status == 200
        read = CoursesResponse.read(answer.body)
        assert read.problems == ()
        return list(read.message.specifications)

    def codes(self, *pairs: tuple[str, str]) -> list[str]:
        return [one.code for one in self.found(*pairs)]

    def replication(self, *pairs: tuple[str, str]) -> int:
        return self._ask("course-replication/v1", pairs).status

    def los_ids(self, *pairs: tuple[str, str]) -> list[str]:
        answer = self._ask("course-replication/v1", [("hei_id", HEI), *pairs])
        assert answer.status == 200
        read = CourseReplicationResponse.read(answer.body)
        assert read.problems == ()
        return list(read.message.los_ids)

    def _ask(self, path: str, pairs: Iterable[tuple[str, str]]):
        return self.network.ask(path, pairs, method=self.method, wants_signature=self.signed)


@pytest.fixture
def ask(network: Network, method: str, signed: bool) -> Asking:  # noqa: F811 - the fixture
    return Asking(network, method, signed)


@pytest.fixture
def los_id(network: Network) -> str:  # noqa: F811 - the fixture
    """An exposed course with one realisation, beside a hidden and a withdrawn one."""
    place = network.institution
    bring(place, opportunity(), opportunity("HIDDEN", exposed=False), opportunity("GONE"))
    teach(place)
    gone = LearningOpportunity.objects.get(key="GONE")
    actions.withdraw(actor=SYSTEM, opportunity=gone, now=NOON)
    return LearningOpportunity.objects.get(key="C-1").los_id


# --- Courses ---------------------------------------------------------------------------------------


def test_33_a_known_course_is_given_by_its_id(ask: Asking, los_id: str) -> None:
    assert ask.los_ids() == [los_id]
    (found,) = ask.found(("los_id", los_id))
    assert (found.los_id, found.code) == (los_id, "C-1")
    assert [(one.start, one.end) for one in found.instances] == [(START, END)]


def test_34_16_a_known_course_is_given_by_its_code(ask: Asking, los_id: str) -> None:
    (found,) = ask.found(("los_code", "C-1"))
    assert found.los_id == los_id


def test_34_17_unknown_courses_are_left_out(ask: Asking, los_id: str) -> None:
    assert ask.found(("los_id", FAKE)) == []
    assert ask.found(("los_code", FAKE)) == []
    assert ask.codes(("los_id", los_id), ("los_id", FAKE)) == ["C-1"]
    assert ask.codes(("los_code", "C-1"), ("los_code", FAKE)) == ["C-1"]


def test_34_18_institution_and_courses_are_required(ask: Asking, los_id: str) -> None:
    assert ask.status() == 400
    assert ask.status(("los_id", los_id)) == 400
    assert ask.status(("los_code", "C-1")) == 400
    assert ask.status(("hei_id", HEI)) == 400


@pytest.mark.parametrize("hei_id", [FAKE, "neighbour.example"])
def test_34_19_courses_of_another_institution_are_not_asked_here(
    ask: Asking, los_id: str, hei_id: str
) -> None:
    institution("neighbour.example")
    assert ask.status(("hei_id", hei_id), ("los_id", los_id)) == 400
    assert ask.status(("hei_id", hei_id), ("los_code", "C-1")) == 400


@pytest.mark.parametrize("name", ["los_id", "los_code"])
def test_34_20_more_than_the_limit_is_refused_known_or_not(
    ask: Asking, los_id: str, name: str
) -> None:
    for value in (los_id if name == "los_id" else "C-1", FAKE):
        assert ask.status(("hei_id", HEI), *[(name, value)] * (MOST + 1)) == 400


def test_34_21_as_many_as_the_limit_are_taken(ask: Asking, los_id: str) -> None:
    assert ask.codes(*[("los_id", los_id)] * MOST) == ["C-1"]
    assert ask.codes(*[("los_code", "C-1")] * COURSES.limit("max-los-codes")) == ["C-1"]


def test_34_22_a_parameter_of_another_name_is_no_parameter(ask: Asking, los_id: str) -> None:
    assert ask.status(("los_id_param", los_id)) == 400
    assert ask.status(("hei_id", HEI), ("los_id_param", los_id)) == 400


def test_34_23_ids_and_codes_are_not_asked_together(ask: Asking, los_id: str) -> None:
    assert ask.status(("hei_id", HEI), ("los_id", los_id), ("los_code", "C-1")) == 400


def test_34_24_one_institution_once(ask: Asking, los_id: str) -> None:
    about = ("los_id", los_id)
    assert ask.status(("hei_id", HEI), ("hei_id", HEI), about) == 400
    assert ask.status(("hei_id", HEI), ("hei_id", FAKE), about) == 400


def test_35_instances_that_start_earlier_are_left_out(ask: Asking, los_id: str) -> None:
    def count(day: date) -> int:
        (found,) = ask.found(("los_id", los_id), ("lois_after", day.isoformat()))
        return len(found.instances)

    assert [count(START + DAY), count(START), count(START - DAY)] == [0, 0, 1]


def test_36_instances_that_end_later_are_left_out(ask: Asking, los_id: str) -> None:
    def count(day: date) -> int:
        (found,) = ask.found(("los_id", los_id), ("lois_before", day.isoformat()))
        return len(found.instances)

    assert [count(END - DAY), count(END), count(END + DAY)] == [0, 0, 1]


@pytest.mark.parametrize("name", ["lois_before", "lois_after", "los_at_date"])
def test_37_a_day_is_given_once(ask: Asking, los_id: str, name: str) -> None:
    about = (("hei_id", HEI), ("los_id", los_id))
    assert ask.status(*about, (name, "2026-09-07")) == 200
    assert ask.status(*about, (name, "2026-09-07"), (name, "2026-09-07")) == 400


@pytest.mark.parametrize("name", ["lois_before", "lois_after", "los_at_date"])
@pytest.mark.parametrize(
    "day",
    ["abcd-ef-gh", "31-12-2019", "2009-12-31 23:59:59", "2009-12-31T00:00:00Z", "2019-02-30", ""],
)
def test_38_a_day_is_a_day(ask: Asking, los_id: str, name: str, day: str) -> None:
    assert ask.status(("hei_id", HEI), ("los_id", los_id), (name, day)) == 400


# --- Simple Course Replication ---------------------------------------------------------------------


def test_39_all_ids_of_the_institution(ask: Asking, los_id: str) -> None:
    assert ask.los_ids() == [los_id]
    assert ask.los_ids(("some_other", "x")) == [los_id]


def test_40_one_known_institution_is_required(ask: Asking, los_id: str) -> None:
    institution("neighbour.example")
    assert ask.replication(("hei_id", HEI), ("hei_id", HEI)) == 400
    assert ask.replication(("hei_id_param", HEI)) == 400
    assert ask.replication(("hei_id", FAKE)) == 400
    assert ask.replication(("hei_id", "neighbour.example")) == 400
    assert ask.replication() == 400


def test_41_what_changed_since_a_moment(ask: Asking, los_id: str) -> None:
    assert dict(COURSE_REPLICATION.flags)["supports-modified-since"] == "true"
    assert ask.los_ids(("modified_since", "2004-02-12T15:19:21+01:00")) == [los_id]
    for wrong in (FAKE, "2004-02-12", "05/29/2015 05:50", ""):
        assert ask.replication(("hei_id", HEI), ("modified_since", wrong)) == 400
    twice = ("modified_since", "2004-02-12T15:19:21+01:00")
    assert ask.replication(("hei_id", HEI), twice, twice) == 400


# --- Beyond the checklist --------------------------------------------------------------------------


def test_a_moment_is_the_same_in_every_offset(ask: Asking, los_id: str) -> None:
    hour = timedelta(hours=1)
    for moment, is_found in ((NOON - hour, True), (NOON + hour, False)):
        utc = moment.astimezone(UTC)
        for text in (
            utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            (utc + 5 * hour).strftime("%Y-%m-%dT%H:%M:%S+05:00"),
            (utc - 3 * hour).strftime("%Y-%m-%dT%H:%M:%S-03:00"),
        ):
            assert (ask.los_ids(("modified_since", text)) == [los_id]) is is_found


def test_a_change_that_became_visible_late_is_named_all_the_same(ask: Asking, los_id: str) -> None:
    """A file of a hundred thousand lines carries the moment at which its transaction began."""
    minutes = (NOON.astimezone(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ask.los_ids(("modified_since", minutes)) == [los_id]


@pytest.mark.parametrize("key", ["HIDDEN", "GONE"])
def test_what_is_hidden_or_withdrawn_looks_like_what_is_not_there(
    ask: Asking, los_id: str, key: str
) -> None:
    one = LearningOpportunity.objects.get(key=key)
    assert ask.found(("los_id", one.los_id)) == []
    assert ask.found(("los_code", one.code)) == []
    assert one.los_id not in ask.los_ids()


def test_everything_of_an_entry_arrives(
    ask: Asking,
    network: Network,  # noqa: F811 - the fixture
) -> None:
    place = network.institution
    unit = Unit.objects.create(institution=place, code="SEA", name="Sea", exposed=True)
    bring(
        place,
        opportunity(
            titles={"fi": "Aallot", "en": "Waves", "pt-BR": "Ondas"},
            descriptions={"en": "One & two.\nThree <four>."},
            unit="SEA",
            isced_code="0532",
            subject_area="07.3",
            eqf_level=7,
            addresses=(Link("https://uni.example/c?a=1&b=2"), Link("https://uni.example/fi", "fi")),
        ),
    )
    teach(
        place,
        academic_year="2026/2027",
        term_number=1,
        term_count=2,
        term_names={"en": "Autumn"},
        term_start=date(2026, 8, 1),
        term_end=date(2026, 12, 31),
        grading_labels={"en": "0–5"},
        grading_descriptions={"en": "5 is best."},
        results=(("5", 12), ("4", 0)),
        credits=(
            CreditFacts(scheme="local", value=Decimal(10), level="Master"),
            CreditFacts(scheme="ects", value=Decimal("7.50"), level="Master"),
        ),
        language="en",
        engagement_hours=Decimal("202.5"),
    )
    (found,) = ask.found(("los_code", "C-1"))
    assert re.fullmatch(r"CR/[0-9a-f-]{36}", found.los_id)
    assert found.titles == (("en", "Waves"), ("fi", "Aallot"), ("pt-BR", "Ondas"))
    assert found.descriptions == (("en", "One & two.\nThree <four>."),)
    assert (found.ounit_id, found.type, found.isced) == (unit.ounit_id, "Course", "0532")
    assert (found.subject_area, found.eqf_level) == ("07.3", 7)
    assert found.urls == (("", "https://uni.example/c?a=1&b=2"), ("fi", "https://uni.example/fi"))
    (taught,) = found.instances
    assert re.fullmatch(r"CRI/[0-9a-f-]{36}", taught.loi_id)
    assert taught.term == AcademicTerm(
        "2026/2027", (("en", "Autumn"),), date(2026, 8, 1), date(2026, 12, 31), "2026/2027-1/2"
    )
    assert taught.grading == Grading((("en", "0–5"),), (("en", "5 is best."),))
    assert taught.distribution == Distribution((("5", 12), ("4", 0)))
    assert taught.credits == (
        Credit("ects", Decimal("7.5"), "Master"),
        Credit("local", Decimal(10), "Master"),
    )
    assert (taught.language, taught.engagement_hours) == ("en", Decimal("202.5"))


@pytest.mark.parametrize(
    ("kind", "prefix", "word"),
    [
        ("programme", "DEP", "Degree Programme"),
        ("module", "MOD", "Module"),
        ("course", "CR", "Course"),
        ("class", "CLS", "Class"),
    ],
)
def test_each_kind_has_its_word_and_its_prefix(
    ask: Asking,
    network: Network,  # noqa: F811 - the fixture
    kind: str,
    prefix: str,
    word: str,
) -> None:
    bring(network.institution, opportunity(kind=kind))
    teach(network.institution)
    (found,) = ask.found(("los_code", "C-1"))
    assert (found.los_id.partition("/")[0], found.type) == (prefix, word)
    assert found.instances[0].loi_id.startswith(f"{prefix}I/")


def test_what_is_referred_to_can_be_asked_for(
    ask: Asking,
    network: Network,  # noqa: F811 - the fixture
) -> None:
    place = network.institution
    Unit.objects.create(institution=place, code="HID", name="Hidden", exposed=False)
    bring(
        place,
        opportunity("P-1", kind="programme", unit="HID"),
        opportunity("C-1", part_of=("P-1",)),
        opportunity("C-2", part_of=("P-1",), exposed=False),
    )
    (programme,) = ask.found(("los_code", "P-1"))
    assert programme.ounit_id == ""
    assert [one.code for one in ask.found(*(("los_id", each) for each in programme.contains))] == [
        "C-1"
    ]


def test_half_a_term_and_odd_values_are_left_out_rather_than_sent_wrong(
    ask: Asking,
    network: Network,  # noqa: F811 - the fixture
) -> None:
    """Rows that came before a check was made, or past it, never keep a partner from the rest."""
    place = network.institution
    bring(place, opportunity(), opportunity("C-2"))
    teach(place, academic_year="2026/2027")
    LearningOpportunity.objects.filter(key="C-1").update(
        addresses=(Link("https://uni.example/not an address"), Link("https://ok.example", "x y")),
        descriptions={"no tag at all": "Kept without its tag", "fi": "  "},
        code=" ",
    )
    LearningOpportunity.objects.filter(key="C-2").update(titles={"en": " "})
    (found,) = ask.found(*(("los_id", each) for each in ask.los_ids()))
    assert found.urls == (("", "https://ok.example"),)
    assert found.descriptions == (("", "Kept without its tag"),)
    assert (found.code, found.instances[0].term) == ("", None)


def test_as_many_queries_for_the_limit_as_for_one(
    ask: Asking,
    network: Network,  # noqa: F811 - the fixture
) -> None:
    place = network.institution
    numbers = range(MOST)
    bring(
        place,
        opportunity("P-1", kind="programme"),
        *(opportunity(f"C-{n}", part_of=("P-1",)) for n in numbers),
    )
    for n in numbers:
        teach(place, opportunity=f"C-{n}")
    assert Containment.objects.count() == MOST
    ids = ask.los_ids()

    def asked(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(ask.found(*(("los_id", each) for each in ids[:count]))) == count
        return len([one for one in queries if "offers_" in one["sql"]])

    assert asked(1) == asked(MOST) == 3
