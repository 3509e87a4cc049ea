# ruff: noqa: S311  dice for tests keep no secret
"""The verdict is the official schema's, the explanation is ours, and both agree."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from lxml import etree

from tests.virta.documents import (
    OFFICIAL,
    WITHOUT_SCHEMAS,
    everything,
    nested,
    period,
    separate,
    student,
)
from vaihto.virta import validation
from vaihto.virta.forms import Listed
from vaihto.virta.problems import Problem, told
from vaihto.virta.records import KINDS, NAMESPACE, Liikkuvuusjakso, Opintosuoritus, Shape
from vaihto.virta.structure import record_problems, root_problems
from vaihto.virta.validation import (
    FOLDED_FROM,
    SchemasUnusable,
    Validation,
    official,
    pattern_of,
    schema_version,
    validate,
)

with_schemas = pytest.mark.skipif(OFFICIAL is None, reason=WITHOUT_SCHEMAS)
LISTS = OFFICIAL.lists if OFFICIAL else {}
ENDING = b"</Liikkuvuusjaksot>"


def problems(document: bytes, *, own: bool = False) -> list[Problem]:
    return list(Validation(document, None if own else OFFICIAL))


def parsed(document: bytes) -> etree._Element:
    return etree.fromstring(document)


# --- folded lists ---------------------------------------------------------------------------------


def folded_lists() -> list[str]:
    return sorted(name for name, codes in LISTS.items() if len(codes) >= FOLDED_FROM)


def near(code: str, codes: frozenset[str]) -> list[str]:
    """Wrong spellings of a code that a sloppy pattern would let through."""
    tries = [
        code + "0",
        code[:-1],
        " " + code,
        code + " ",
        code.swapcase(),
        "0" + code,
        code * 2,
        code + "|",
        ".",
        "",
    ]
    tries += [code[:i] + "." + code[i + 1 :] for i in range(len(code))]
    return [wrong for wrong in tries if wrong not in codes]


@with_schemas
@pytest.mark.parametrize("name", folded_lists())
def test_a_folded_list_accepts_exactly_the_codes_of_the_published_one(name):
    codes = LISTS[name]
    schemas = []
    for fold in (False, True):
        merged = validation._merged(OFFICIAL.folder, fold=fold)
        top = etree.SubElement(merged, "{http://www.w3.org/2001/XMLSchema}element", name="only")
        top.set("type", f"virta:{name}")
        schemas.append(etree.XMLSchema(merged))
    published, folded = schemas
    sample = sorted(codes) if len(codes) < 800 else random.Random(1).sample(sorted(codes), 100)
    wrong = [each for code in sample[:20] for each in near(code, codes)]
    element = etree.Element(f"{{{NAMESPACE}}}only")
    for value in [*sample, *wrong]:
        element.text = value
        verdict = published.validate(element)
        assert verdict == (value in codes), value
        assert folded.validate(element) == verdict, value
    for value in codes:
        element.text = value
        assert folded.validate(element), value


def test_a_pattern_treats_every_character_as_itself():
    values = [
        "a.b",
        "a-b",
        "x|y",
        "(",
        "a.",
        "a",
        "[1]",
        "\\d",
        "1/2/3",
        "^",
        "$",
        "{2}",
        "?",
        "*+",
    ]
    schema = etree.XMLSchema(
        etree.fromstring(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="v"><xs:simpleType>'
            f'<xs:restriction base="xs:string"><xs:pattern value="{pattern_of(values)}"/>'
            "</xs:restriction></xs:simpleType></xs:element></xs:schema>"
        )
    )
    element = etree.Element("v")
    for value, expected in [
        *((v, True) for v in values),
        ("axb", False),
        ("ab", False),
        ("1", False),
        ("", False),
    ]:
        element.text = value
        assert schema.validate(element) is expected, value


# --- the same verdict, whichever way ---------------------------------------------------------------


def mutated(root: etree._Element, dice: random.Random) -> None:
    """Break a document, or change it harmlessly, in one place."""
    elements = [element for element in root.iter() if element is not root]
    element = dice.choice(elements)
    parent = element.getparent()
    match dice.randrange(9):
        case 0:
            parent.remove(element)
        case 1:
            parent.insert(dice.randrange(len(parent)), element)
        case 2:
            parent.append(etree.fromstring(etree.tostring(element)))
        case 3 if not len(element):
            element.text = dice.choice(
                [
                    "",
                    " ",
                    "0",
                    "1",
                    "99",
                    "246",
                    "2024-02-30",
                    "30.2.2024",
                    "1,5",
                    "HYV",
                    "x" * 300,
                    " 1 ",
                    "true",
                ]
            )
        case 4:
            element.set(
                dice.choice(["avain", "kieli", "outo", "versio"]),
                dice.choice(["", "fi", "x" * 150]),
            )
        case 5 if element.attrib:
            del element.attrib[dice.choice(sorted(element.attrib))]
        case 6:
            element.tail = dice.choice(["x", "\n"])
        case 7:
            etree.SubElement(
                element, f"{{{NAMESPACE}}}{dice.choice(['Maa', 'Tila', 'Outo'])}"
            ).text = "1"
        case _:
            element.tag = dice.choice([f"{{{NAMESPACE}}}Maa", "Maa", f"{{{NAMESPACE}}}Koodi"])


@with_schemas
@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(3, 40))]
)
def test_our_own_check_with_the_official_lists_says_what_the_published_schema_says(seed):
    dice = random.Random(seed)
    scales = ["Viisiportainen", "Hyvaksytty", "Tutkielma", "Muu"]
    held = [student()] + [
        everything(kind.shape, LISTS, scale=dice.choice(scales)) for kind in KINDS[1:]
    ]
    whole = nested(held)
    for _ in range(80):
        root = parsed(whole)
        for _ in range(dice.choice([1, 1, 2])):
            if len(root):
                mutated(root, dice)
        document = etree.tostring(root)
        verdict = OFFICIAL.published.validate(parsed(document))
        assert OFFICIAL.folded.validate(parsed(document)) == verdict
        own = list(root_problems(parsed(document), empty=len(parsed(document)) == 0))
        for element in parsed(document):
            own += record_problems(element, root="Virta", lists=LISTS)
        assert (own == []) == verdict, (document.decode(), own)
        found = problems(document)
        assert (found == []) == verdict, document.decode()
        assert [each for each in found if each.code == "schema"] == [], (document.decode(), found)
        for each in found:
            said = told(each, str)
            assert "%(" not in said.sentence + said.remedy
            assert said.sentence


@with_schemas
def test_a_bad_record_is_found_wherever_it_stands_in_a_piece(monkeypatch):
    monkeypatch.setattr(validation, "PIECE_RECORDS", 4)
    for bad in range(11):
        held = [period(avain=f"M-{n}", Maa="56" if n == bad else "056") for n in range(11)]
        (found,) = problems(separate(held, Liikkuvuusjakso))
        assert (found.kind, found.key, found.line, found.code) == (
            "Liikkuvuusjakso",
            f"M-{bad}",
            bad + 3,
            "value-code",
        )


@with_schemas
@pytest.mark.parametrize("bad", range(12))
def test_a_student_cut_between_pieces_is_judged_as_a_whole(monkeypatch, bad):
    monkeypatch.setattr(validation, "PIECE_RECORDS", 3)
    right = everything(KINDS[1].shape, LISTS)
    held = [student("S-0"), student("S-1"), right, right, right, right]
    held += [period(avain=f"M-{n}", Maa="56" if n == bad else "056") for n in range(12)]
    held += [student("S-2"), period(avain="M-last")]
    document = nested(held)
    check = Validation(document, OFFICIAL)
    assert [each.key for each in check] == [f"M-{bad}"]
    assert check.counts == {"Opiskelija": 3, "Opiskeluoikeus": 4, "Liikkuvuusjakso": 13}
    misplaced = parsed(document)
    lists = misplaced[1][-2:]
    misplaced[1].insert(misplaced[1].index(lists[0]), lists[1])
    assert {each.code for each in problems(etree.tostring(misplaced))} == {
        "element-order",
        "value-code",
    }


def test_a_valid_file_has_no_problem_without_schemas_either():
    held = [student()] + [everything(kind.shape, LISTS) for kind in KINDS[1:]]
    assert problems(nested(held), own=True) == []


# --- words ----------------------------------------------------------------------------------------

WRONG: list[tuple[str, dict[str, str], str, str]] = [
    ("value-code", {"Maa": "56"}, "Maa (country) has the value “56”", "Write 056"),
    ("value-code", {"Maa": "FI"}, "Maa (country) has the value “FI”", "Write 246"),
    (
        "value-code",
        {"Suunta": "3"},
        "Suunta (direction) has the value “3”",
        "Use one of: 1 (Outgoing), 2 (Incoming).",
    ),
    ("value-code", {"Liikkuvuusohjelma": "Erasmus"}, "Liikkuvuusohjelma (programme)", "101"),
    (
        "value-day",
        {"AlkuPvm": "28.8.2023"},
        "AlkuPvm (first day) has the value “28.8.2023”",
        "Write 2023-08-28",
    ),
    ("value-day", {"AlkuPvm": "2023-08-28T00:00:00"}, "not a date", "Write 2023-08-28"),
    ("value-day", {"AlkuPvm": "elokuu"}, "not a date", "for example 2025-09-01"),
    ("value-day-impossible", {"LoppuPvm": "2023-02-29"}, "there is no such day", "right day"),
    ("value-day-early", {"AlkuPvm": "1899-12-31"}, "before 1900-01-01", "right day"),
    ("value-code", {"Maa": " 056\n"}, "“ 056⏎”", "Write 056, without blanks"),
    ("value-code", {"OpiskeluoikeusTyyppi": "01"}, "“01”", "Write 1: zeros"),
    ("value-code", {"Luokittelu": ("B",)}, "“B”", "Write b: capital"),
    ("value-code-unaccepted", {"Maa": "907"}, "transfer does not accept", "Write 999"),
    ("value-empty", {"LoppuPvm": ""}, "LoppuPvm (last day) is empty", "required"),
    ("value-empty", {"Tyyppi": ""}, "Tyyppi (type of mobility) is empty", "leave the element out"),
    ("value-long", {"avain": "M" * 101}, "@avain (key) has 101 characters; at most 100", "Shorten"),
]


@pytest.mark.parametrize("own", [False, True], ids=["official", "own"])
@pytest.mark.parametrize(("code", "changed", "says", "do"), WRONG)
def test_a_wrong_value_is_told_with_the_value_and_what_to_do(code, changed, says, do, own):
    if not own and OFFICIAL is None:
        pytest.skip(WITHOUT_SCHEMAS)
    (found,) = problems(separate([period(**changed)], Liikkuvuusjakso), own=own)
    words = told(found, str)
    assert (found.code, found.line) == (code, 3)
    assert says in words.sentence
    assert do in words.remedy


def test_what_is_missing_is_told_with_its_place():
    document = separate([period()], Liikkuvuusjakso).replace(b"<Suunta>1</Suunta>", b"")
    (found,) = problems(document, own=True)
    assert told(found, str).sentence == "Suunta (direction) is missing."
    assert told(found, str).remedy == "Add it after LoppuPvm."
    document = separate([period()], Liikkuvuusjakso).replace(b' opiskelijaAvain="S-1"', b"")
    (found,) = problems(document, own=True)
    assert told(found, str).sentence == "@opiskelijaAvain (key of the student) is missing."


def test_one_misplaced_element_is_told_once():
    document = (
        separate([period()], Liikkuvuusjakso)
        .replace(b"<Maa>724</Maa>", b"")
        .replace(b"<Myontaja>", b"<Maa>724</Maa><Myontaja>")
    )
    (found,) = problems(document, own=True)
    assert (
        told(found, str).sentence
        == "Myontaja (recording institution) stands in the wrong order: it comes after Maa."
    )


def test_what_stands_one_level_too_high_is_told_where_to_go():
    document = nested([student(), period()])
    outside = document.replace(b"<Liikkuvuusjaksot>", b"").replace(b"</Liikkuvuusjaksot>", b"")
    (found,) = problems(outside, own=True)
    assert told(found, str).remedy == "Put it inside Liikkuvuusjaksot."
    flat = nested([student(), everything(KINDS[1].shape, LISTS)])
    flat = re.sub(b"<Tila>.*?</Tila><Tila>.*?</Tila>", b"<Tila>1</Tila>", flat)
    (found,) = problems(flat, own=True)
    assert (
        told(found, str).sentence
        == "Tila (state of the right) holds only the text “1”, but it must hold elements."
    )


def test_a_grade_on_two_scales_is_told_once():
    grade = everything(KINDS[3].shape, LISTS, scale="Hyvaksytty")
    document = separate([grade], Opintosuoritus)
    two = document.replace(b"<Arvosana>", b"<Arvosana><Viisiportainen>5</Viisiportainen>")
    assert [each.code for each in problems(two, own=True)] == ["element-choice-many"]


def test_a_misspelt_element_is_guessed():
    document = separate([period()], Liikkuvuusjakso).replace(b"Myontaja>", "Myöntäjä>".encode())
    found = problems(document, own=True)
    assert [each.code for each in found] == ["element-unknown", "element-missing"]
    assert "Perhaps Myontaja is meant" in told(found[0], str).remedy


def test_a_personal_value_is_never_shown():
    document = nested([student(Henkilotunnus="131052-308TX", Sukunimi="Ääkkönen" * 40)])
    words = " ".join(told(each, str).sentence for each in problems(document, own=True))
    assert "308" not in words
    assert "kkönen" not in words


def test_a_problem_is_told_in_the_words_of_the_reader():
    document = separate([period(Maa="x")], Liikkuvuusjakso)
    (found,) = problems(document, own=True)
    finnish = {"country": "maa", "mobility period": "liikkuvuusjakso"}
    words = told(found, lambda said: finnish.get(said, said))
    assert words.record == "liikkuvuusjakso M-1 (Liikkuvuusjakso)"
    assert words.sentence.startswith("Maa (maa) has the value")


ROOTS = {
    "a text in the outermost element": (
        b'<Liikkuvuusjaksot xmlns="%s">x' % NAMESPACE.encode(),
        "text-between",
    ),
    "an attribute of the outermost element": (
        b'<Liikkuvuusjaksot xmlns="%s" maa="1">' % NAMESPACE.encode(),
        "attribute-unknown",
    ),
    "another element beside the records": (
        b'<Liikkuvuusjaksot xmlns="%s"><Vieras/>' % NAMESPACE.encode(),
        "element-unknown",
    ),
}


@pytest.mark.parametrize("own", [False, True], ids=["official", "own"])
@pytest.mark.parametrize("case", ROOTS)
def test_the_outermost_element_is_judged_too(case, own):
    beginning, code = ROOTS[case]
    record = separate([period()], Liikkuvuusjakso).split(b"\n")[2]
    assert [each.code for each in problems(beginning + record + ENDING, own=own)] == [code]


@pytest.mark.parametrize("own", [False, True], ids=["official", "own"])
@pytest.mark.parametrize("root", ["Virta", *(kind.container for kind in KINDS)])
def test_a_file_without_a_record_is_not_valid(root, own):
    document = f'<{root} xmlns="{NAMESPACE}"></{root}>'.encode()
    assert [each.code for each in problems(document, own=own)] == ["list-empty"]


# --- schemas --------------------------------------------------------------------------------------


@with_schemas
def test_the_versions_of_the_schemas_are_known(virta_schemas: Path):
    assert schema_version(virta_schemas)["Virta"].count(".") == 2
    assert set(schema_version(virta_schemas)) >= {"Virta", "koodistot", "tyypit"}


def test_a_folder_without_schemas_is_no_schema_and_a_broken_one_is_refused(tmp_path: Path):
    assert official(None) is None
    assert official(tmp_path) is None
    (tmp_path / "Virta.xsd").write_text("<xs:schema")
    with pytest.raises(SchemasUnusable):
        official(tmp_path)
    assert list(validate(separate([period()], Liikkuvuusjakso), None)) == []


def test_the_lists_of_the_forms_are_named_as_in_the_schema():
    def forms(shape: Shape):
        for part in (*shape.attributes, *shape.children):
            yield from forms(part.content) if isinstance(part.content, Shape) else [part.content]

    used = [form for kind in KINDS for form in forms(kind.shape) if isinstance(form, Listed)]
    assert all(form.type_name.endswith("KoodiTyyppi") for form in used)


def test_record_problems_are_told_for_one_element_alone():
    root = parsed(separate([period(Maa="1")], Liikkuvuusjakso))
    found = list(record_problems(root[0], root="Liikkuvuusjaksot", lists={}))
    assert [each.path for each in found] == ["Maa"]
