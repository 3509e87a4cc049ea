"""Messages of institutions, units, factsheets, courses and manifests: the samples, our own values, and slips."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SHARED
from tests.ewp.apis import values
from tests.ewp.apis.values import content, some, texts
from vaihto.ewp.apis.courses.messages import (
    CourseReplicationResponse,
    CoursesResponse,
    Credit,
    Distribution,
    Grading,
    Instance,
    Specification,
)
from vaihto.ewp.apis.discovery.messages import Covered, Entry, Manifest
from vaihto.ewp.apis.institutions.messages import (
    Accessibility,
    Factsheet,
    FactsheetResponse,
    Hei,
    Information,
    InstitutionsResponse,
    MoreInformation,
    Ounit,
    OunitsResponse,
    Requirement,
)
from vaihto.ewp.protocol.types import Address, Contact, Phone, Unwritable
from vaihto.ewp.protocol.xml import MalformedXml, parse
from vaihto.ewp.schemas import Official

KINDS: dict[str, Any] = {
    "institutions": InstitutionsResponse,
    "ounits": OunitsResponse,
    "factsheet": FactsheetResponse,
    "courses": CoursesResponse,
    "course-replication": CourseReplicationResponse,
}
SAMPLES = SHARED / "testdata" / "ewp" / "samples"


def sample_files(pattern: str) -> list[Any]:
    found = sorted(SAMPLES.glob(pattern)) if SAMPLES.is_dir() else []
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip("no ../shared beside the project"))]
    return [pytest.param(file, id=file.stem) for file in found]


def kind_of(file: Path) -> Any:
    name = max((name for name in KINDS if file.stem.startswith(name)), key=len)
    return KINDS[name]


# --- the samples ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        *sample_files("institutions-*"),
        *sample_files("ounits-*"),
        *sample_files("fact*"),
        *sample_files("course*"),
    ],
)
def test_a_sample_reads_in_and_writes_out_with_equal_content(
    file: Path, ewp_schemas: Official
) -> None:
    read = kind_of(file).read(file.read_bytes())
    written = read.message.write()
    assert read.problems == ()
    assert content(written) == content(file.read_bytes())
    assert ewp_schemas.problems(written) == []


@pytest.mark.parametrize("file", sample_files("manifest-entries/*"))
def test_a_sample_of_an_entry_does_too(file: Path, ewp_schemas: Official) -> None:
    entry = Entry.read(parse(file.read_bytes()))
    assert content(entry.write()) == content(file.read_bytes())
    assert content(entry.raw) == content(file.read_bytes())
    assert ewp_schemas.problems(entry.write()) == []


def test_nothing_of_a_rich_sample_is_lost_on_the_way(samples: Path) -> None:
    read = InstitutionsResponse.read((samples / "institutions-covered.xml").read_bytes())
    (hei,) = read.message.heis
    assert hei.names == (("en", "University of Lumila"), ("fi", "Lumilan yliopisto"))
    assert hei.mailing_address == Address(
        lines=("International Services", "PO Box 17"),
        postal_code="99999",
        locality="Lumila",
        country="FI",
    )
    assert hei.contacts[1].phones == (Phone("+441632960010", "204"),)
    assert hei.contacts[1].roles == (("en", "Signs agreements.\n\nOffice hours on Tuesdays."),)
    course = CoursesResponse.read((samples / "courses-course-with-instances.xml").read_bytes())
    instance = course.message.specifications[0].instances[0]
    assert instance.credits == (Credit("ects", Decimal(5), "Bachelor"),)
    assert instance.engagement_hours == Decimal("42.5")
    assert instance.distribution is not None
    assert instance.distribution.categories == (("0", 2), ("1-2", 9), ("3-5", 31))


# --- values of our own ----------------------------------------------------------------------------


@st.composite
def heis(draw: st.DrawFn) -> Hei:
    ounit_ids = draw(some(values.IDS, most=3))
    return Hei(
        hei_id=draw(values.HEI_IDS),
        names=draw(texts(least=1)),
        other_ids=draw(some(st.tuples(values.LINES, values.WORDS))),
        abbreviation=draw(values.MAYBE),
        street_address=draw(st.none() | values.ADDRESSES),
        mailing_address=draw(st.none() | values.ADDRESSES),
        websites=draw(texts(values.HTTP)),
        logo_url=draw(st.just("") | values.HTTPS),
        factsheet_urls=draw(texts(values.HTTP)),
        catalogue_urls=draw(texts(values.HTTP)),
        contacts=draw(some(values.CONTACTS)),
        root_ounit_id=draw(st.sampled_from(["", *ounit_ids])),
        ounit_ids=ounit_ids,
    )


OUNITS = st.builds(
    Ounit,
    ounit_id=values.IDS,
    code=values.WORDS,
    names=texts(least=1),
    abbreviation=values.MAYBE,
    parent_ounit_id=st.just("") | values.IDS,
    street_address=st.none() | values.ADDRESSES,
    mailing_address=st.none() | values.ADDRESSES,
    websites=texts(values.HTTP),
    logo_url=st.just("") | values.HTTPS,
    factsheet_urls=texts(values.HTTP),
    contacts=some(values.CONTACTS),
)
INFORMATION = st.builds(
    Information, email=values.EMAILS, phone=values.PHONES, websites=texts(values.HTTP, least=1)
)
MONTH_DAYS = values.DAYS.map(lambda day: day.strftime("%m-%d"))
WEEKS = st.integers(0, 60)
FACTSHEETS = st.builds(
    Factsheet,
    hei_id=values.HEI_IDS,
    nominations_autumn=MONTH_DAYS,
    nominations_spring=MONTH_DAYS,
    applications_autumn=MONTH_DAYS,
    applications_spring=MONTH_DAYS,
    application=INFORMATION,
    housing=INFORMATION,
    visa=INFORMATION,
    insurance=INFORMATION,
    decision_weeks=WEEKS,
    transcript_weeks=WEEKS,
    requirements=some(st.builds(Requirement, values.WORDS, values.WORDS, texts(values.HTTP))),
    accessibility=some(
        st.builds(
            Accessibility,
            st.sampled_from(["infrastructure", "service"]),
            values.WORDS,
            INFORMATION,
            values.MAYBE,
        )
    ),
    more=some(st.builds(MoreInformation, values.WORDS, INFORMATION)),
)
_AFTER = st.text("abz09-_.~!", min_size=1, max_size=40)
LOS_IDS = st.builds(
    lambda kind, rest: f"{kind}/{rest}", st.sampled_from(["CR", "CLS", "MOD", "DEP"]), _AFTER
)
INSTANCES = st.builds(
    Instance,
    loi_id=st.builds(
        lambda kind, rest: f"{kind}/{rest}",
        st.sampled_from(["CRI", "CLSI", "MODI", "DEPI"]),
        _AFTER,
    ),
    start=values.DAYS,
    end=values.DAYS,
    term=st.none() | values.TERMS,
    grading=st.none() | st.builds(Grading, texts(least=1), texts()),
    distribution=st.none()
    | st.builds(
        Distribution, some(st.tuples(values.WORDS, st.integers(0, 9999)), least=1), texts()
    ),
    credits=some(
        st.builds(
            Credit,
            values.WORDS,
            values.DECIMALS,
            st.sampled_from(["", "Bachelor", "Master", "PhD"]),
        )
    ),
    language=st.sampled_from(["", "en", "fi", "pt-BR"]),
    engagement_hours=st.none() | values.DECIMALS,
)
SPECIFICATIONS = st.builds(
    Specification,
    los_id=LOS_IDS,
    titles=texts(least=1),
    code=values.MAYBE,
    ounit_id=st.just("") | values.IDS,
    type=st.sampled_from(["", "Degree Programme", "Module", "Course", "Class"]),
    subject_area=values.MAYBE,
    isced=values.MAYBE,
    eqf_level=st.none() | st.integers(1, 8),
    urls=texts(values.HTTP),
    descriptions=texts(),
    instances=some(INSTANCES),
    contains=some(LOS_IDS),
)
ENTRIES = st.builds(
    Entry,
    namespace=st.just("urn:x"),
    element=st.sampled_from(["echo", "iias"]),
    version=st.from_regex(r"[0-9]{1,2}\.[0-9]\.[0-9]{1,3}", fullmatch=True),
    parts=some(st.tuples(st.sampled_from(["url", "get-url"]), values.HTTPS)),
    client_auth=st.sampled_from([None, ("httpsig",), ("httpsig", "anonymous")]),
    server_auth=st.sampled_from([None, ("tlscert",), ("httpsig", "tlscert")]),
    emails=some(values.EMAILS),
    notes=values.MAYBE,
)
KEYS = st.from_regex(r"([A-Za-z0-9+/]{4}){1,9}", fullmatch=True)
MANIFESTS = st.builds(
    Manifest,
    emails=some(values.EMAILS, least=1),
    provider=values.WORDS,
    notes=values.MAYBE,
    entries=some(ENTRIES),
    covered=st.none()
    | st.builds(
        Covered, values.HEI_IDS, texts(least=1), some(st.tuples(values.LINES, values.WORDS))
    ),
    client_keys=some(KEYS),
    server_keys=some(KEYS),
)
MESSAGES = st.one_of(
    some(heis()).map(InstitutionsResponse),
    some(OUNITS).map(OunitsResponse),
    some(FACTSHEETS).map(FactsheetResponse),
    some(SPECIFICATIONS).map(CoursesResponse),
    some(LOS_IDS).map(CourseReplicationResponse),
    MANIFESTS,
)


@given(message=MESSAGES)
@settings(deadline=None, max_examples=150)
def test_what_we_write_is_valid_and_reads_back_the_same(
    message: Any, ewp_schemas: Official
) -> None:
    document = message.write()
    assert ewp_schemas.problems(document) == []
    read = type(message).read(document)
    assert read.problems == ()
    assert read.message == message


# --- slips of partners ----------------------------------------------------------------------------


def without(document: bytes, pattern: str) -> bytes:
    left, count = re.subn(pattern.encode(), b"", document, flags=re.DOTALL)
    assert count
    return left


def test_unknown_elements_and_another_order_are_read_over(samples: Path) -> None:
    document = (samples / "ounits-tree.xml").read_bytes()
    read = OunitsResponse.read(document)
    more = document.replace(
        b"<ounit-code>", b"<budget xmlns='urn:x'>9</budget><colour>red</colour><ounit-code>"
    )
    assert more != document
    assert OunitsResponse.read(more) == read
    swapped = re.sub(
        rb"(<ounit-id>.*?)(<ounit-code>.*?</ounit-code>)", rb"\2\1", document, flags=re.DOTALL
    )
    assert swapped != document
    assert OunitsResponse.read(swapped) == read


def test_what_is_missing_is_told_and_the_rest_is_read(samples: Path) -> None:
    document = (samples / "factsheet.xml").read_bytes()
    whole = FactsheetResponse.read(document).message.factsheets[0]
    for pattern in [
        r"<student-nominations>.*</student-nominations>",
        r"<decision-weeks-limit>4</decision-weeks-limit>",
        r"<housing-info>.*</housing-info>",
    ]:
        document = without(document, pattern)
    document = document.replace(b"--05-02", b"2 May")
    read = FactsheetResponse.read(document)
    assert read.problems == (
        "/factsheet-response/factsheet/calendar/student-nominations is missing.",
        "student-applications/autumn-term is not a day of the year such as --04-15.",
        "/factsheet-response/factsheet/decision-weeks-limit is missing.",
        "/factsheet-response/factsheet/housing-info is missing.",
    )
    assert read.message.factsheets[0] == replace(
        whole,
        nominations_autumn="",
        nominations_spring="",
        applications_autumn="",
        decision_weeks=None,
        housing=Information(),
    )


@pytest.mark.parametrize(
    ("kind", "name", "element"),
    [
        (InstitutionsResponse, "institutions-covered", "hei-id"),
        (OunitsResponse, "ounits-flat", "ounit-id"),
        (FactsheetResponse, "factsheet", "hei-id"),
        (CoursesResponse, "courses-other-types", "los-id"),
    ],
)
def test_what_has_no_id_is_left_out_and_told(
    samples: Path, kind: Any, name: str, element: str
) -> None:
    document = (samples / f"{name}.xml").read_bytes()
    all_of_it = kind.read(document).message
    beheaded = re.sub(rf"<{element}>[^<]*</{element}>".encode(), b"", document, count=1)
    read = kind.read(beheaded)
    assert any(problem.endswith(f"/{element} is missing.") for problem in read.problems)
    (field,) = vars(read.message).values()
    assert field == next(iter(vars(all_of_it).values()))[1:]


def test_malformed_numbers_and_days_of_courses_are_told(samples: Path) -> None:
    document = (samples / "courses-course-with-instances.xml").read_bytes()
    for right, wrong in [
        (b"<start>2026-09-01", b"<start>1.9.2026"),
        (b"<value>5<", b"<value>five<"),
        (b'count="9"', b'count="-9"'),
        (b"<engagementHours>42.5", b"<engagementHours>1e3"),
        (b"<eqfLevelProvided>6", b"<eqfLevelProvided>6.5"),
        (b"<type>Course", b"<type>Seminar"),
    ]:
        assert right in document
        document = document.replace(right, wrong, 1)
    read = CoursesResponse.read(document)
    assert set(read.problems) == {
        "learningOpportunityInstance/start is not a date such as 2026-09-01.",
        "credit/value is not a decimal number.",
        "resultDistribution/category has no count.",
        "learningOpportunityInstance/engagementHours is not a decimal number.",
        "learningOpportunitySpecification/eqfLevelProvided is not a whole number.",
    }
    course = read.message.specifications[0]
    assert (course.type, course.eqf_level) == ("Seminar", None)
    assert (course.instances[0].start, course.instances[0].end) == (None, date(2026, 12, 18))
    with pytest.raises(Unwritable):
        read.message.write()


def test_days_with_an_offset_are_read() -> None:
    document = (
        CoursesResponse(
            (
                Specification(
                    "CR/1",
                    (("", "T"),),
                    instances=(Instance("CRI/1", date(2026, 1, 1), date(2026, 2, 1)),),
                ),
            )
        )
        .write()
        .replace(b"2026-01-01", b" 2026-01-01+02:00 ")
    )
    read = CoursesResponse.read(document)
    assert read.problems == ()
    assert read.message.specifications[0].instances[0].start == date(2026, 1, 1)


def test_a_flood_of_problems_is_cut_off() -> None:
    document = OunitsResponse((Ounit("1", "c", (("", "n"),)),)).write()
    flood = document.replace(b"<ounit>", b"<ounit/>" * 5_000 + b"<ounit>")
    read = OunitsResponse.read(flood)
    assert len(read.problems) == 100
    assert len(read.message.ounits) == 1


@pytest.mark.parametrize("kind", [*KINDS.values(), Manifest])
def test_another_document_is_refused(kind: Any) -> None:
    for document in (b"", b"<html/>", Phone.__doc__.encode(), b"<response xmlns='urn:x'/>"):
        with pytest.raises(MalformedXml):
            kind.read(document)


def test_a_manifest_of_an_older_version_is_refused() -> None:
    document = Manifest(("a@b.c",), "P").write()
    with pytest.raises(MalformedXml, match="stable-v5"):
        Manifest.read(document.replace(b"tree/stable-v6", b"tree/stable-v5"))


def test_unknown_methods_and_foreign_elements_of_an_entry_are_read_over() -> None:
    entry = Entry("urn:x", "echo", "2.0.1", (("url", "https://a.b"),), ("httpsig",), ("tlscert",))
    document = entry.write().replace(
        b"<cli:httpsig/>", b"<cli:httpsig/><x:new xmlns:x='urn:y'/><tls:httpsig/>"
    )
    document = document.replace(b"<url>", b"<x:url xmlns:x='urn:y'>no</x:url><url>")
    assert Entry.read(parse(document)) == entry


# --- strict in what we write ----------------------------------------------------------------------

UNIT = Ounit("1", "c", (("", "n"),))
CONTACT = Contact((("", "n"),))


@pytest.mark.parametrize(
    "unit",
    [
        replace(UNIT, ounit_id=""),
        replace(UNIT, ounit_id="with blank"),
        replace(UNIT, ounit_id="ä"),
        replace(UNIT, ounit_id="1" * 65),
        replace(UNIT, code=""),
        replace(UNIT, code=" \n"),
        replace(UNIT, names=()),
        replace(UNIT, names=(("english please", "n"),)),
        replace(UNIT, names=(("en", ""),)),
        replace(UNIT, websites=(("en", "www.uni.example"),)),
        replace(UNIT, websites=(("en", "https://uni.example/a b"),)),
        replace(UNIT, websites=(("en", "https://"),)),
        replace(UNIT, logo_url="http://uni.example/logo.svg"),
        replace(UNIT, parent_ounit_id="\u00a0"),
        replace(UNIT, street_address=Address(country="246")),
        replace(UNIT, street_address=Address(lines=("1", "2", "3", "4", "5"))),
        replace(UNIT, street_address=Address(lines=("1",), street="S")),
        replace(UNIT, contacts=(replace(CONTACT, names=()),)),
        replace(UNIT, contacts=(replace(CONTACT, emails=("nobody",)),)),
        replace(UNIT, contacts=(replace(CONTACT, gender="x"),)),
        replace(UNIT, contacts=(replace(CONTACT, phones=(Phone(),)),)),
        replace(UNIT, contacts=(replace(CONTACT, phones=(Phone("0401234567"),)),)),
    ],
)
def test_what_the_schema_would_refuse_is_not_written(unit: Ounit) -> None:
    with pytest.raises(Unwritable):
        OunitsResponse((unit,)).write()


@pytest.mark.parametrize("kind", ["", "two\nlines"])
def test_the_type_of_an_identifier_is_one_line(kind: str) -> None:
    covered = Covered("u.example", (("", "n"),), ((kind, "1"),))
    for message in (
        InstitutionsResponse((Hei("u.example", covered.names, covered.other_ids),)),
        Manifest(("a@b.c",), "P", covered=covered),
    ):
        with pytest.raises(Unwritable, match="other-id"):
            message.write()


def test_the_root_unit_must_be_listed() -> None:
    with pytest.raises(Unwritable, match="root-ounit-id"):
        InstitutionsResponse((Hei("u.example", (("", "n"),), root_ounit_id="1"),)).write()


@pytest.mark.parametrize("los_id", ["", "1", "CR/", "CRI/1", "CR/" + "1" * 41, "CR/a b"])
def test_ids_of_courses_say_what_they_are(los_id: str) -> None:
    with pytest.raises(Unwritable):
        CourseReplicationResponse((los_id,)).write()


@pytest.mark.parametrize("day", ["", "2026-04-15", "4-15", "02-30", "13-01", "00-10", "04-15 "])
def test_a_deadline_is_a_day_that_exists(day: str, samples: Path) -> None:
    sheet = FactsheetResponse.read((samples / "factsheet.xml").read_bytes()).message.factsheets[0]
    with pytest.raises(Unwritable, match="autumn-term"):
        FactsheetResponse((replace(sheet, nominations_autumn=day),)).write()


def test_the_reason_names_the_element_and_never_the_value() -> None:
    contact = replace(CONTACT, emails=("aino.virta(at)uni.example",))
    with pytest.raises(Unwritable) as refused:
        OunitsResponse((replace(UNIT, contacts=(contact,)),)).write()
    assert str(refused.value) == "c:email must be an e-mail address."


def test_text_is_written_so_that_it_comes_back() -> None:
    text = "a & b < c > d \"e\" 'f' ]]> \u2028 line\nand\ttab"
    unit = replace(UNIT, names=(("en", text),), code="<![CDATA[x]]>")
    assert OunitsResponse.read(OunitsResponse((unit,)).write()).message.ounits == (unit,)
