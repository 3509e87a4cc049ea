"""Agreements as spreadsheets, out and in, and papers that a partner signed by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date

import pytest
from django.utils import translation
from python_calamine import CalamineWorkbook

from tests.agreements.two import Clock, both_ways, studies
from tests.cast import institution
from vaihto.agreements import actions
from vaihto.agreements.models import Agreement, Approval, ReceivedCopy
from vaihto.agreements.serving import standing
from vaihto.agreements.standing import State
from vaihto.agreements.terms import LanguageSkill, SubjectArea, Terms
from vaihto.channels import file, spreadsheet
from vaihto.channels.models import AgreementFile, Landing
from vaihto.channels.spreadsheet import Line, Plan
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.refusals import Refusal, Stale

A, P = "a.example", "partner.example"
US, SECOND = Actor.system("Agnes"), Actor.system("Second")

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ours(db: None) -> Institution:
    institution(P, name="Partner: of many (words)", hosted=False)
    return institution(A, name="University of A")


def _agreement(ours: Institution, clock: Clock, terms: Terms | None = None) -> Agreement:
    return actions.create(
        actor=US, institution=ours, partner=Institution.objects.get(hei_id=P),
        terms=terms or both_ways(A, P), now=clock(), code="A-1",
    )  # fmt: skip


Table = tuple[list[str], list[list[str]]]


def table_of(*agreements: Agreement) -> Table:
    content = spreadsheet.written(Agreement.objects.filter(pk__in=[one.pk for one in agreements]))
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    header, *rows = [[str(cell) for cell in row] for row in sheet.to_python()]
    return header, rows


def planned(table: Table, ours: Institution, landing: Landing = Landing.OURS) -> list[Plan]:
    header, rows = table
    lines = [Line(number, cells) for number, cells in enumerate(rows, 2)]
    return spreadsheet.plan(header, lines, institution=ours, landing=landing)


def carried(
    table: Table, ours: Institution, clock: Clock, landing: Landing = Landing.OURS
) -> list[dict[str, str]]:
    kept = spreadsheet.bring(
        actor=US, institution=ours, landing=landing, name="c:\\papers\\ours.xlsx", content=b"x",
        digest="d" * 64, now=clock(),
    )  # fmt: skip
    plans = planned(table, ours, landing)
    return spreadsheet.carry_out(actor=US, file=kept, plans=plans, now=clock())


def put(table: Table, row: int, column: str, value: str) -> None:
    table[1][row][list(spreadsheet.COLUMNS).index(column)] = value


ODD = both_ways(
    A,
    P,
    people="2.00",
    months="20.0",
    areas=(SubjectArea("0613", "only (games); or so"), SubjectArea("0215")),
    skills=(LanguageSkill("en", "B2", SubjectArea("0613")), LanguageSkill("sv")),
    levels=("7", "6"),
    other_terms="Nominations: April.\nBeds are scarce.",
    sending_unit="ENG",
)


@pytest.mark.parametrize("reader", ["en", "fi", "sv"])
def test_what_goes_out_comes_in_unchanged_to_the_letter(
    reader: str, ours: Institution, clock: Clock
) -> None:
    agreement = _agreement(ours, clock, ODD)
    with translation.override(reader):
        table = table_of(agreement)
    (plan,) = planned(table, ours)
    assert plan.problems == []
    assert plan.verdict == "unchanged"
    assert plan.terms == agreement.terms


def test_a_draft_without_conditions_comes_in_as_it_went_out(
    ours: Institution, clock: Clock
) -> None:
    table = table_of(_agreement(ours, clock, Terms()))
    (plan,) = planned(table, ours)
    assert (plan.problems, plan.verdict, plan.terms.conditions) == ([], "unchanged", ())
    put(table, 0, "people", "9")
    (plan,) = planned(table, ours)
    assert [one.column for one in plan.problems] == ["kind"]


def test_a_sheet_offers_the_kinds_and_has_words_beside_codes(
    ours: Institution, clock: Clock
) -> None:
    header, rows = table_of(_agreement(ours, clock))
    assert header[0] == "Our code"
    assert "studies: Student mobility for studies" in rows[0]
    assert any(cell.startswith("0613 ") for cell in rows[0])


def test_what_was_typed_changes_that_and_nothing_else(ours: Institution, clock: Clock) -> None:
    agreement = _agreement(ours, clock, ODD)
    table = table_of(agreement)
    put(table, 0, "people", "7")
    put(table, 0, "areas", "0613 (only games)\n0311")
    put(table, 0, "skills", "en B2; fi C1: 0311")
    put(table, 0, "levels", "7")
    (plan,) = planned(table, ours)
    assert [row.verdict for row in plan.rows] == ["changed", "unchanged"]
    assert ("people", "2", "7") in plan.rows[0].changes
    before = agreement.terms.conditions[0]
    assert plan.terms.conditions[0] == replace(
        before,
        people="7",
        areas=(SubjectArea("0613", "only games"), SubjectArea("0311")),
        skills=(LanguageSkill("en", "B2"), LanguageSkill("fi", "C1", SubjectArea("0311"))),
        levels=("7",),
    )
    assert plan.terms.conditions[1] == agreement.terms.conditions[1]


def test_rows_are_added_and_removed(ours: Institution, clock: Clock) -> None:
    table = table_of(_agreement(ours, clock))
    put(table, 1, "condition", "")
    put(table, 1, "people", "4")
    (plan,) = planned(table, ours)
    assert [row.verdict for row in plan.rows] == ["unchanged", "created"]
    assert len(plan.removed) == 1
    carried(table, ours, clock)
    assert [one.people for one in Agreement.objects.get().terms.conditions] == ["2", "4"]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("kind", "study", "no kind of mobility"),
        ("first_year", "2026", "academic year"),
        ("people", "many", "whole number"),
        ("areas", "computing", "code of a field"),
        ("skills", "", "at least one language"),
        ("levels", "master", "no level"),
        ("blended", "perhaps", "yes or no"),
        ("sending", "third.example", "from one of the two partners"),
        ("condition", "two", "stands here twice"),
        ("partner", "unheard.example", "No institution"),
        ("programme", "erasmus-mundus", "no programme"),
        ("version", "0" * 16, "changed after this file"),
    ],
)
def test_what_is_wrong_is_told_with_row_and_column_and_nothing_comes_in(
    column: str, value: str, told: str, ours: Institution, clock: Clock
) -> None:
    agreement = _agreement(ours, clock)
    table = table_of(agreement)
    put(table, 0, column, value)
    put(table, 1, "people", "9")
    (plan,) = planned(table, ours)
    assert plan.verdict == "refused"
    (first, *_more) = plan.problems
    assert (first.line, first.column) == (2, column)
    assert told in first.sentence
    assert [one["verdict"] for one in carried(table, ours, clock)] == ["refused"]
    agreement.refresh_from_db()
    assert {one.people for one in agreement.terms.conditions} == {"2"}, "never half imported"


def test_a_formula_is_refused_where_it_stands(ours: Institution, clock: Clock) -> None:
    header, rows = table_of(_agreement(ours, clock))
    place = list(spreadsheet.COLUMNS).index("people")
    line = Line(2, rows[0], frozenset({place}))
    (plan,) = spreadsheet.plan(header, [line], institution=ours, landing=Landing.OURS)
    assert (plan.problems[0].line, plan.problems[0].column) == (2, "people")


def test_new_codes_make_drafts_in_bulk(ours: Institution, clock: Clock) -> None:
    table = table_of(_agreement(ours, clock))
    rows = []
    for number in range(30):
        for row in table[1]:
            copied = list(row)
            copied[0], copied[3], copied[-1] = f"OLD-{number}", "", ""
            rows.append(copied)
    told = carried((table[0], rows), ours, clock)
    assert {one["verdict"] for one in told} == {"created"}
    made = Agreement.objects.get(code="OLD-29")
    assert made.shared_at is None
    assert made.terms.conditions == Agreement.objects.get(code="A-1").terms.conditions


def test_carrying_out_twice_does_nothing_more(ours: Institution, clock: Clock) -> None:
    table = table_of(_agreement(ours, clock))
    put(table, 0, "people", "5")
    plans = planned(table, ours)
    kept = spreadsheet.bring(
        actor=US, institution=ours, landing=Landing.OURS, name="x", content=b"secret rows",
        digest="d" * 64, now=clock(),
    )  # fmt: skip
    assert b"secret" not in bytes(AgreementFile.objects.get().content)
    first = spreadsheet.carry_out(actor=US, file=kept, plans=plans, now=clock())
    assert spreadsheet.carry_out(actor=US, file=kept, plans=plans, now=clock()) == first
    assert Agreement.objects.get().revisions.count() == 2


def test_the_partners_answer_comes_as_its_copy(ours: Institution, clock: Clock) -> None:
    agreement = _agreement(ours, clock)
    actions.propose(actor=US, agreement=agreement, now=clock())
    table = table_of(agreement)
    put(table, 0, "people", "6")
    carried(table, ours, clock, Landing.PARTNER)
    received = ReceivedCopy.objects.get()
    assert received.agreement == agreement
    assert received.current is not None
    assert received.current.channel == "file"
    copy = received.current.copy
    assert copy is not None
    assert [one.people for one in copy.terms.conditions] == ["6", "2"]
    assert standing(Agreement.objects.get()).state is State.MAPPED


def test_a_partners_agreement_that_we_do_not_have_is_a_proposal(
    ours: Institution, clock: Clock
) -> None:
    table = table_of(_agreement(ours, clock))
    for row in (0, 1):
        put(table, row, "agreement", "P-77")
    carried(table, ours, clock, Landing.PARTNER)
    received = ReceivedCopy.objects.get()
    assert received.agreement is None
    taken = actions.take_in(actor=US, received=received, now=clock())
    assert taken.terms.conditions == both_ways(A, P).conditions


# --- Papers ---------------------------------------------------------------------------------------


def _signed(agreement: Agreement, clock: Clock, **changed: object) -> object:
    current = Agreement.objects.get(pk=agreement.pk).current
    assert current is not None
    facts = {
        "actor": US, "agreement": agreement, "name": "signed.pdf", "content": b"%PDF-1.7",
        "signed_by": "R. Rector", "mandate": "Rector", "signed_on": date(2026, 11, 1),
        "seen": current.digest, "now": clock(), **changed,
    }  # fmt: skip
    return file.bring_signed(**facts)  # type: ignore[arg-type]


@pytest.fixture
def shared(ours: Institution, clock: Clock) -> Agreement:
    agreement = _agreement(ours, clock)
    actions.propose(actor=US, agreement=agreement, now=clock())
    return agreement


def test_a_signed_paper_needs_a_second_person(shared: Agreement, clock: Clock) -> None:
    paper = _signed(shared, clock)
    with pytest.raises(file.SecondPerson):
        file.confirm_signed(actor=US, paper=paper, now=clock())  # type: ignore[arg-type]
    assert not Approval.objects.exists()
    file.confirm_signed(actor=SECOND, paper=paper, now=clock())  # type: ignore[arg-type]
    approval = Approval.objects.get()
    said = json.loads(bytes(approval.proof))
    assert (said["brought by"], said["confirmed by"]) == ("Agnes", "Second")
    assert approval.by == "R. Rector, Rector, partner.example"
    assert standing(Agreement.objects.get()).state is State.APPROVED_BY_PARTNER
    with pytest.raises(actions.WrongState):
        file.confirm_signed(actor=SECOND, paper=paper, now=clock())  # type: ignore[arg-type]


def test_a_paper_of_an_older_copy_is_not_confirmed(shared: Agreement, clock: Clock) -> None:
    paper = _signed(shared, clock)
    actions.edit(actor=US, agreement=shared, terms=Terms((studies(A, P),)), now=clock())
    with pytest.raises(Stale):
        file.confirm_signed(actor=SECOND, paper=paper, now=clock())  # type: ignore[arg-type]
    with pytest.raises(Refusal):
        _signed(shared, clock)
    file.refuse_signed(actor=US, paper=paper, reason="Old text.", now=clock())  # type: ignore[arg-type]
    assert _signed(shared, clock) != paper
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"content": b"<html>"},
        {"signed_by": " "},
        {"mandate": ""},
        {"signed_on": date(2027, 1, 1)},
        {"seen": "0" * 64},
    ],
)
def test_papers_that_cannot_be_are_refused(
    changed: dict[str, object], shared: Agreement, clock: Clock
) -> None:
    with pytest.raises(Refusal):
        _signed(shared, clock, **changed)
