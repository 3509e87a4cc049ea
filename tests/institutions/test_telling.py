"""What institutions tell their partners: profile, units, contacts and factsheet, changed through actions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace

import pytest
from django.db import IntegrityError, transaction

from tests.cast import NOON, TODAY, Cast, account
from tests.cast import role as give_role
from tests.institutions.telling import BOX, FACTSHEET, HEALTH, OFFICE, PROFILE, STREET
from vaihto.codes.erasmus_code import is_erasmus_code, normal_erasmus_code
from vaihto.institutions import actions
from vaihto.institutions.facts import UnitFacts, seen
from vaihto.institutions.models import Contact, Factsheet, Institution, Unit
from vaihto.institutions.queries import told
from vaihto.institutions.shapes import wrong_contact, wrong_factsheet, wrong_profile, wrong_unit
from vaihto.institutions.values import Address, Information, Link, Phone, Requirement
from vaihto.jobs.announcements import on
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.access import actor_of
from vaihto.people.models import Role
from vaihto.refusals import Invalid, NotAllowed, Refusal, Stale

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()


@pytest.fixture
def manager(cast: Cast) -> Actor:
    """The agreement manager of the sending institution."""
    who = account("manager")
    give_role(who, Role.Name.AGREEMENT_MANAGER, cast.sending)
    return actor_of(who, today=TODAY)


@contextmanager
def refused(code: str) -> Iterator[None]:
    """What happens inside is refused with this code."""
    with pytest.raises(Refusal) as refusal:
        yield
    assert refusal.value.code == code


def heard() -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []

    def listener(*, institution_id: int, what: str) -> None:
        found.append((institution_id, what))

    on(actions.INSTITUTION_CHANGED, listener)
    return found


@pytest.fixture(autouse=True)
def _as_before():
    """No listener of a test hears the next one."""
    listeners = actions.INSTITUTION_CHANGED._listeners
    before = list(listeners)
    yield
    listeners[:] = before


# --- Who may ---------------------------------------------------------------------------------------


def deeds(cast: Cast, actor: Actor):
    """Every deed on the data of the sending institution."""
    unit = cast.unit
    contact = Contact.objects.create(institution=cast.sending, names={"en": "Office"})
    place = cast.sending
    return [
        lambda: actions.edit_profile(actor=actor, institution=place, facts=PROFILE, now=NOON),
        lambda: actions.add_unit(actor=actor, institution=place, facts=HEALTH, now=NOON),
        lambda: actions.edit_unit(actor=actor, unit=unit, facts=HEALTH, now=NOON),
        lambda: actions.expose_units(
            actor=actor, institution=place, ounit_ids=[unit.ounit_id], exposed=True, now=NOON
        ),
        lambda: actions.choose_root(actor=actor, institution=place, unit=unit, now=NOON),
        lambda: actions.remove_unit(actor=actor, unit=unit, now=NOON),
        lambda: actions.add_contact(actor=actor, institution=place, facts=OFFICE, now=NOON),
        lambda: actions.edit_contact(actor=actor, contact=contact, facts=OFFICE, now=NOON),
        lambda: actions.move_contact(actor=actor, contact=contact, up=True, now=NOON),
        lambda: actions.remove_contact(actor=actor, contact=contact, now=NOON),
        lambda: actions.edit_factsheet(actor=actor, institution=place, facts=FACTSHEET, now=NOON),
    ]


def test_others_and_readers_change_nothing(cast: Cast) -> None:
    elsewhere = account("elsewhere")
    give_role(elsewhere, Role.Name.AGREEMENT_MANAGER, cast.receiving)
    for holder in (elsewhere, cast.bruno, cast.dara, cast.secretary):
        for deed in deeds(cast, actor_of(holder, today=TODAY)):
            with pytest.raises(NotAllowed):
                deed()
    assert Entry.objects.count() == 0


# --- The profile -----------------------------------------------------------------------------------


def test_the_agreement_manager_changes_the_profile_and_twice_changes_nothing(
    cast: Cast, manager: Actor
) -> None:
    told_of = heard()
    actions.edit_profile(actor=manager, institution=cast.sending, facts=PROFILE, now=NOON)
    (stored,) = told([Institution.objects.get(pk=cast.sending.pk)])
    assert stored.profile == PROFILE
    line = Entry.objects.get(verb="institution.changed")
    assert line.changes["street_address"] == [{}, STREET.stored()]
    assert line.changes["websites"] == [
        [],
        [{"url": "https://aalto-north.example/fi", "language": "fi"}],
    ]
    assert "name" not in line.changes
    assert told_of == [(cast.sending.pk, "profile")]
    actions.edit_profile(actor=manager, institution=cast.sending, facts=PROFILE, now=NOON)
    assert Entry.objects.count() == 1
    assert len(told_of) == 1


def test_who_was_slower_is_told(cast: Cast, manager: Actor) -> None:
    (before,) = told([cast.sending])
    mark = seen(before.profile)
    actions.edit_profile(
        actor=manager, institution=cast.sending, facts=PROFILE, now=NOON, expected=mark
    )
    with pytest.raises(Stale):
        actions.edit_profile(
            actor=manager,
            institution=cast.sending,
            facts=replace(PROFILE, city="Elsewhere"),
            now=NOON,
            expected=mark,
        )
    assert Institution.objects.get(pk=cast.sending.pk).city == "Lumila"


def fields_of(found: list[Refusal]) -> list[tuple[str, object]]:
    return [(refusal.code, refusal.facts["field"]) for refusal in found]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"name": " "}, "fact.missing", "name"),
        ({"names": {"engl ish": "x"}}, "institution.language-form", "names-0-language"),
        ({"names": {"en": ""}}, "fact.missing", "names-0-text"),
        ({"city": "a\x07"}, "fact.control-character", "city"),
        ({"website": "javascript:alert(1)"}, "institution.url-form", "website"),
        ({"website": "https:///nowhere"}, "institution.url-form", "website"),
        ({"website": "https://a.example/b c"}, "institution.url-blank", "website"),
        ({"website": "https://[::1"}, "institution.url-form", "website"),
        ({"website": "https://me:secret@a.example/"}, "institution.url-form", "website"),
        ({"website": "https://a.example/100%"}, "institution.url-form", "website"),
        ({"abbreviation": " "}, "fact.missing", "abbreviation"),
        ({"logo_url": "http://a.example/logo.png"}, "institution.url-form", "logo_url"),
        ({"websites": (Link("ftp://a.example"),)}, "institution.url-form", "websites-0-url"),
        ({"websites": (Link("", "en"),)}, "fact.missing", "websites-0-url"),
        (
            {"street_address": replace(STREET, lines=("Somewhere",))},
            "institution.address-twice",
            "street_address-lines",
        ),
        (
            {"mailing_address": Address(lines=("a", "b", "c", "d", "e"))},
            "institution.address-lines",
            "mailing_address-lines",
        ),
        (
            {"street_address": replace(STREET, country="FI")},
            "fact.unknown-code",
            "street_address-country",
        ),
        ({"previous_hei_ids": ("Not An Id",)}, "institution.hei-id-form", "previous_hei_ids"),
        ({"abbreviation": "x" * 31}, "fact.too-long", "abbreviation"),
        (
            {"websites": tuple(Link(f"https://a.example/{n}") for n in range(51))},
            "institution.too-many",
            "websites",
        ),
    ],
)
def test_what_cannot_be_stored_of_a_profile_is_refused_at_its_field(
    cast: Cast, manager: Actor, wrong, code: str, field: str
) -> None:
    facts = replace(PROFILE, **wrong)
    assert fields_of(wrong_profile(facts)) == [(code, field)]
    with pytest.raises(Invalid) as refusal:
        actions.edit_profile(actor=manager, institution=cast.sending, facts=facts, now=NOON)
    assert refusal.value.code == code
    assert str(refusal.value).count("%(") == 0


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("e marea98", "E  MAREA98"),
        ("E  MAREA98", "E  MAREA98"),
        ("sf  lumila97", "SF LUMILA97"),
        ("IRL DUBLIN01", "IRLDUBLIN01"),
        ("irldublin01", "IRLDUBLIN01"),
        ("", ""),
    ],
)
def test_erasmus_codes_are_kept_in_their_normal_form(typed: str, kept: str) -> None:
    assert normal_erasmus_code(typed) == kept
    assert is_erasmus_code(kept) is bool(kept)


def test_the_database_refuses_a_logo_that_is_not_fetched_over_https(cast: Cast) -> None:
    for record in (cast.sending, cast.unit):
        record.logo_url = "http://a.example/logo.png"
        with pytest.raises(IntegrityError), transaction.atomic():
            record.save()


# --- Units -----------------------------------------------------------------------------------------


def test_a_unit_keeps_its_identifier_whatever_else_changes(cast: Cast, manager: Actor) -> None:
    told_of = heard()
    unit = actions.add_unit(actor=manager, institution=cast.sending, facts=HEALTH, now=NOON)
    before = unit.ounit_id
    actions.edit_unit(
        actor=manager, unit=unit, facts=replace(HEALTH, ounit_id="other", code="H2"), now=NOON
    )
    unit.refresh_from_db()
    assert (unit.ounit_id, unit.code, len(before)) == (before, "H2", 36)
    assert told_of == [(cast.sending.pk, "units")] * 2
    (line,) = Entry.objects.filter(verb="unit.changed")
    assert line.changes == {"code": ["HEALTH", "H2"]}


def test_an_identifier_from_an_earlier_system_is_kept_and_not_given_twice(
    cast: Cast, manager: Actor
) -> None:
    facts = replace(HEALTH, ounit_id="4711")
    assert (
        actions.add_unit(actor=manager, institution=cast.sending, facts=facts, now=NOON).ounit_id
        == "4711"
    )
    with refused("unit.id-taken"):
        actions.add_unit(
            actor=manager, institution=cast.sending, facts=replace(facts, code="X"), now=NOON
        )


def test_a_code_names_one_unit(cast: Cast, manager: Actor) -> None:
    with refused("unit.code-taken"):
        actions.add_unit(
            actor=manager, institution=cast.sending, facts=replace(HEALTH, code="ENG"), now=NOON
        )


def test_a_unit_never_lies_below_itself(cast: Cast, manager: Actor) -> None:
    top = actions.add_unit(actor=manager, institution=cast.sending, facts=HEALTH, now=NOON)
    part = actions.add_unit(
        actor=manager,
        institution=cast.sending,
        facts=replace(HEALTH, code="LAB", parent=top.ounit_id),
        now=NOON,
    )
    with refused("unit.below-itself"):
        actions.edit_unit(
            actor=manager, unit=top, facts=replace(HEALTH, parent=part.ounit_id), now=NOON
        )
    with refused("unit.below-itself"):
        actions.edit_unit(
            actor=manager, unit=top, facts=replace(HEALTH, parent=top.ounit_id), now=NOON
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Unit.objects.filter(pk=top.pk).update(parent=top)


def test_a_unit_of_another_institution_is_no_parent(cast: Cast, manager: Actor) -> None:
    other = Unit.objects.create(institution=cast.receiving, code="X", name="Elsewhere")
    with refused("fact.unknown-key"):
        actions.add_unit(
            actor=manager,
            institution=cast.sending,
            facts=replace(HEALTH, parent=other.ounit_id),
            now=NOON,
        )


def test_the_unit_that_stands_for_the_whole_has_all_others_below_it(
    cast: Cast, manager: Actor
) -> None:
    health = actions.add_unit(actor=manager, institution=cast.sending, facts=HEALTH, now=NOON)
    whole = actions.add_unit(
        actor=manager,
        institution=cast.sending,
        facts=UnitFacts(code="UN", name="University", parent=health.ounit_id),
        now=NOON,
    )
    actions.choose_root(actor=manager, institution=cast.sending, unit=whole, now=NOON)
    late = actions.add_unit(
        actor=manager, institution=cast.sending, facts=replace(HEALTH, code="LATE"), now=NOON
    )
    parents = dict(
        Unit.objects.filter(institution=cast.sending).values_list("code", "parent__code")
    )
    assert parents == {"UN": None, "ENG": "UN", "HEALTH": "UN", "LATE": "UN"}
    assert Unit.objects.get(pk=whole.pk).exposed
    with refused("unit.root-has-no-parent"):
        actions.edit_unit(
            actor=manager,
            unit=whole,
            facts=UnitFacts(code="UN", name="University", parent=late.ounit_id),
            now=NOON,
        )
    # Leaving the parent out means "at the top", which is below the whole here: nothing changes.
    lines = Entry.objects.count()
    actions.edit_unit(actor=manager, unit=late, facts=replace(HEALTH, code="LATE"), now=NOON)
    assert Entry.objects.count() == lines
    actions.choose_root(actor=manager, institution=cast.sending, unit=None, now=NOON)
    assert Institution.objects.get(pk=cast.sending.pk).root_unit is None


def test_a_unit_that_records_refer_to_stays(cast: Cast, manager: Actor) -> None:
    cast.student.unit = cast.unit
    cast.student.save()
    with refused("unit.still-needed"):
        actions.remove_unit(actor=manager, unit=cast.unit, now=NOON)
    assert Entry.objects.filter(verb="unit.removed").count() == 0
    cast.student.unit = None
    cast.student.save()
    actions.remove_unit(actor=manager, unit=cast.unit, now=NOON)
    assert not Unit.objects.filter(pk=cast.unit.pk).exists()
    assert Entry.objects.get(verb="unit.removed").changes["name"] == ["School of Engineering", ""]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"code": ""}, "fact.missing", "code"),
        ({"code": "x" * 61}, "fact.too-long", "code"),
        ({"ounit_id": "a b"}, "unit.id-form", "ounit_id"),
        ({"logo_url": "http://a.example"}, "institution.url-form", "logo_url"),
    ],
)
def test_what_cannot_be_stored_of_a_unit_is_refused(wrong, code: str, field: str) -> None:
    assert (code, field) in fields_of(wrong_unit(replace(HEALTH, **wrong)))


# --- Contacts --------------------------------------------------------------------------------------


def test_contacts_keep_their_order_and_move_one_place(cast: Cast, manager: Actor) -> None:
    def add(name: str) -> Contact:
        return actions.add_contact(
            actor=manager,
            institution=cast.sending,
            facts=replace(OFFICE, names={"en": name}),
            now=NOON,
        )

    def order() -> list[str]:
        return [str(one) for one in Contact.objects.filter(institution=cast.sending)]

    _first, second, third = add("a"), add("b"), add("c")
    actions.move_contact(actor=manager, contact=third, up=True, now=NOON)
    assert order() == ["a", "c", "b"]
    actions.move_contact(actor=manager, contact=second, up=False, now=NOON)
    assert order() == ["a", "c", "b"]
    actions.remove_contact(actor=manager, contact=third, now=NOON)
    assert order() == ["a", "b"]


def test_the_journal_names_a_persons_facts_and_does_not_repeat_them(
    cast: Cast, manager: Actor
) -> None:
    contact = actions.add_contact(actor=manager, institution=cast.sending, facts=OFFICE, now=NOON)
    actions.edit_contact(
        actor=manager,
        contact=contact,
        facts=replace(OFFICE, family_name="Virta", emails=("aino.virta@aalto-north.example",)),
        now=NOON,
    )
    line = Entry.objects.get(verb="contact.changed")
    assert line.changes == {"family_name": [None, None], "emails": [None, None]}
    (stored,) = told([cast.sending])
    assert stored.contacts == (
        replace(OFFICE, family_name="Virta", emails=("aino.virta@aalto-north.example",)),
    )


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"names": {}}, "fact.missing", "names-0-text"),
        ({"purpose": "dancing"}, "fact.unknown-code", "purpose"),
        ({"gender": "7"}, "fact.unknown-code", "gender"),
        ({"emails": ("nobody",)}, "institution.email-form", "emails"),
        ({"emails": ("nobody@localhost",)}, "institution.email-form", "emails"),
        ({"phones": (Phone("0401234"),)}, "institution.phone-form", "phones-0-e164"),
        ({"faxes": (Phone("", "12"),)}, "fact.missing", "faxes-0-e164"),
        ({"roles": {"en": " "}}, "fact.missing", "roles-0-text"),
    ],
)
def test_what_cannot_be_stored_of_a_contact_is_refused(wrong, code: str, field: str) -> None:
    assert fields_of(wrong_contact(replace(OFFICE, **wrong))) == [(code, field)]


def test_a_contact_of_a_unit_of_another_institution_is_refused(cast: Cast, manager: Actor) -> None:
    other = Unit.objects.create(institution=cast.receiving, code="X", name="Elsewhere")
    with refused("fact.unknown-key"):
        actions.add_contact(
            actor=manager,
            institution=cast.sending,
            facts=replace(OFFICE, unit=other.ounit_id),
            now=NOON,
        )


# --- The factsheet ---------------------------------------------------------------------------------


def test_a_factsheet_may_be_kept_unfinished_and_is_one_per_institution(
    cast: Cast, manager: Actor
) -> None:
    half = replace(FACTSHEET, visa=Information(), decision_weeks=None)
    actions.edit_factsheet(actor=manager, institution=cast.sending, facts=half, now=NOON)
    actions.edit_factsheet(actor=manager, institution=cast.sending, facts=FACTSHEET, now=NOON)
    (stored,) = told([cast.sending])
    assert stored.factsheet == FACTSHEET
    assert Factsheet.objects.count() == 1
    verbs = list(Entry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["factsheet.created", "factsheet.changed"]
    changes = Entry.objects.get(verb="factsheet.changed").changes
    assert sorted(changes) == ["decision_weeks", "visa"]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"nominations_autumn": "02-29"}, "factsheet.day-form", "nominations_autumn"),
        ({"applications_spring": "13-01"}, "factsheet.day-form", "applications_spring"),
        ({"applications_spring": "4-1"}, "factsheet.day-form", "applications_spring"),
        ({"decision_weeks": 0}, "fact.out-of-range", "decision_weeks"),
        (
            {"requirements": (Requirement("motivation  letter", "x"),)},
            "factsheet.reserved-name",
            "requirements-0-name",
        ),
        (
            {"housing": Information("x", Phone("+358291"), ())},
            "institution.email-form",
            "housing-email",
        ),
        (
            {"housing": Information("", Phone(), (Link("no"),))},
            "institution.url-form",
            "housing-websites-0-url",
        ),
    ],
)
def test_what_cannot_be_stored_of_a_factsheet_is_refused(wrong, code: str, field: str) -> None:
    assert fields_of(wrong_factsheet(replace(FACTSHEET, **wrong))) == [(code, field)]


def test_the_database_refuses_days_that_are_none(cast: Cast) -> None:
    for day in ("02-29", "00-10", "99-99"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Factsheet.objects.create(
                institution=cast.sending, visa=Information(), nominations_autumn=day
            )
    with pytest.raises(IntegrityError), transaction.atomic():
        Factsheet.objects.create(institution=cast.sending, decision_weeks=0)


# --- Reading ---------------------------------------------------------------------------------------


def test_everything_told_is_read_in_three_queries(
    cast: Cast, manager: Actor, django_assert_num_queries
) -> None:
    for place in (cast.sending, cast.receiving):
        actions.add_unit(actor=SYSTEM, institution=place, facts=HEALTH, now=NOON)
        actions.add_contact(actor=SYSTEM, institution=place, facts=OFFICE, now=NOON)
        actions.edit_factsheet(actor=SYSTEM, institution=place, facts=FACTSHEET, now=NOON)
    with django_assert_num_queries(3):
        one = told([cast.sending])
    with django_assert_num_queries(3):
        three = told([cast.sending, cast.receiving, cast.third])
    assert three[0] == one[0]
    assert [len(each.contacts) for each in three] == [1, 1, 0]


def test_values_come_back_from_the_database_as_they_went_in(cast: Cast) -> None:
    for value in (STREET, BOX, FACTSHEET.application, *FACTSHEET.accessibility, *FACTSHEET.more):
        assert type(value).made(value.stored()) == value
        assert all(value.stored().values())
    assert not Address()
    assert {one.name for one in fields(Address)} >= set(STREET.stored())
