"""The catalogue: what may not be, what changes, what the journal says, and who sees it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.cast import NOON, Cast, account, role
from vaihto.institutions.models import Unit
from vaihto.institutions.values import Link
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Coming, Image, Outcome, put_back
from vaihto.journal.models import Entry
from vaihto.offers import actions, queries
from vaihto.offers.facts import CreditFacts, OpportunityFacts, RealisationFacts
from vaihto.offers.models import Containment, Kind, LearningOpportunity, Realisation
from vaihto.people.models import Role
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale

HOUR = timedelta(hours=1)
LATER = NOON + HOUR


def opportunity(key: str = "C-1", **facts: Any) -> OpportunityFacts:
    return OpportunityFacts(
        **{"key": key, "code": key, "titles": {"en": f"Course {key}"}, "exposed": True, **facts}
    )


def realisation(key: str = "R-1", **facts: Any) -> RealisationFacts:
    return RealisationFacts(
        **{
            "opportunity": "C-1",
            "key": key,
            "start": date(2026, 9, 1),
            "end": date(2026, 12, 18),
            "credits": (CreditFacts(scheme="ects", value=Decimal(5)),),
            **facts,
        }
    )


def bring(cast: Cast, *facts: OpportunityFacts, **more: Any) -> list[Outcome]:
    return actions.bring_opportunities(
        actor=cast.actor(cast.bruno),
        institution=cast.sending,
        facts=facts,
        **{"now": NOON, **more},
    )


def teach(cast: Cast, *facts: RealisationFacts, **more: Any) -> list[Outcome]:
    return actions.bring_realisations(
        actor=cast.actor(cast.bruno),
        institution=cast.sending,
        facts=facts,
        **{"now": NOON, **more},
    )


def found(key: str = "C-1") -> LearningOpportunity:
    return LearningOpportunity.objects.get(key=key)


def codes_of(outcome: Outcome) -> list[str]:
    return [refusal.code for refusal in outcome.refusals]


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"titles": {}}, "fact.missing"),
        ({"titles": {"en": ""}}, "fact.missing"),
        ({"titles": {"English": "Waves"}}, "offer.language-form"),
        ({"titles": {"en": "x" * 301}}, "fact.too-long"),
        ({"titles": {"en": "a\x07b"}}, "fact.control-character"),
        ({"kind": "seminar"}, "fact.unknown-code"),
        ({"isced_code": "1234"}, "offer.field-unknown"),
        ({"isced_code": "613"}, "offer.field-unknown"),
        ({"subject_area": "eleven"}, "offer.subject-area-form"),
        ({"eqf_level": 9}, "fact.out-of-range"),
        ({"eqf_level": 0}, "fact.out-of-range"),
        ({"addresses": (Link("ftp://x.example"),)}, "offer.address-form"),
        ({"addresses": (Link("https://"),)}, "offer.address-form"),
        ({"addresses": (Link("https://x.example", "EN"),)}, "offer.language-form"),
        ({"unit": "NONE"}, "fact.unknown-code"),
        ({"part_of": ("P-1",)}, "fact.unknown-key"),
        ({"part_of": ("C-1",)}, "fact.unknown-key"),
        ({"code": "x" * 61}, "fact.too-long"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_and_nothing_is_written(
    cast: Cast, facts: dict[str, Any], code: str
) -> None:
    (outcome,) = bring(cast, opportunity(**facts))
    assert codes_of(outcome) == [code]
    assert not LearningOpportunity.objects.exists()


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"end": date(2026, 8, 31)}, "fact.dates-reversed"),
        ({"start": date(1026, 9, 1)}, "fact.impossible-day"),
        ({"academic_year": "2026-2027"}, "offer.year-form"),
        ({"academic_year": "2026/2028"}, "offer.year-form"),
        ({"term_number": 1, "term_count": 2}, "fact.missing"),
        ({"academic_year": "2026/2027", "term_number": 1}, "offer.term-form"),
        ({"academic_year": "2026/2027", "term_number": 3, "term_count": 2}, "offer.term-form"),
        ({"academic_year": "2026/2027", "term_number": 1, "term_count": 10}, "offer.term-form"),
        ({"language": "english"}, "offer.language-form"),
        ({"engagement_hours": Decimal(-1)}, "fact.impossible-number"),
        ({"credits": (CreditFacts(scheme="ects", value=Decimal("1.234")),)}, "fact.impossible-number"),
        ({"credits": (CreditFacts(scheme="", value=Decimal(1)),)}, "fact.missing"),
        ({"credits": (CreditFacts(scheme="ects", value=Decimal(1), level="First"),)}, "fact.unknown-code"),
        ({"credits": (CreditFacts(scheme="ects", value=Decimal(1)),) * 2}, "offer.credits-twice"),
        ({"results": (("5", -1),)}, "offer.result-form"),
        ({"opportunity": "C-9"}, "fact.unknown-key"),
    ],
)  # fmt: skip
def test_a_realisation_that_cannot_be_is_refused(
    cast: Cast, facts: dict[str, Any], code: str
) -> None:
    bring(cast, opportunity())
    (outcome,) = teach(cast, realisation(**facts))
    assert codes_of(outcome) == [code]
    assert not Realisation.objects.exists()


def test_a_realisation_of_one_day_is_one(cast: Cast) -> None:
    bring(cast, opportunity())
    teach(cast, realisation(end=date(2026, 9, 1)))
    assert Realisation.objects.get().end == date(2026, 9, 1)


def test_a_kind_never_changes(cast: Cast) -> None:
    bring(cast, opportunity())
    los_id = found().los_id
    (outcome,) = bring(cast, opportunity(kind="module"))
    assert codes_of(outcome) == ["offer.kind-changed"]
    assert (found().kind, found().los_id) == ("course", los_id)


def test_one_code_names_one_entry(cast: Cast) -> None:
    outcomes = bring(cast, opportunity(), opportunity("C-2", code="C-1"))
    assert [codes_of(one) for one in outcomes] == [[], ["offer.code-taken"]]
    (outcome,) = bring(cast, opportunity("C-3", code="C-1"))
    assert codes_of(outcome) == ["offer.code-taken"]


def test_the_preview_sees_a_code_and_a_whole_of_an_earlier_piece_of_the_file(cast: Cast) -> None:
    coming = Coming()
    plan = {
        "actor": cast.actor(cast.bruno),
        "institution": cast.sending,
        "coming": coming,
        "seen": {},
    }
    actions.plan_opportunities(facts=[opportunity("P-1", kind="programme")], **plan)
    one, other, third = actions.plan_opportunities(
        facts=[
            opportunity("C-2", part_of=("P-1",)),
            opportunity("C-3", code="P-1"),
            opportunity("C-4", part_of=("P-9",)),
        ],
        **plan,
    )
    assert [codes_of(each) for each in (one, other, third)] == [
        [],
        ["offer.code-taken"],
        ["fact.unknown-key"],
    ]
    assert not LearningOpportunity.objects.exists()


def test_a_whole_is_not_narrower_than_its_part(cast: Cast) -> None:
    outcomes = bring(
        cast, opportunity("C-1"), opportunity("P-1", kind="programme", part_of=("C-1",))
    )
    assert codes_of(outcomes[1]) == ["offer.whole-narrower"]


def test_nothing_is_part_of_itself_however_far_down(cast: Cast) -> None:
    bring(
        cast,
        opportunity("M-1", kind="module"),
        opportunity("M-2", kind="module", part_of=("M-1",)),
        opportunity("M-3", kind="module", part_of=("M-2",)),
    )
    (outcome,) = bring(cast, opportunity("M-1", kind="module", part_of=("M-3",)))
    assert codes_of(outcome) == ["offer.contains-itself"]
    for whole, part in (("M-3", "M-1"), ("M-1", "M-1")):
        with pytest.raises(Invalid, match="part of this already"):
            actions.add_part(
                actor=cast.actor(cast.bruno), whole=found(whole), part=found(part), now=LATER
            )
    outcomes = bring(
        cast,
        opportunity("M-2", kind="module"),
        opportunity("M-1", kind="module", part_of=("M-3",)),
    )
    assert [codes_of(one) for one in outcomes] == [[], []]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "programme"},
        {"eqf_level": 9},
        {"isced_code": "9998"},
        {"code": "C-2"},
        {"key": "C-2"},
    ],
)
def test_the_database_itself_refuses_what_must_never_be(cast: Cast, wrong: dict[str, Any]) -> None:
    bring(cast, opportunity(), opportunity("C-2"))
    with pytest.raises(IntegrityError), transaction.atomic():
        LearningOpportunity.objects.filter(key="C-1").update(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": date(2026, 8, 1)},
        {"term_number": 3, "term_count": 2},
        {"term_start": date(2027, 1, 1), "term_end": date(2026, 1, 1)},
    ],
)
def test_the_database_itself_refuses_an_impossible_realisation(
    cast: Cast, wrong: dict[str, Any]
) -> None:
    bring(cast, opportunity())
    teach(cast, realisation())
    with pytest.raises(IntegrityError), transaction.atomic():
        Realisation.objects.update(**wrong)


def test_only_those_with_a_role_for_it_change_the_catalogue(cast: Cast) -> None:
    bring(cast, opportunity())
    teach(cast, realisation())
    for holder in (cast.chiara, cast.dara, cast.aino):
        actor = cast.actor(holder)
        for attempt in (
            lambda actor=actor: actions.create(
                actor=actor, institution=cast.sending, facts=opportunity("X"), now=NOON
            ),
            lambda actor=actor: actions.edit(
                actor=actor, opportunity=found(), facts=opportunity(), now=NOON
            ),
            lambda actor=actor: actions.expose(
                actor=actor, opportunities=[found()], exposed=False, now=NOON
            ),
            lambda actor=actor: actions.withdraw(actor=actor, opportunity=found(), now=NOON),
            lambda actor=actor: actions.remove_realisation(
                actor=actor, realisation=Realisation.objects.get(), now=NOON
            ),
        ):
            with pytest.raises(NotAllowed):
                attempt()
    assert LearningOpportunity.objects.get().exposed


def unit_coordinator(cast: Cast) -> Actor:
    holder = account("unit-coordinator")
    role(holder, Role.Name.COORDINATOR, cast.sending, unit=cast.unit)
    return cast.actor(holder)


def test_a_role_for_a_unit_reaches_what_that_unit_organises(cast: Cast) -> None:
    Unit.objects.create(institution=cast.sending, code="ART", name="School of Arts")
    actor = unit_coordinator(cast)
    facts = [opportunity(unit="ENG"), opportunity("C-2", unit="ART"), opportunity("C-3")]
    outcomes = actions.plan_opportunities(actor=actor, institution=cast.sending, facts=facts)
    assert [codes_of(one) for one in outcomes] == [
        [],
        ["fact.unit-not-in-reach"],
        ["fact.unit-not-in-reach"],
    ]
    bring(cast, *facts)
    for key, is_own in (("C-1", True), ("C-2", False), ("C-3", False)):
        assert actions.may_edit(actor, found(key)) is is_own
        try:
            actions.withdraw(actor=actor, opportunity=found(key), now=LATER)
            done = True
        except Refusal:
            done = False
        assert done is is_own


def test_an_entry_is_made_for_a_hosted_institution_only(cast: Cast) -> None:
    cast.sending.hosted = False
    cast.sending.save()
    with pytest.raises(NotAllowed, match="not kept here"):
        actions.create(
            actor=cast.actor(cast.bruno), institution=cast.sending, facts=opportunity(), now=NOON
        )


# What changes ------------------------------------------------------------------------------------


def test_bringing_twice_changes_nothing_the_second_time(cast: Cast) -> None:
    facts = [
        opportunity("P-1", kind="programme"),
        opportunity(
            part_of=("P-1",),
            unit="ENG",
            descriptions={"en": "Line\nline"},
            addresses=(Link("https://x.example/c", "en"),),
            eqf_level=6,
            isced_code="0613",
        ),
    ]
    taught = realisation(
        academic_year="2026/2027",
        term_number=1,
        term_count=2,
        term_names={"en": "Autumn"},
        results=(("5", 3), ("4", 1)),
        engagement_hours=Decimal("133.5"),
        credits=(
            CreditFacts(scheme="ov", value=Decimal("3.50"), level="Master"),
            CreditFacts(scheme="ects", value=Decimal(5)),
        ),
    )
    bring(cast, *facts)
    teach(cast, taught)
    before = Entry.objects.count(), found().modified_at
    verdicts = [one.verdict for one in (*bring(cast, *facts, now=LATER), *teach(cast, taught))]
    assert verdicts == ["unchanged"] * 3
    assert (Entry.objects.count(), found().modified_at) == before
    stored = Realisation.objects.get()
    assert [(one.scheme, one.value, one.level) for one in stored.credit_list] == [
        ("ects", Decimal(5), ""),
        ("ov", Decimal("3.5"), "Master"),
    ]
    assert stored.ects == Decimal(5)
    assert stored.loi_id.startswith("CRI/")


def test_a_change_says_what_was_and_what_is(cast: Cast) -> None:
    bring(cast, opportunity())
    los_id = found().los_id
    (outcome,) = bring(
        cast, opportunity(code="C-1b", titles={"en": "Waves", "fi": "Aallot"}), now=LATER
    )
    assert outcome.changes == {
        "code": ["C-1", "C-1b"],
        "titles": [{"en": "Course C-1"}, {"en": "Waves", "fi": "Aallot"}],
    }
    one = found()
    assert (one.los_id, one.title, one.modified_at) == (los_id, "Waves", LATER)
    assert "aallot" in one.search
    line = Entry.objects.get(verb="opportunity.changed")
    assert (line.changes, line.institution_id) == (outcome.changes, cast.sending.pk)


def test_a_file_that_does_not_speak_of_a_field_leaves_it(cast: Cast) -> None:
    bring(cast, opportunity(isced_code="0613"))
    (outcome,) = bring(
        cast, OpportunityFacts(key="C-1", titles={"en": "New"}), said={"key", "titles"}
    )
    assert outcome.changes.keys() == {"titles"}
    one = found()
    assert (one.isced_code, one.code, one.exposed) == ("0613", "C-1", True)


def test_the_register_takes_over_what_was_entered_by_hand_under_its_code(cast: Cast) -> None:
    actor = cast.actor(cast.bruno)
    made = actions.create(
        actor=actor, institution=cast.sending, facts=opportunity("", code="C-1"), now=NOON
    )
    (outcome,) = bring(cast, opportunity())
    assert (outcome.verdict, outcome.changes["key"]) == ("changed", ["", "C-1"])
    assert found().pk == made.pk
    assert found().los_id == made.los_id


def test_what_the_register_says_of_parts_leaves_links_made_by_hand(cast: Cast) -> None:
    bring(
        cast,
        opportunity("P-1", kind="programme"),
        opportunity("P-2", kind="programme"),
        opportunity(part_of=("P-1",)),
    )
    by_hand = actions.create(
        actor=cast.actor(cast.bruno),
        institution=cast.sending,
        facts=opportunity("", code="H", kind="programme"),
        now=NOON,
    )
    actions.add_part(actor=cast.actor(cast.bruno), whole=by_hand, part=found(), now=NOON)
    (outcome,) = bring(cast, opportunity(part_of=("P-2",)), now=LATER)
    assert outcome.changes == {"part_of": [["P-1"], ["P-2"]]}
    wholes = set(found().wholes.values_list("code", flat=True))
    assert wholes == {"P-2", "H"}
    assert [found(key).modified_at for key in ("P-1", "P-2")] == [LATER, LATER]


def test_a_batch_is_put_back_from_its_images(cast: Cast) -> None:
    bring(cast, opportunity("P-1", kind="programme"), opportunity(part_of=("P-1",)))
    images: list[Image] = []
    bring(
        cast,
        opportunity(titles={"en": "Other"}, part_of=()),
        opportunity("C-2", part_of=("P-1",), addresses=(Link("https://x.example"),)),
        now=LATER,
        keep=images.extend,
    )
    assert set(Containment.objects.values_list("part__key", flat=True)) == {"C-2"}
    put_back(reversed(images))
    assert found().title == "Course C-1"
    assert list(Containment.objects.values_list("part__key", flat=True)) == ["C-1"]
    assert not LearningOpportunity.objects.filter(key="C-2").exists()


def test_an_edit_of_what_changed_meanwhile_is_refused(cast: Cast) -> None:
    bring(cast, opportunity())
    edit = {
        "actor": cast.actor(cast.bruno),
        "opportunity": found(),
        "facts": opportunity(titles={"en": "Mine"}),
        "now": LATER,
        "seen": NOON,
        "said": {"titles"},
    }
    actions.edit(**edit)
    with pytest.raises(Stale):
        actions.edit(**edit)


def test_withdrawing_keeps_the_identifier_and_frees_the_code(cast: Cast) -> None:
    actor = cast.actor(cast.bruno)
    bring(cast, opportunity())
    one = actions.withdraw(actor=actor, opportunity=found(), now=LATER, reason="No teacher.")
    assert (one.withdrawn_at, one.modified_at) == (LATER, LATER)
    assert Entry.objects.get(verb="opportunity.withdrawn").reason == "No teacher."
    bring(cast, opportunity("C-2", code="C-1"))
    with pytest.raises(Invalid, match="already names"):
        actions.bring_back(actor=actor, opportunity=found(), now=LATER)
    bring(cast, opportunity("C-2", code="C-2"))
    back = actions.bring_back(actor=actor, opportunity=found(), now=LATER + HOUR)
    assert (back.los_id, back.withdrawn_at) == (one.los_id, None)


def test_a_file_does_not_bring_back_what_the_office_withdrew(cast: Cast) -> None:
    bring(cast, opportunity())
    actions.withdraw(actor=cast.actor(cast.bruno), opportunity=found(), now=LATER)
    bring(cast, opportunity(titles={"en": "Again"}), now=LATER)
    assert (found().title, found().withdrawn_at) == ("Again", LATER)


def test_a_withdrawn_entry_takes_no_new_realisation(cast: Cast) -> None:
    bring(cast, opportunity())
    actions.withdraw(actor=cast.actor(cast.bruno), opportunity=found(), now=LATER)
    with pytest.raises(actions.Withdrawn):
        actions.add_realisation(
            actor=cast.actor(cast.bruno), opportunity=found(), facts=realisation(), now=LATER
        )


# What others see ---------------------------------------------------------------------------------


def test_strangers_and_others_see_what_is_exposed_and_the_institution_sees_all(cast: Cast) -> None:
    bring(cast, opportunity(), opportunity("C-2", exposed=False), opportunity("C-3"))
    actions.withdraw(actor=cast.actor(cast.bruno), opportunity=found("C-3"), now=LATER)
    seen = {
        name: set(LearningOpportunity.objects.visible_to(actor).values_list("key", flat=True))
        for name, actor in {
            "stranger": Actor.stranger(),
            "dara": cast.actor(cast.dara),
            "aino": cast.actor(cast.aino),
            "bruno": cast.actor(cast.bruno),
            "system": Actor.system(),
        }.items()
    }
    everything = {"C-1", "C-2", "C-3"}
    assert seen == {
        "stranger": {"C-1"},
        "dara": {"C-1"},
        "aino": {"C-1"},
        "bruno": everything,
        "system": everything,
    }


def changed_codes(cast: Cast) -> set[str]:
    ids = queries.changed_since(cast.sending, NOON)
    return {one.code for one in queries.by_ids(cast.sending, ids)}


def test_partners_are_told_what_changed_after_an_instant(cast: Cast) -> None:
    actor = cast.actor(cast.bruno)
    bring(
        cast,
        opportunity("P-1", kind="programme"),
        *(opportunity(f"C-{n}", part_of=("P-1",)) for n in range(1, 6)),
        opportunity("C-9", exposed=False),
    )
    teach(cast, realisation())
    assert changed_codes(cast) == set()
    bring(cast, opportunity("C-2", titles={"en": "New"}), now=LATER, said={"titles"})
    assert changed_codes(cast) == {"C-2"}
    actions.edit_realisation(
        actor=actor,
        realisation=Realisation.objects.get(),
        facts=realisation(language="fi"),
        now=LATER,
    )
    assert changed_codes(cast) == {"C-1", "C-2"}
    assert "C-9" not in changed_codes(cast)
    actions.expose(actor=actor, opportunities=[found("C-9")], exposed=True, now=LATER)
    assert changed_codes(cast) == {"C-1", "C-2", "C-9"}
    actions.withdraw(actor=actor, opportunity=found("C-3"), now=LATER)
    # What contained it says something else now; it is no longer named itself.
    assert changed_codes(cast) == {"C-1", "C-2", "C-9", "P-1"}
    assert found("C-3").los_id not in queries.exposed(cast.sending)


def test_hidden_parts_are_not_referred_to(cast: Cast) -> None:
    bring(
        cast,
        opportunity("P-1", kind="programme"),
        opportunity(part_of=("P-1",)),
        opportunity("C-2", part_of=("P-1",), exposed=False),
    )
    (programme,) = queries.by_codes(cast.sending, ["P-1"])
    assert [part.code for part in queries.published_parts(programme)] == ["C-1"]


def test_the_same_number_of_queries_for_one_and_for_thirty(cast: Cast) -> None:
    bring(
        cast,
        opportunity("P-1", kind="programme"),
        *(opportunity(f"C-{n}", part_of=("P-1",), unit="ENG") for n in range(30)),
    )
    teach(cast, *(realisation(opportunity=f"C-{n}") for n in range(30)))
    ids = queries.exposed(cast.sending)

    def read(wanted: list[str]) -> int:
        with CaptureQueriesContext(connection) as asked:
            for one in queries.by_ids(cast.sending, wanted):
                list(one.realisations.all())
                queries.published_parts(one)
                str(one.unit)
        return len(asked)

    assert read(ids[:1]) == read(ids) == 3


def test_another_institutions_ids_and_codes_are_unknown(cast: Cast) -> None:
    bring(cast, opportunity())
    assert queries.by_ids(cast.receiving, [found().los_id]) == []
    assert queries.by_codes(cast.receiving, ["C-1"]) == []
    assert queries.by_codes(cast.sending, ["", "nothing"]) == []


def test_identifiers_state_the_kind(cast: Cast) -> None:
    bring(cast, *(opportunity(f"X-{kind}", kind=kind.value) for kind in Kind))
    prefixes = {one.kind: one.los_id.partition("/")[0] for one in LearningOpportunity.objects.all()}
    assert prefixes == {"programme": "DEP", "module": "MOD", "course": "CR", "class": "CLS"}
    assert all(len(one.los_id) <= 45 for one in LearningOpportunity.objects.all())


@pytest.mark.parametrize(("asked", "by"), [("los_id", "los_id=?"), ("code", "code=?")])
def test_an_entry_is_found_along_an_index_however_large_the_catalogue(
    cast: Cast, asked: str, by: str
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL plans by what the tables hold")
    bring(cast, opportunity())
    with CaptureQueriesContext(connection) as queries_asked:
        if asked == "code":
            queries.by_codes(cast.sending, ["C-1", "C-2"])
        else:
            queries.by_ids(cast.sending, [found().los_id, "CR/x"])
    query = next(one["sql"] for one in queries_asked if asked + '" IN' in one["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        plan = " ".join(str(line) for line in cursor.fetchall())
    assert by in plan
