"""Files of the catalogue: programmes, courses and their realisations."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.cast import NOON, Cast, account, role
from vaihto.imports import actions, queries
from vaihto.imports.models import Batch
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor
from vaihto.offers.models import Containment, LearningOpportunity, Realisation
from vaihto.offers.queries import changed_since
from vaihto.people.models import Role
from vaihto.refusals import NotAllowed

COURSES = """avain;laji;tunnus;nimi englanniksi;nimi suomeksi;title_own;own_language;description_en;isced-koodi;eqf-taso;url;part_of;julkinen
P 1;ohjelma;SEA;Coastal seas;Rannikkomeret;;;;521;7;;;kyllä
M-1;module;;Tides;;;;;;;;P 1;kyllä
C-1;opintojakso;SEA101;Waves;Aallot;Olas;es;"First line
second line";0532;7;https://north.example/c1;P 1, M-1;kyllä
"""
REALISATIONS = """course_key;key;start;end;lukuvuosi;term;terms_in_year;term_name_en;term_start;term_end;credits;credit_level;other_credits;other_scheme;language;engagement_hours;grading_scheme_en;results
C-1;R-1;7.9.2026;2026-12-18;2026/2027;1;2;Autumn term 2026;2026-08-01;2026-12-31;7,5;maisteri;4;ov;en;200;0–5;"5: 12, 4: 30"
"""


def bring(cast: Cast, text: str, kind: str, *, actor: Actor | None = None) -> Batch:
    actor = actor or cast.actor(cast.bruno)
    batch = actions.receive(
        actor=actor,
        institution=cast.sending,
        kind=kind,
        file=io.BytesIO(text.encode()),
        name="register.csv",
        now=NOON,
    )
    actions.make_preview(actor=actor, batch=batch, now=NOON)
    return actions.carry_out(actor=actor, batch=batch, mode="good_lines", now=NOON)


def problems(batch: Batch) -> list[tuple[int, str, str]]:
    return [
        (problem.line, problem.column, problem.code)
        for fate in queries.all_fates(batch, "refused")
        for problem in fate.problems
    ]


def test_a_file_of_courses_becomes_the_catalogue(cast: Cast) -> None:
    batch = bring(cast, COURSES, "courses")
    assert problems(batch) == []
    course = LearningOpportunity.objects.get(key="C-1")
    assert course.titles == {"en": "Waves", "fi": "Aallot", "es": "Olas"}
    assert course.descriptions == {"en": "First line\nsecond line"}
    assert (course.kind, course.isced_code, course.eqf_level) == ("course", "0532", 7)
    assert course.addresses == (Link("https://north.example/c1"),)
    assert course.exposed
    assert sorted(course.wholes.values_list("key", flat=True)) == ["M-1", "P 1"]
    # The spreadsheet had eaten the zero.
    assert LearningOpportunity.objects.get(key="P 1").isced_code == "0521"
    assert bring(cast, COURSES, "courses").unchanged == 3


def test_a_file_of_realisations_says_when_what_is_taught(cast: Cast) -> None:
    bring(cast, COURSES, "courses")
    batch = bring(cast, REALISATIONS, "realisations")
    assert problems(batch) == []
    one = Realisation.objects.get()
    assert str(one) == "2026-09-07–2026-12-18"
    assert one.credits == [["ects", "7.5", "Master"], ["ov", "4", "Master"]]
    assert (one.academic_year, one.term_number, one.term_count) == ("2026/2027", 1, 2)
    assert one.term_names == {"en": "Autumn term 2026"}
    assert one.results == [["5", 12], ["4", 30]]
    assert one.grading_labels == {"en": "0–5"}
    assert (one.language, one.engagement_hours) == ("en", Decimal(200))
    assert bring(cast, REALISATIONS, "realisations").unchanged == 1


@pytest.mark.parametrize("kind", ["courses", "realisations"])
@pytest.mark.parametrize("shape", ["csv", "xlsx"])
def test_the_examples_of_the_template_can_be_brought_in(cast: Cast, kind: str, shape: str) -> None:
    if kind == "realisations":
        bring(cast, queries.template("courses", "csv").decode("utf-8-sig"), "courses")
    actor = cast.actor(cast.bruno)
    batch = actions.receive(
        actor=actor,
        institution=cast.sending,
        kind=kind,
        file=io.BytesIO(queries.template(kind, shape)),
        name=f"template.{shape}",
        now=NOON,
    )
    actions.make_preview(actor=actor, batch=batch, now=NOON)
    assert problems(batch) == []
    assert batch.created == 2


def test_refused_lines_name_the_column_of_the_file(cast: Cast) -> None:
    batch = bring(
        cast,
        "key;nimi englanniksi;laji;isced-koodi;part_of;title_own\n"
        "C-1;One;seminar;;;\n"
        "C-2;Two;;9998;;\n"
        "C-3;;;;;\n"
        "C-4;Four;;;C-9;\n"
        "C-5;Five;;;;Cinco\n"
        "C-6;Six;;;;\n",
        "courses",
    )
    assert problems(batch) == [
        (2, "laji", "fact.unknown-code"),
        (3, "isced-koodi", "offer.field-unknown"),
        (4, "nimi englanniksi", "fact.missing"),
        (5, "part_of", "fact.unknown-key"),
        (6, "nimi englanniksi", "offer.language-form"),
    ]
    assert batch.created == 1


def test_results_that_are_no_numbers_are_refused_in_their_cell(cast: Cast) -> None:
    bring(cast, COURSES, "courses")
    batch = bring(
        cast,
        "course_key;key;start;end;results\nC-1;R-1;2026-09-01;2026-12-01;5 twelve\n",
        "realisations",
    )
    assert problems(batch) == [(2, "results", "cell.not-results")]


def test_taking_a_file_back_is_a_change_that_partners_are_told_of(cast: Cast) -> None:
    bring(cast, COURSES, "courses")
    later = NOON + timedelta(hours=1)
    batch = bring(cast, REALISATIONS, "realisations")
    course = LearningOpportunity.objects.get(key="C-1")
    assert changed_since(cast.sending, NOON) == []
    actions.take_back(actor=cast.actor(cast.bruno), batch=batch, now=later)
    assert not Realisation.objects.exists()
    assert course.los_id in changed_since(cast.sending, NOON)


def test_a_catalogue_brought_in_is_taken_back_whole(cast: Cast) -> None:
    batch = bring(cast, COURSES, "courses")
    actions.take_back(actor=cast.actor(cast.bruno), batch=batch, now=NOON)
    assert not LearningOpportunity.objects.exists()
    assert not Containment.objects.exists()


def test_who_keeps_the_catalogue_brings_its_files_and_no_others(cast: Cast) -> None:
    holder = account("keeper")
    role(holder, Role.Name.AGREEMENT_MANAGER, cast.sending)
    actor = cast.actor(holder)
    offered = [kind.name for kind in queries.kinds_for(actor)]
    assert offered == ["headcounts", "survey", "institutions", "courses", "realisations"]
    theirs = bring(cast, COURSES, "courses", actor=actor)
    with pytest.raises(NotAllowed):
        bring(cast, "key;family_name\nS-1;X\n", "persons", actor=actor)
    others = bring(cast, "key;family_name;given_names\nS-1;X;Y\n", "persons")
    seen = set(Batch.objects.visible_to(actor).values_list("pk", flat=True))
    assert seen & {theirs.pk, others.pk} == {theirs.pk}
    registrar_only = account("registrar-only")
    role(registrar_only, Role.Name.REGISTRAR, cast.sending)
    with pytest.raises(NotAllowed):
        bring(cast, COURSES, "courses", actor=cast.actor(registrar_only))
