"""The agreed text of an alliance on its pages: written, consented to, followed, departed from."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.agreements.two import studies
from tests.cast import NOON, Cast, account, role
from tests.web.conftest import AsSomebody
from tests.web.test_agreements import sent, text, typed
from vaihto.agreements import actions
from vaihto.agreements.alliances import Line, read_lines, terms_between
from vaihto.agreements.models import Agreement, AllianceAgreement, AllianceText
from vaihto.agreements.terms import Terms
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import run_work
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.people.models import Role

NORTH, VALE, THIRD = "aalto-north.example", "porto-vale.example", "third.example"
US = Actor.system("Agnes")


@pytest.fixture
def secretary(cast: Cast, signed_in: AsSomebody) -> Client:
    return signed_in(cast.secretary)


@pytest.fixture
def north(cast: Cast, signed_in: AsSomebody) -> Client:
    """The agreement manager of the sending institution, who may also sign."""
    return _office(cast.sending, "nora", signed_in)


@pytest.fixture
def vale(cast: Cast, signed_in: AsSomebody) -> Client:
    return _office(cast.receiving, "vera", signed_in)


def _office(place: Institution, name: str, signed_in: AsSomebody) -> Client:
    holder = account(name)
    role(holder, Role.Name.AGREEMENT_MANAGER, place)
    role(holder, Role.Name.SIGNATORY, place)
    return signed_in(holder)


def at(name: str, *more: Any) -> str:
    return reverse(f"alliance:{name}", args=["test-alliance", *more])


def begun(cast: Cast, *members: Institution) -> AllianceAgreement:
    return actions.begin_alliance_agreement(
        actor=US,
        alliance=cast.alliance,
        name="Open campus",
        members=members or [cast.sending, cast.receiving, cast.third],
        now=NOON,
    )


def put(whole: AllianceAgreement, *lines: Line) -> AllianceText:
    actions.write_text(actor=US, agreement=whole, lines=lines or (Line(studies("", "")),), now=NOON)
    return actions.put_text(actor=US, agreement=whole, now=NOON)


def adopted(cast: Cast) -> AllianceAgreement:
    whole = begun(cast)
    found = put(whole)
    for one in (cast.sending, cast.receiving, cast.third):
        actions.consent(actor=US, text=found, institution=one, now=NOON)
    follow()
    return whole


def follow() -> None:
    run_work.func(Work.objects.filter(kind="agreements.follow-text").latest("pk").pk)


def between(one: Institution, other: Institution) -> Agreement:
    return Agreement.objects.whole().get(institution=one, partner=other)


def test_a_text_goes_from_its_first_line_to_agreements_in_the_browser(
    cast: Cast, secretary: Client, north: Client, vale: Client
) -> None:
    chosen = {"name": "Open campus", "programme": "erasmus", "members": [NORTH, VALE]}
    went = sent(secretary, at("begin-agreement"), chosen)
    whole = AllianceAgreement.objects.get()
    write = at("write-agreement", whole.pk)
    assert went.url == write

    page = sent(
        secretary, write, {"base": "1", "c-count": "0", "do": "add", "new-kind": "studies"}, 200
    )
    data = typed(page.content.decode())
    data |= {
        "c0-first_year": ["2026/2027"], "c0-last_year": ["2028/2029"], "c0-people": ["3"],
        "c0-months": ["15"], "c0-levels": ["6", "7"], "c0-a0-field": ["0613"],
        "c0-s0-language": ["en"], "c0-s0-level": ["B2"], "note": ["First text"],
    }  # fmt: skip
    sent(secretary, write, {**data, "then": "put"})
    found = whole.texts.get()
    assert found.put_at is not None
    (line,) = read_lines(found.lines)
    assert (line.condition.people, line.condition.sending, line.senders) == ("3", "", ())

    assert "Text 1 is before the members" in text(north, at("agreement", whole.pk))
    assert "Texts of alliances to consent to" in text(north, "/")
    for client, place in ((north, cast.sending), (vale, cast.receiving)):
        consent = at("consent", whole.pk, place.pk)
        assert "3 students a year" in text(client, consent)
        sent(client, consent, {"text": str(found.pk)})
    follow()
    mine = between(cast.sending, cast.receiving)
    assert mine.terms.conditions[0].people == "3"
    assert "in step" in text(north, at("agreement", whole.pk))
    assert "Open campus" in text(north, reverse("agreements:agreement", args=[mine.pk]))


def test_an_incomplete_text_is_kept_as_a_draft_and_says_what_is_missing(
    cast: Cast, secretary: Client
) -> None:
    whole = begun(cast)
    write = at("write-agreement", whole.pk)
    page = sent(
        secretary, write, {"base": "1", "c-count": "0", "do": "add", "new-kind": "teaching"}, 200
    )
    data = typed(page.content.decode())
    answer = sent(secretary, write, {**data, "c0-people": ["many"], "then": "put"}, 400)
    told = answer.content.decode()
    assert "The draft is saved" in told
    assert "People per year must be a whole number" in told
    found = whole.texts.get()
    assert (found.put_at, len(found.lines)) == (None, 1)


def test_a_line_may_name_who_sends_and_who_receives(cast: Cast, secretary: Client) -> None:
    whole = begun(cast)
    actions.write_text(actor=US, agreement=whole, lines=[Line(studies("", ""))], now=NOON)
    write = at("write-agreement", whole.pk)
    data = typed(text(secretary, write))
    sent(secretary, write, {**data, "c0-senders": [NORTH], "c0-receivers": [VALE, THIRD]})
    (line,) = read_lines(whole.texts.get().lines)
    assert (line.senders, line.receivers) == ((NORTH,), (VALE, THIRD))
    assert line.condition == studies("", ""), "what was not touched stays as it was written"
    (shown,) = read_lines(whole.texts.get().lines)
    assert terms_between([shown], VALE, THIRD) == Terms()


def test_a_text_that_was_replaced_meanwhile_is_not_consented_to(cast: Cast, north: Client) -> None:
    whole = begun(cast)
    first = put(whole)
    actions.drop_text(actor=US, agreement=whole, now=NOON)
    put(whole, Line(studies("", "", people="9")))
    consent = at("consent", whole.pk, cast.sending.pk)
    answer = sent(north, consent, {"text": str(first.pk)}, 409)
    assert "You have consented to nothing" in answer.content.decode()
    assert "9 students a year" in answer.content.decode()
    assert not whole.texts.filter(consents__isnull=False).exists()


def test_the_secretariat_writes_down_the_letter_of_a_member_without_a_system_here(
    cast: Cast, secretary: Client
) -> None:
    cast.third.hosted = False
    cast.third.save()
    whole = begun(cast)
    found = put(whole)
    consent = at("consent", whole.pk, cast.third.pk)
    sent(secretary, consent, {"text": str(found.pk), "note": " "}, 400)
    sent(secretary, consent, {"text": str(found.pk), "note": "Letter of 3 May"})
    assert found.consents.get().note == "Letter of 3 May"
    assert "Letter of 3 May" in text(secretary, at("agreement", whole.pk))


def test_a_departing_copy_is_shown_and_its_office_decides(
    cast: Cast, secretary: Client, north: Client, vale: Client
) -> None:
    whole = adopted(cast)
    mine = between(cast.sending, cast.receiving)
    wish = replace(
        mine.terms, conditions=tuple(replace(one, people="8") for one in mine.terms.conditions)
    )
    actions.edit(actor=US, agreement=mine, terms=wish, now=NOON)
    copy = at("copy", whole.pk, cast.sending.pk, cast.receiving.pk)
    for client in (secretary, north):
        page = text(client, copy)
        assert "departs from the text" in page
        assert re.search(r"People per year</th>.*?2<.*?8<.*?departs from the text", page, re.DOTALL)
    assert "Take the text over" not in text(secretary, copy), "another's copy is read, not changed"
    text(vale, copy, 404)
    assert "Agreements beside the alliance" in text(north, "/")
    assert "Agreements beside the alliance" not in text(vale, "/")
    assert mine.current is not None
    sent(
        north,
        copy,
        {"deed": "take", "seen": str(between(cast.sending, cast.receiving).current.number)},
    )  # type: ignore[union-attr]
    assert between(cast.sending, cast.receiving).terms.conditions[0].people == "2"
    assert "departs" not in text(north, at("agreement", whole.pk))


def test_an_agreement_from_before_follows_the_text_once_its_office_says_so(
    cast: Cast, north: Client
) -> None:
    old = actions.create(
        actor=US, institution=cast.sending, partner=cast.receiving, code="OLD-1", now=NOON,
        terms=terms_between([Line(studies("", ""))], NORTH, VALE),
    )  # fmt: skip
    whole = adopted(cast)
    copy = at("copy", whole.pk, cast.sending.pk, cast.receiving.pk)
    assert "OLD-1" in text(north, copy)
    sent(north, copy, {"deed": "bind", "agreement": str(old.pk)})
    assert "The copy says what the text says" in text(north, copy)
    sent(north, copy, {"deed": "release", "reason": "Faculty's own"})
    old.refresh_from_db()
    assert old.alliance_agreement is None


def test_an_office_brings_its_copies_in_step_by_hand_and_reads_what_came_of_each(
    cast: Cast, north: Client
) -> None:
    whole = begun(cast)
    found = put(whole)
    for one in (cast.sending, cast.receiving, cast.third):
        actions.consent(actor=US, text=found, institution=one, now=NOON)
    page = sent(north, at("step-agreement", whole.pk), {}, 200).content.decode()
    assert page.count("made and proposed") == 2
    assert Agreement.objects.filter(institution=cast.receiving).count() == 0, "others do their own"


def test_members_change_and_the_text_is_closed_with_a_reason(cast: Cast, secretary: Client) -> None:
    whole = adopted(cast)
    sent(secretary, at("agreement-members", whole.pk), {"members": [NORTH]}, 400)
    sent(secretary, at("agreement-members", whole.pk), {"members": [NORTH, VALE]})
    rows = re.findall(r"copies/(\d+)/(\d+)", text(secretary, at("agreement", whole.pk)))
    assert len(rows) == 2
    sent(secretary, at("close-agreement", whole.pk), {"reason": ""}, 400)
    sent(secretary, at("close-agreement", whole.pk), {"reason": "The project ended"})
    assert "Closed on" in text(secretary, at("agreement", whole.pk))
    whole.refresh_from_db()
    assert whole.closed_at is not None


def test_who_belongs_to_no_member_does_not_know_of_the_text(
    cast: Cast, north: Client, signed_in: AsSomebody
) -> None:
    whole = begun(cast, cast.receiving, cast.third)
    text(north, at("agreement", whole.pk), 404)
    assert "Open campus" not in text(north, at("agreements"))
    text(signed_in(cast.aino), at("agreement", whole.pk), 404)
