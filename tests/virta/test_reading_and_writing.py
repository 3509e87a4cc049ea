"""Whatever the official schema accepts is read, and written out again with equal content."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.virta.documents import (
    OFFICIAL,
    canonical,
    everything,
    nested,
    period,
    records,
    separate,
    student,
    students,
)
from vaihto.refusals import Invalid
from vaihto.virta.document import Unreadable, read_document
from vaihto.virta.records import KINDS, NAMESPACE, Liikkuvuusjakso, Opiskelija, Record
from vaihto.virta.validation import Validation
from vaihto.virta.writing import write_periods, write_virta

LISTS = OFFICIAL.lists if OFFICIAL else {}
SCALES = [
    "Viisiportainen",
    "ToinenKotimainen",
    "Hyvaksytty",
    "Naytetyo",
    "Tutkielma",
    "EiKaytossa",
    "Muu",
]
bounded = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def written_again(document: bytes) -> bytes:
    found = read_document(document)
    held = list(found)
    assert found.aside == {}
    kind = next((kind for kind in KINDS if kind.container == found.root), None)
    return nested(held) if kind is None else separate(held, kind.record)


def assert_valid(document: bytes) -> None:
    if OFFICIAL is not None:
        assert OFFICIAL.published.validate(etree.fromstring(document))
        assert list(Validation(document, OFFICIAL)) == []
    assert list(Validation(document, None)) == []


@bounded
@given(st.lists(students(LISTS), min_size=1, max_size=2))
def test_random_nested_documents_survive_reading_and_writing(drawn: list[list[Record]]):
    held = [record for one in drawn for record in one]
    document = nested(held)
    assert_valid(document)
    assert list(read_document(document)) == held
    assert written_again(document) == document


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.container)
def test_random_separate_documents_survive_reading_and_writing(kind):
    @bounded
    @given(st.lists(records(kind.shape, LISTS), min_size=1, max_size=3))
    def survives(held: list[Record]) -> None:
        document = separate(held, kind.record)
        assert_valid(document)
        assert list(read_document(document)) == held

    survives()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.element)
def test_a_record_with_every_element_survives(kind, scale):
    full = everything(kind.shape, LISTS, scale=scale)
    alone = separate([full], kind.record)
    assert_valid(alone)
    assert list(read_document(alone)) == [full]
    if kind.record is not Opiskelija:
        together = nested([student(), full])
        assert_valid(together)
        assert list(read_document(together)) == [student(), full]


STYLES = {
    "prefix, remarks, declarations": f"""<?xml version="1.0"?>
<!-- made elsewhere --><?mark here?>
<v:Liikkuvuusjaksot xmlns:v="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="{NAMESPACE} Liikkuvuusjaksot.xsd">
  <v:Liikkuvuusjakso opiskelijaAvain=' S &amp; 1 ' avain="M&#10;1"><!-- x -->
    <v:Myontaja>024<!-- x -->72</v:Myontaja><v:AlkuPvm>2023-08-28Z</v:AlkuPvm><v:LoppuPvm>2023-12-20+02:00</v:LoppuPvm><v:Suunta><![CDATA[1]]></v:Suunta>
    <v:Maa>0&#53;6</v:Maa></v:Liikkuvuusjakso>
</v:Liikkuvuusjaksot>""".encode(),
    "another encoding": (
        f'<?xml version="1.0" encoding="ISO-8859-15"?><Opiskelijat xmlns="{NAMESPACE}">'
        '<Opiskelija avain="ä"><Sukunimi>Ääkköš €</Sukunimi><Etunimet/></Opiskelija></Opiskelijat>'
    ).encode("iso-8859-15"),
    "UTF-16": (
        f'<?xml version="1.0" encoding="UTF-16"?><Opiskelijat xmlns="{NAMESPACE}">'
        '<Opiskelija avain="ä"><Sukunimi>Ääkköš 𝄞</Sukunimi></Opiskelija></Opiskelijat>'
    ).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf"
    + f'<Opiskelijat xmlns="{NAMESPACE}"><Opiskelija avain="1"/></Opiskelijat>'.encode(),
    "type of an element stated": (
        f'<Liikkuvuusjaksot xmlns="{NAMESPACE}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<Liikkuvuusjakso avain="1" opiskelijaAvain="2" xsi:type="LiikkuvuusjaksoTyyppi">'
        "<Myontaja>02472</Myontaja><AlkuPvm>2023-08-28</AlkuPvm><LoppuPvm>2023-12-20</LoppuPvm>"
        '<Suunta>1</Suunta><Maa xsi:type="MaatunnusKoodiTyyppi">056</Maa></Liikkuvuusjakso>'
        "</Liikkuvuusjaksot>"
    ).encode(),
}


@pytest.mark.parametrize("style", STYLES)
def test_files_of_other_makers_keep_their_content(style):
    document = STYLES[style]
    if OFFICIAL is not None:
        assert list(Validation(document, OFFICIAL)) == []
    again = written_again(document)
    assert canonical(again) == canonical(document)
    assert_valid(again)


def test_a_type_stated_with_a_prefix_keeps_its_meaning():
    document = (
        STYLES["type of an element stated"]
        .replace(b'"Maatunnus', b'"q:Maatunnus')
        .replace(b"xmlns:xsi", f'xmlns:q="{NAMESPACE}" xmlns:xsi'.encode())
    )
    assert_valid(written_again(document))
    assert list(read_document(written_again(document))) == list(read_document(document))


def test_the_examples_beside_the_project_are_read_and_written_with_equal_content(shared: Path):
    for path in sorted((shared / "testdata" / "virta").glob("*.xml")):
        document = path.read_bytes()
        assert canonical(written_again(document)) == canonical(document)


def test_what_is_not_declared_is_kept_with_name_and_place_and_written_again():
    document = f"""<Liikkuvuusjaksot xmlns="{NAMESPACE}" xmlns:o="urn:other">
<Liikkuvuusjakso avain="1" opiskelijaAvain="2" o:seen="yes"><Myontaja>02472</Myontaja>
<Uusi a="1"><Sisalla>&lt;</Sisalla></Uusi><AlkuPvm>2023-08-28</AlkuPvm><LoppuPvm>2023-12-20</LoppuPvm>
<Suunta>1</Suunta><Maa o:by="me">056</Maa><Maa>246</Maa><o:Last/>
<Paljas xmlns=""><x/></Paljas></Liikkuvuusjakso></Liikkuvuusjaksot>""".encode()
    (record,) = read_document(document)
    assert isinstance(record, Liikkuvuusjakso)
    assert record.Maa == "056"
    assert [kept.name for kept in record.rest] == [
        "{urn:other}seen",
        f"{{{NAMESPACE}}}Uusi",
        f"{{{NAMESPACE}}}Maa",
        "{urn:other}Last",
        "Paljas",
    ]
    assert canonical(written_again(document)) == canonical(document)


def test_elements_between_records_that_are_not_declared_are_named():
    document = f"""<Virta xmlns="{NAMESPACE}"><Uusi/><Opiskelija avain="1"><Liikkuvuusjaksot><Outo/>
</Liikkuvuusjaksot><Muuta/></Opiskelija><Lopuksi/></Virta>""".encode()
    found = read_document(document)
    assert len(list(found)) == 1
    assert dict(found.aside) == {
        f"{{{NAMESPACE}}}{n}": 1 for n in ("Uusi", "Outo", "Muuta", "Lopuksi")
    }


def test_the_day_that_says_no_end_is_read_as_empty_and_never_written():
    document = nested([student(), everything(KINDS[1].shape, LISTS)]).replace(
        b"<LoppuPvm>2024-02-29</LoppuPvm>", b"<LoppuPvm>2112-12-21</LoppuPvm>"
    )
    right = list(read_document(document))[1]
    assert right.LoppuPvm is None
    assert {state.LoppuPvm for state in right.Tila} == {None}
    assert b"2112" not in written_again(document)
    assert b"2112" not in separate([period(LoppuPvm="2112-12-21")], Liikkuvuusjakso)


def test_the_same_records_give_the_same_bytes_and_name_the_namespace_once():
    held = [student("S-1"), period(), student("S-2"), student("S-3"), period(avain="M-2")]
    assert nested(held) == nested(list(held))
    assert nested(held).count(NAMESPACE.encode()) == 1


def test_an_empty_list_is_left_out_and_an_empty_file_refused():
    assert b"Opiskeluoikeudet" not in nested([student(), period()])
    with pytest.raises(Invalid) as refused:
        write_periods(io.BytesIO(), [])
    assert refused.value.code == "virta.no-records"


def test_records_out_of_order_are_a_fault_of_the_caller():
    with pytest.raises(TypeError, match="stands too late"):
        write_virta(io.BytesIO(), [period()])
    with pytest.raises(TypeError, match="stands too late"):
        write_virta(io.BytesIO(), [student(), period(), everything(KINDS[1].shape, LISTS)])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
@settings(deadline=None)
def test_any_text_is_written_as_lxml_writes_it_or_refused_as_lxml_refuses_it(text):
    try:
        element = etree.Element("x", a=text)
        element.text = text
    except ValueError:
        with pytest.raises(Invalid):
            separate([student("k", Sukunimi=text)], Opiskelija)
        return
    written = separate([student(text, Sukunimi=text)], Opiskelija).decode()
    as_attribute, as_text = (
        etree.tostring(element, encoding="unicode")[6:].split('">', 1) if text else ("", "")
    )
    assert f'avain="{as_attribute}"' in written
    assert f"<Sukunimi>{as_text.removesuffix('</x>')}</Sukunimi>" in written


@pytest.mark.parametrize("broken", ["\x00", "\x0b", "\ud800"])
def test_a_text_that_xml_cannot_carry_is_refused_with_the_key_of_the_record(broken):
    with pytest.raises(Invalid) as refused:
        write_periods(io.BytesIO(), [period(koulutusmoduulitunniste=broken)])
    assert refused.value.facts["key"] == "M-1"
    with pytest.raises(Invalid) as refused:
        write_virta(io.BytesIO(), [student("S-9", Sukunimi=broken)])
    assert refused.value.facts["key"] == "S-9"


def test_a_broken_record_is_read_as_far_as_it_goes():
    document = (
        f'<Opintosuoritukset xmlns="{NAMESPACE}"><Opintosuoritus/></Opintosuoritukset>'.encode()
    )
    (record,) = read_document(document)
    assert (record.avain, record.Laajuus.Opintopiste, record.Arvosana.Muu) == ("", "", None)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE Virta [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>
<Virta xmlns="urn:mace:funet.fi:virta/2015/09/01"><Opiskelija avain="&d;"/></Virta>"""


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        BOMB.replace(b'"aaaaaaaaaa"', b'SYSTEM "file:///etc/hostname"'),
        b'<!DOCTYPE Virta SYSTEM "http://127.0.0.1:9/x.dtd"><Virta xmlns="urn:mace:funet.fi:virta/2015/09/01"/>',
    ],
)
def test_document_types_are_refused_and_nothing_is_looked_up(document):
    with pytest.raises(Unreadable) as refused:
        list(read_document(document))
    assert refused.value.code == "virta.document-type"
