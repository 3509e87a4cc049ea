"""Agreements in the office: the whole conversation by HTTP, and every page for those it is for."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.agreements.two import both_ways, studies
from tests.cast import NOON, Cast, account, institution, mobility, role, student
from tests.web.conftest import AsSomebody
from vaihto.agreements import actions
from vaihto.agreements.alliances import Line
from vaihto.agreements.models import (
    Agreement,
    AllianceAgreement,
    AllianceText,
    Consent,
    Participant,
    ReceivedCopy,
)
from vaihto.agreements.paper import content
from vaihto.agreements.queries import suggestions, without_successor
from vaihto.agreements.standing import State
from vaihto.agreements.terms import (
    Condition,
    Kind,
    LanguageSkill,
    SubjectArea,
    Terms,
    stored,
)
from vaihto.institutions.models import Contact, Factsheet, Institution, Unit
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.mobilities.queries import uses_of
from vaihto.people.models import Role
from vaihto.refusals import NotAllowed
from vaihto.web.agreements.conditions import empty_row, rows_of, terms_of
from vaihto.web.agreements.contacts import as_stored, contact_of
from vaihto.web.agreements.sheets import general_rows
from vaihto.web.models import KeptView

NORTH, VALE, THIRD = "aalto-north.example", "porto-vale.example", "third.example"
US = Actor.system("Agnes")
LIST = "/agreements/"


@pytest.fixture
def north(cast: Cast, signed_in: AsSomebody) -> Client:
    """The agreement manager of the sending institution, who may also sign."""
    return _office(cast.sending, "nora", signed_in)


@pytest.fixture
def vale(cast: Cast, signed_in: AsSomebody) -> Client:
    """The same at the receiving one."""
    return _office(cast.receiving, "vera", signed_in)


def _office(place: Institution, name: str, signed_in: AsSomebody) -> Client:
    holder = account(name)
    role(holder, Role.Name.AGREEMENT_MANAGER, place)
    role(holder, Role.Name.SIGNATORY, place)
    return signed_in(holder)


def draft(cast: Cast, terms: Terms | None = None, **facts: Any) -> Agreement:
    facts = {"institution": cast.sending, "partner": cast.receiving, "now": NOON, **facts}
    return actions.create(
        actor=US, terms=both_ways(NORTH, VALE) if terms is None else terms, **facts
    )


def copy_at(place: Institution) -> ReceivedCopy:
    return ReceivedCopy.objects.filter(institution=place).latest("pk")


def agreed(cast: Cast, **changed: Any) -> tuple[Agreement, Agreement]:
    """In force on both sides."""
    ours = draft(cast, both_ways(NORTH, VALE, **changed))
    actions.propose(actor=US, agreement=ours, now=NOON)
    theirs = actions.take_in(actor=US, received=copy_at(cast.receiving), now=NOON)
    for one in (ours, theirs):
        fresh = Agreement.objects.get(pk=one.pk)
        received = fresh.received_copy
        assert received is not None
        assert received.current is not None
        actions.approve(actor=US, agreement=fresh, digest=received.current.digest, now=NOON)
    both = Agreement.objects.get(pk=ours.pk), Agreement.objects.get(pk=theirs.pk)
    assert [one.listed_state for one in both] == ["in-force", "in-force"]
    return both


def at(name: str, *args: Any) -> str:
    return reverse(f"agreements:{name}", args=args)


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, (address, answer.status_code)
    return answer.content.decode()


def sent(client: Client, address: str, data: dict[str, Any], status: int = 302) -> Any:
    answer = client.post(address, data)
    told = re.findall(
        r'class="(?:error|message|notice)[^>]*>(.*?)</', answer.content.decode(), re.DOTALL
    )
    assert answer.status_code == status, told
    return answer


def typed(page: str) -> dict[str, Any]:
    """What a browser would send of the edit form as it stands."""
    form = page[page.index('name="base"') - 400 : page.rindex("</form>")]
    data: dict[str, Any] = {}

    def add(name: str, value: str) -> None:
        value = (
            value.replace("&amp;", "&")
            .replace("&quot;", '"')
            .replace("&#x27;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
        )
        data.setdefault(name, []).append(value)

    for tag in re.findall(r"<input[^>]*>", form):
        facts = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if facts.get("type") == "checkbox" and " checked" not in tag:
            continue
        if "name" in facts:
            add(facts["name"], facts.get("value", ""))
    for name, body in re.findall(
        r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        first = re.search(r'<option value="([^"]*)"', body)
        add(name, chosen.group(1) if chosen else first.group(1) if first else "")
    for tag, body in re.findall(r"<textarea([^>]*)>\n?(.*?)</textarea>", form, re.DOTALL):
        name = re.search(r'name="([^"]*)"', tag)
        assert name
        add(name.group(1), body.replace("\r\n", "\n").replace("\n", "\r\n"))
    return data


# The whole conversation ---------------------------------------------------------------------------


def test_two_offices_bring_an_agreement_from_nothing_to_its_end(
    cast: Cast, north: Client, vale: Client
) -> None:
    # A draft from nothing: the partner is searched, then two conditions are written.
    assert "University of Vale" in text(north, at("new") + "?q=vale")
    start = f"{at('new')}?partner={cast.receiving.pk}"
    made = sent(north, start, {"programme": "erasmus", "code": "N-1"})
    ours = Agreement.objects.get(code="N-1")
    edit = at("edit", ours.pk)
    assert made.headers["Location"] == edit
    data = typed(text(north, edit))
    page = sent(
        north, edit, {**data, "do": "add", "new-kind": "studies", "new-direction": "both"}, 200
    ).content.decode()
    data = typed(page)
    assert data["c-count"] == ["2"]
    for number in ("c0", "c1"):
        data |= {
            f"{number}-first_year": "2026/2027",
            f"{number}-last_year": "2028/2029",
            f"{number}-people": "3",
            f"{number}-a0-field": "0613 Software and applications development and analysis",
            f"{number}-s0-language": "en",
            f"{number}-s0-level": "B2",
            f"{number}-levels": ["6", "7"],
        }
    sent(north, edit, {**data, "then": "propose"})
    ours.refresh_from_db()
    assert ours.listed_state == State.PROPOSED
    assert [c.sending for c in ours.terms.conditions] == [NORTH, VALE]
    assert ours.terms.conditions[0].areas == (SubjectArea("0613"),)
    # The partner finds the proposal, reads it, takes it in with one click.
    theirs_copy = copy_at(cast.receiving)
    assert "University of Northlake" in text(vale, at("proposals"))
    assert "0613" in text(vale, at("proposal", theirs_copy.pk))
    sent(vale, at("take-in", theirs_copy.pk), {"programme": "erasmus", "code": "V-1"})
    theirs = Agreement.objects.get(code="V-1")
    # Both approve exactly what they read.
    for client, one in ((vale, theirs), (north, ours)):
        page = text(client, at("approve", one.pk))
        digest = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
        assert digest
        sent(
            client,
            at("approve", one.pk),
            {"digest": digest.group(1), "mandate": "Rector", "read": "on"},
        )
    for one in (ours, theirs):
        one.refresh_from_db()
        assert one.listed_state == State.IN_FORCE
        assert one.given is not None
        assert one.given.mandate == "Rector"
    # A change, seen by the partner in the comparison, taken over and approved by both.
    data = typed(text(north, edit))
    data["c0-people"] = "5"
    sent(north, edit, {**data, "note": "Five would suit us"})
    seen = text(vale, at("comparison", theirs.pk))
    assert "The copies do not agree" in seen
    assert "differs, must be the same" in seen
    assert "Five would suit us" in text(vale, at("agreement", theirs.pk))
    hidden = dict(re.findall(r'name="(digest|seen)" value="([^"]*)"', seen))
    sent(vale, at("take-theirs", theirs.pk), {**hidden, "deed": "chosen", "place": ["0"]})
    theirs.refresh_from_db()
    assert theirs.terms.conditions[0].people == "5"
    assert theirs.listed_state == State.MODIFICATION
    # They go back instead: first one, then the other; nothing has to be approved again.
    for client, one in ((north, ours), (vale, theirs)):
        asked = text(client, at("deed", one.pk, "revert"))
        known = re.search(r'name="known" value="([^"]*)"', asked)
        assert known
        sent(client, at("deed", one.pk, "revert"), {"known": known.group(1)})
    for one in (ours, theirs):
        one.refresh_from_db()
        assert one.listed_state == State.IN_FORCE
        assert one.terms.conditions[0].people == "3"
    # The end, by both.
    for client, one in ((north, ours), (vale, theirs)):
        sent(client, at("deed", one.pk, "terminate"), {"reason": "No students"})
    for client, one in ((vale, theirs), (north, ours)):
        page = text(client, at("approve", one.pk))
        assert "ended as a whole" in page
        digest = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
        assert digest
        sent(
            client,
            at("approve", one.pk),
            {"digest": digest.group(1), "mandate": "Rector", "read": "on"},
        )
    for one in (ours, theirs):
        one.refresh_from_db()
        assert one.listed_state == State.TERMINATED
    assert "Nobody&#x27;s turn" in text(north, at("agreement", ours.pk))


# Approving ----------------------------------------------------------------------------------------


def test_what_changed_after_it_was_read_is_not_approved(cast: Cast, north: Client) -> None:
    ours, theirs = agreed(cast)
    for one in (theirs, ours):
        actions.edit(actor=US, agreement=one, terms=both_ways(NORTH, VALE, people="7"), now=NOON)
    page = text(north, at("approve", ours.pk))
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
    assert digest
    actions.edit(actor=US, agreement=theirs, terms=both_ways(NORTH, VALE, people="7.0"), now=NOON)
    answer = sent(
        north,
        at("approve", ours.pk),
        {"digest": digest.group(1), "mandate": "Rector", "read": "on"},
        409,
    )
    assert "The partner changed its copy after you opened it." in answer.content.decode()
    ours.refresh_from_db()
    assert ours.listed_state == State.MODIFICATION
    assert ours.given is not None
    assert ours.given.by == "Agnes"


def test_only_the_mandate_approves_and_only_the_office_edits(
    cast: Cast, signed_in: AsSomebody
) -> None:
    ours, _theirs = agreed(cast)
    manager, signatory = account("manager"), account("signatory")
    role(manager, Role.Name.AGREEMENT_MANAGER, cast.sending)
    role(signatory, Role.Name.SIGNATORY, cast.sending)
    as_manager, as_signatory = signed_in(manager), signed_in(signatory)
    assert as_manager.get(at("approve", ours.pk)).status_code == 403
    assert as_signatory.get(at("edit", ours.pk)).status_code == 403
    assert as_signatory.get(at("approve", ours.pk)).status_code == 200
    assert as_signatory.post(at("take-theirs", ours.pk)).status_code == 403
    assert signed_in(cast.dara).get(at("agreement", ours.pk)).status_code == 404


# Editing ------------------------------------------------------------------------------------------

ODD = Condition(
    kind=Kind.STUDIES,
    sending=VALE,
    receiving=NORTH,
    first_year="2026/2027",
    last_year="2028/2029",
    people="2.00",
    sending_unit="",
    receiving_unit="unit-unknown-here",
    skills=(
        LanguageSkill("en-GB", "B2", SubjectArea("0613", "only  theory\nand more")),
        LanguageSkill("fi"),
        LanguageSkill("en-GB", "B2"),
    ),
    areas=(SubjectArea("0613", ""), SubjectArea("0613"), SubjectArea("9999", " Öl ")),
    other_terms="first\n\n  second “quoted” <b>&amp;</b>\r\nlast ",
    months="20.50",
    blended="1",
    levels=("7", " 6", "7"),
)


def test_what_is_not_touched_keeps_its_spelling_to_the_byte(cast: Cast, north: Client) -> None:
    terms = Terms(
        (ODD, replace(ODD, kind=Kind.TEACHING, blended=None, levels=(), months=None, days="05"))
    )
    one = draft(cast, terms)
    assert one.current is not None
    before = bytes(one.current.document)
    sent(north, at("edit", one.pk), typed(text(north, at("edit", one.pk))))
    one.refresh_from_db()
    assert one.terms == terms
    assert one.current is not None
    assert bytes(one.current.document) == before
    assert one.revisions.count() == 1


def test_changing_one_field_leaves_the_others_as_they_were_written(
    cast: Cast, north: Client
) -> None:
    one = draft(cast, Terms((ODD,)))
    data = typed(text(north, at("edit", one.pk)))
    data["c0-people"] = "3"
    sent(north, at("edit", one.pk), data)
    one.refresh_from_db()
    assert one.terms.conditions == (replace(ODD, people="3"),)


def test_rows_survive_every_button(cast: Cast, north: Client) -> None:
    one = draft(cast)
    edit = at("edit", one.pk)
    data = typed(text(north, edit))
    data["c0-other_terms"] = "Kept while rows move"
    for do in ("mirror:0", "down:0", "field:1", "language:1", "up:1", "remove:2"):
        page = sent(north, edit, {**data, "do": do}, 200).content.decode()
        data = typed(page)
        assert "Kept while rows move" in page, do
    assert data["c-count"] == ["2"]
    one.refresh_from_db()
    assert one.revisions.count() == 1
    assert sent(north, edit, {**data, "do": "remove:99"}, 200)


def test_the_same_in_the_other_direction_turns_units_with_it(cast: Cast) -> None:
    there = replace(studies(NORTH, VALE), sending_unit="our-1", receiving_unit="their-2")
    rows = rows_of(Terms((there,)), NORTH, VALE)
    row = {**rows[0], "direction": "in", "origin": ""}
    back = terms_of([row], Terms(), NORTH, VALE).conditions[0]
    assert (back.sending, back.receiving) == (VALE, NORTH)
    assert (back.sending_unit, back.receiving_unit) == ("their-2", "our-1")


def test_fillers_of_an_older_version_go_when_they_are_filled(cast: Cast, north: Client) -> None:
    old = replace(
        studies(NORTH, VALE),
        people="1",
        people_not_yet_defined=True,
        areas=(SubjectArea("0610", v6_value="06"),),
        skills=(LanguageSkill("en", not_yet_defined=True),),
    )
    one = draft(cast, Terms((old,)))
    data = typed(text(north, at("edit", one.pk)))
    del data["c0-people_open"]
    data |= {"c0-people": "4", "c0-a0-field": "0613", "c0-s0-language": "en", "c0-s0-level": "B1"}
    sent(north, at("edit", one.pk), data)
    one.refresh_from_db()
    assert not one.terms.is_legacy


def test_a_shared_copy_that_would_be_wrong_is_not_saved_and_nothing_typed_is_lost(
    cast: Cast, north: Client
) -> None:
    one, _theirs = agreed(cast)
    data = typed(text(north, at("edit", one.pk)))
    data |= {"c0-people": "none", "c1-last_year": "2019/2020", "c0-s0-language": ""}
    data["c0-s0-level"] = ""
    page = sent(north, at("edit", one.pk), data, 400).content.decode()
    assert 'value="none"' in page
    assert "People per year must be a whole number of at least 1." in page
    assert 'href="#id_c0-people"' in page
    assert "The last academic year is before the first." in page
    one.refresh_from_db()
    assert one.listed_state == State.IN_FORCE


def test_two_who_edit_at_once_are_told(cast: Cast, north: Client) -> None:
    one = draft(cast)
    data = typed(text(north, at("edit", one.pk)))
    actions.edit(actor=US, agreement=one, terms=both_ways(NORTH, VALE, people="9"), now=NOON)
    data["c0-people"] = "4"
    page = sent(north, at("edit", one.pk), data, 409).content.decode()
    assert "Your values are still below" in page
    again = typed(page)
    assert again["c0-people"] == ["4"]
    sent(north, at("edit", one.pk), again)
    one.refresh_from_db()
    assert [c.people for c in one.terms.conditions] == ["4", "2"]


def test_an_agreement_is_renewed_with_later_years(cast: Cast, north: Client) -> None:
    old, _theirs = agreed(cast)
    address = f"{at('new')}?partner={cast.receiving.pk}&from={old.pk}"
    page = text(north, address)
    assert f'value="{old.pk}"' in page
    sent(north, address, {"programme": "erasmus", "start": str(old.pk), "years": "3"})
    new = Agreement.objects.latest("pk")
    assert {(c.first_year, c.last_year) for c in new.terms.conditions} == {
        ("2029/2030", "2031/2032")
    }
    assert new.listed_state == State.DRAFT


def test_an_agreement_begins_with_what_the_alliance_agreed_on(cast: Cast, north: Client) -> None:
    whole = AllianceAgreement.objects.create(
        alliance=cast.alliance, name="Northern text", created_at=NOON
    )
    line = stored(Terms((studies("", ""),)))["conditions"][0]
    del line["sending"], line["receiving"]
    lines = [line, {**line, "kind": "traineeship", "senders": [NORTH]}]
    text_ = AllianceText.objects.create(
        agreement=whole, number=1, lines=lines, adopted_at=NOON, created_at=NOON, created_by="Agnes"
    )
    for member in (cast.sending, cast.receiving):
        Participant.objects.create(agreement=whole, institution=member, since=NOON.date())
        Consent.objects.create(text=text_, institution=member, at=NOON, by="Agnes")
    address = f"{at('new')}?partner={cast.receiving.pk}"
    assert "Northern text" in text(north, address)
    sent(north, address, {"programme": "erasmus", "start": f"text-{text_.pk}"})
    made = Agreement.objects.latest("pk")
    assert made.alliance_agreement == whole
    assert [(c.kind.value, c.sending) for c in made.terms.conditions] == [
        ("studies", NORTH), ("studies", VALE), ("traineeship", NORTH),
    ]  # fmt: skip


def test_many_are_changed_at_once_and_each_tells_what_came_of_it(cast: Cast, north: Client) -> None:
    first, second = draft(cast, code="A"), draft(cast, code="B")
    picks = {"pick": [str(first.pk), str(second.pk)]}
    sent_on = sent(north, at("selected"), {**picks, "deed": "edit"})
    wanted = {
        **picks,
        "people": "6",
        "kind": "studies",
        "direction": "out",
        "last_year": "2027/2028",
    }
    shown = north.get(at("bulk"), {**wanted, "show": "yes"}).content.decode()
    assert "2 students a year" in shown
    assert "6 students a year" in shown
    assert sent_on.headers["Location"].startswith(at("bulk"))
    actions.edit(actor=US, agreement=second, terms=both_ways(NORTH, VALE, people="9"), now=NOON)
    answer = sent(
        north, at("bulk"), {**wanted, f"seen-{first.pk}": "1", f"seen-{second.pk}": "1"}, 200
    ).content.decode()
    assert answer.count("refused") == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert [c.people for c in first.terms.conditions] == ["6", "2"]
    assert [c.people for c in second.terms.conditions] == ["9", "9"]


def test_who_leaves_is_replaced_in_many_agreements_and_no_hash_moves(
    cast: Cast, north: Client
) -> None:
    leaves, comes = (
        Contact.objects.create(
            institution=cast.sending, names={"en": name}, emails=[f"{name}@example.org"], place=1
        )
        for name in ("Lea", "Come")
    )
    first, theirs = agreed(cast)
    second = draft(cast, code="ZZ")
    old, other = as_stored(contact_of(leaves)), as_stored(contact_of(comes))
    actions.edit_particulars(
        actor=US, agreement=first, now=NOON, contacts=[old, other], signing_contact=old
    )
    first.refresh_from_db()
    there, back = first.terms.conditions
    lea = contact_of(leaves)
    named = Terms((replace(there, sending_contacts=(lea,)), replace(back, sending_contacts=(lea,))))
    actions.edit(actor=US, agreement=first, terms=named, now=NOON)
    first.refresh_from_db()
    assert first.current is not None
    digest = first.current.digest
    # Her telephone was another one when the agreement named her; she is the same to a reader.
    Contact.objects.filter(pk=leaves.pk).update(phones=[{"e164": "+358401234567", "ext": ""}])

    picks = {"pick": [str(first.pk), str(second.pk)]}
    sent_on = sent(north, at("selected"), {**picks, "deed": "contact"})
    page = text(north, sent_on.headers["Location"])
    key = dict(re.findall(r'<option value="([0-9a-f]{12})">(Lea|Come)[^<]*<', page))
    keys = {name: one for one, name in key.items()}
    wanted = {**picks, "old": keys["Lea"], "new": keys["Come"]}
    shown = north.get(at("handover"), {**wanted, "show": "yes"}).content.decode()
    assert "for the whole agreement, signs for us, condition 1" in shown
    assert shown.count("nothing changes") == 1
    told = sent(north, at("handover"), wanted, 200).content.decode()
    assert told.count("Changed; the partner is told.") == 1
    assert told.count("Nothing was changed.") == 1
    first.refresh_from_db()
    assert first.current is not None
    author, terms = first.current.copy.author, first.current.copy.terms
    assert [one.name for one in author.contacts] == ["Come"], "nobody stands there twice"
    assert author.signing_contact is not None
    assert author.signing_contact.name == "Come"
    there, back = terms.conditions
    assert [one.name for one in there.sending_contacts] == ["Come"]
    # What stands under the partner's name is the partner's matter.
    assert [one.name for one in back.sending_contacts] == ["Lea"]
    assert first.current.digest == digest
    assert first.listed_state == State.IN_FORCE
    assert Entry.objects.filter(verb="agreements.replace-contact").count() == 1
    gone = sent(north, at("handover"), {**picks, "old": keys["Come"], "new": "nobody"}, 200)
    assert "Changed; the partner is told." in gone.content.decode()
    first.refresh_from_db()
    assert (first.contacts, first.signing_contact) == ([], None)
    assert theirs.pk != first.pk


def test_a_contact_is_not_replaced_by_itself_nor_by_who_is_not_there(
    cast: Cast, north: Client
) -> None:
    one = draft(cast)
    assert "None of them names a contact of ours." in text(north, f"{at('handover')}?pick={one.pk}")
    assert "0 agreements are selected." in text(north, f"{at('handover')}?pick=999999")
    office = Contact.objects.create(institution=cast.sending, names={"en": "Office"}, place=1)
    stored_ = as_stored(contact_of(office))
    actions.edit_particulars(actor=US, agreement=one, now=NOON, contacts=[stored_])
    (key,) = set(
        re.findall(r'value="([0-9a-f]{12})">Office', text(north, f"{at('handover')}?pick={one.pk}"))
    )
    picks = {"pick": [str(one.pk)]}
    same = sent(north, at("handover"), {**picks, "old": key, "new": key}, 400)
    assert "Choose somebody else." in same.content.decode()
    sent(north, at("handover"), {**picks, "old": key, "new": "0" * 12}, 400)
    sent(north, at("handover"), {**picks, "old": key}, 400)
    one.refresh_from_db()
    assert one.contacts == [stored_]


def test_what_is_refused_among_many_is_told_in_words(cast: Cast, north: Client) -> None:
    one = draft(cast)
    actions.propose(actor=US, agreement=one, now=NOON)
    data = {"pick": [str(one.pk)], "first_year": "2029/2030", f"seen-{one.pk}": "1"}
    page = sent(north, at("bulk"), data, 200).content.decode()
    assert page.count("The last academic year is before the first.") == 1
    assert "marked fields" not in page
    bad = draft(cast, Terms())
    page = sent(
        north, at("selected"), {"pick": [str(bad.pk)], "deed": "propose"}, 200
    ).content.decode()
    assert "An agreement needs at least one condition to be proposed." in page
    assert "marked fields" not in page


@pytest.mark.parametrize("deed", ["csv", "edit", "renew"])
def test_a_deed_on_nothing_says_so(cast: Cast, north: Client, deed: str) -> None:
    draft(cast)
    answer = north.post(at("selected"), {"deed": deed}, follow=True)
    assert "Select at least one agreement first." in answer.content.decode()


def test_an_agreement_is_renewed_once(cast: Cast, north: Client) -> None:
    ours, _theirs = agreed(cast)
    picks = {"pick": [str(ours.pk)], "deed": "renew"}
    assert ">done<" in sent(north, at("selected"), picks, 200).content.decode()
    made = Agreement.objects.latest("pk")
    page = sent(north, at("selected"), picks, 200).content.decode()
    assert f"{made.code} says the same for the next period already." in page
    assert Agreement.objects.latest("pk") == made
    actions.delete(actor=US, agreement=made, now=NOON)
    assert ">done<" in sent(north, at("selected"), picks, 200).content.decode()


def test_selected_drafts_are_proposed_one_by_one(cast: Cast, north: Client) -> None:
    good, bad = draft(cast), draft(cast, Terms())
    answer = sent(
        north, at("selected"), {"pick": [str(good.pk), str(bad.pk)], "deed": "propose"}, 200
    ).content.decode()
    assert answer.count(">refused<") == 1
    assert answer.count(">done<") == 1


def test_contacts_are_chosen_and_touch_no_hash(cast: Cast, north: Client) -> None:
    one, _theirs = agreed(cast)
    office = Contact.objects.create(
        institution=cast.sending, names={"en": "Office"}, emails=["office@example.org"], place=1
    )
    assert one.current is not None
    digest = one.current.digest
    page = text(north, at("particulars", one.pk))
    assert "office@example.org" in page
    data = {"programme": "erasmus", "contacts": [str(office.pk)], "signing_contact": str(office.pk)}
    sent(north, at("particulars", one.pk), {**data, "signing_date": "2026-10-01", "note": "ok"})
    one.refresh_from_db()
    assert one.current is not None
    assert one.current.digest == digest
    assert one.current.copy.author.contacts[0].name == "Office"
    assert one.listed_state == State.IN_FORCE
    count = one.revisions.count()
    sent(north, at("particulars", one.pk), {**data, "signing_date": "2026-10-01", "note": "ok"})
    assert one.revisions.count() == count


def test_a_condition_names_contacts_of_both_sides_and_its_hash_stays(
    cast: Cast, north: Client, vale: Client
) -> None:
    ours, theirs = agreed(cast)
    for place, name in ((cast.sending, "labs"), (cast.receiving, "port")):
        Contact.objects.create(
            institution=place, names={"en": name}, emails=[f"{name}@example.org"], place=1
        )
    assert ours.current is not None
    digest = ours.current.digest
    page = text(north, at("edit", ours.pk))
    data = typed(page)
    assert not [name for name in data if "contacts" in name]
    boxes = dict(re.findall(r'name="c0-(our|partner)_contacts"\s+value="([0-9a-f]{12})"', page))
    assert set(boxes) == {"our", "partner"}
    data |= {f"c0-{side}_contacts": [key] for side, key in boxes.items()}
    sent(north, at("edit", ours.pk), data)
    ours.refresh_from_db()
    assert ours.current is not None
    first, second = ours.current.copy.terms.conditions[:2]
    assert [one.name for one in first.sending_contacts] == ["labs"]
    assert [one.name for one in first.receiving_contacts] == ["port"]
    assert not second.sending_contacts
    assert ours.current.digest == digest
    assert (ours.listed_state, ours.listed_turn) == ("in-force", "nobody")
    # What is shown is sent back as it is; the other direction keeps each contact on its side.
    again = typed(text(north, at("edit", ours.pk)))
    number = ours.current.number
    sent(north, at("edit", ours.pk), again)
    ours.refresh_from_db()
    assert ours.current.number == number
    mirrored = north.post(at("edit", ours.pk), again | {"do": "mirror:0"}).content.decode()
    assert typed(mirrored)["c1-our_contacts"] == [boxes["our"]]
    assert "labs@example.org" in text(north, at("agreement", ours.pk))
    assert "labs@example.org" in text(vale, at("agreement", theirs.pk))
    del again["c0-our_contacts"], again["c0-partner_contacts"]
    sent(north, at("edit", ours.pk), again)
    ours.refresh_from_db()
    assert not ours.terms.conditions[0].sending_contacts


def test_a_note_follows_its_condition(cast: Cast, north: Client) -> None:
    there, back = both_ways(NORTH, VALE).conditions
    more = replace(there, areas=(SubjectArea("0710"),))
    one = draft(cast, Terms((there, back, more)))
    for place, words in enumerate(("first", "second", "third")):
        actions.remark(actor=US, agreement=one, text=words, now=NOON, condition=place)

    def edited(*conditions: Condition, minutes: int) -> list[str]:
        later = NOON + timedelta(minutes=minutes)
        actions.edit(actor=US, agreement=one, terms=Terms(conditions), now=later)
        page = text(north, at("agreement", one.pk))
        return sorted(one.strip() for one in re.findall(r"Note for colleagues ([^<]*)<", page))

    assert edited(there, back, more, minutes=0) == [
        "on condition 1", "on condition 2", "on condition 3",
    ]  # fmt: skip
    assert edited(more, there, back, minutes=1) == [
        "on condition 1, then 3", "on condition 2, then 1", "on condition 3, then 2",
    ]  # fmt: skip
    # Other people in it, and it is still the same condition.
    assert edited(replace(more, people="7"), back, minutes=2) == [
        "on condition 1 of then, which is gone", "on condition 1, then 3", "on condition 2",
    ]  # fmt: skip
    # A note written now counts from now.
    actions.remark(
        actor=US, agreement=one, text="new", now=NOON + timedelta(minutes=3), condition=0
    )
    assert "Note for colleagues on condition 1 <" in text(north, at("agreement", one.pk))


def test_a_paper_is_kept_sealed_and_comes_back_as_it_was(cast: Cast, north: Client) -> None:
    one = draft(cast)
    content = b"%PDF-1.7 old paper"
    for name, body in (("old.pdf", content), ("evil.html", b"<script>")):
        sent(north, at("add-paper", one.pk), {"file": SimpleUploadedFile(name, body)})
    kept = one.attachments.get()
    assert content not in bytes(kept.content)
    answer = north.get(at("attachment", one.pk, kept.pk))
    assert answer.content == content
    assert "attachment" in answer.headers["Content-Disposition"]
    other = draft(cast)
    assert north.get(at("attachment", other.pk, kept.pk)).status_code == 404


@pytest.mark.parametrize(
    ("typed_", "code"),
    [
        ("Economics", "0311"),
        ("0311 anything", "0311"),
        ("taloustiede", "0311"),
        ("dental", "0911"),
        ("engineering", "engineering"),
        ("", ""),
    ],
)
def test_a_field_of_study_may_be_typed_by_its_name(typed_: str, code: str) -> None:
    row = empty_row(Kind.STUDIES, "out") | {
        "areas": [{"origin": "", "field": typed_, "clarification": ""}]
    }
    (made,) = terms_of([row], Terms(), NORTH, VALE).conditions
    assert [area.isced for area in made.areas] == ([code] if code else [])


# Proposals ----------------------------------------------------------------------------------------


def test_a_proposal_is_linked_to_the_likeliest_agreement(
    cast: Cast, north: Client, vale: Client
) -> None:
    unlike = draft(cast, both_ways(NORTH, VALE, people="9"))
    alike = draft(cast)
    theirs = draft(cast, both_ways(VALE, NORTH), institution=cast.receiving, partner=cast.sending)
    actions.propose(actor=US, agreement=theirs, now=NOON)
    received = copy_at(cast.sending)
    assert [one.agreement.pk for one in suggestions(received)] == [alike.pk, unlike.pk]
    page = text(north, at("proposal", received.pk) + f"?with={alike.pk}")
    assert "Both copies say the same" in page
    sent(north, at("link", received.pk), {"agreement": str(alike.pk)})
    alike.refresh_from_db()
    assert alike.partner_iia_id == theirs.iia_id
    assert alike.listed_state == State.MAPPED


def test_a_proposal_is_set_aside_and_looked_at_again(cast: Cast, north: Client) -> None:
    theirs = draft(cast, both_ways(VALE, NORTH), institution=cast.receiving, partner=cast.sending)
    actions.propose(actor=US, agreement=theirs, now=NOON)
    received = copy_at(cast.sending)
    sent(north, at("ignore", received.pk), {"deed": "ignore"})
    assert theirs.iia_id not in text(north, at("proposals"))
    assert theirs.iia_id in text(north, at("proposals") + "?set=ignored")
    sent(north, at("ignore", received.pk), {"deed": "look-again"})
    assert theirs.iia_id in text(north, at("proposals"))


def test_a_copy_with_a_wrong_hash_says_whose_fault_it_is(cast: Cast, north: Client) -> None:
    theirs = draft(cast, both_ways(VALE, NORTH), institution=cast.receiving, partner=cast.sending)
    assert theirs.current is not None
    received = actions.receive_copy(
        actor=US,
        institution=cast.sending,
        partner=cast.receiving,
        iia_id=theirs.iia_id,
        document=bytes(theirs.current.document),
        copy=theirs.current.copy,
        digest=theirs.current.digest,
        published="f" * 64,
        channel="ewp",  # type: ignore[arg-type]
        now=NOON,
    )
    page = text(north, at("proposal", received.pk))
    assert "the partner&#x27;s system is at fault" in page
    assert "Take it in" not in page
    assert theirs.iia_id in text(north, at("proposals") + "?set=bad")


# Comparing and answering --------------------------------------------------------------------------


def test_standing_by_ours_gives_the_turn_to_the_partner(
    cast: Cast, north: Client, vale: Client
) -> None:
    ours, theirs = agreed(cast)
    later = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    actions.edit(actor=US, agreement=theirs, terms=both_ways(NORTH, VALE, people="9"), now=later)
    ours.refresh_from_db()
    assert ours.listed_turn == "ours"
    seen = text(north, at("comparison", ours.pk))
    hidden = dict(re.findall(r'name="(digest|seen)" value="([^"]*)"', seen))
    sent(north, at("take-theirs", ours.pk), {**hidden, "deed": "ours", "note": "Two, please"})
    ours.refresh_from_db()
    assert ours.listed_turn == "partner"
    assert ours.listed_state == State.MODIFICATION
    assert "Two, please" in text(vale, at("agreement", theirs.pk))


def test_any_two_versions_can_be_compared(cast: Cast, north: Client) -> None:
    one = draft(cast)
    actions.edit(actor=US, agreement=one, terms=both_ways(NORTH, VALE, people="8"), now=NOON)
    page = text(north, at("comparison", one.pk) + "?left=o1&right=o2")
    assert "Our version 1" in page
    assert page.count("differs, must be the same") >= 2
    assert "Take theirs" not in page
    assert north.get(at("comparison", one.pk) + "?left=zzz&right=o9").status_code == 200


def test_deeds_ask_first_and_notice_what_changed_meanwhile(cast: Cast, north: Client) -> None:
    ours, theirs = agreed(cast)
    page = text(north, at("deed", ours.pk, "terminate"))
    assert "until then it stays in force" in page
    known = re.search(r'name="known" value="([^"]*)"', page)
    assert known
    actions.edit(actor=US, agreement=theirs, terms=both_ways(NORTH, VALE, people="9"), now=NOON)
    answer = sent(
        north, at("deed", ours.pk, "terminate"), {"known": known.group(1), "reason": ""}, 409
    )
    assert "Something changed meanwhile" in answer.content.decode()
    refused = sent(north, at("deed", ours.pk, "delete"), {}, 409).content.decode()
    assert "An agreement that was in force cannot be deleted." in refused
    assert north.get(at("deed", ours.pk, "no-such-deed")).status_code == 404


def test_an_agreement_in_use_is_ended_by_neither_side_alone(
    cast: Cast, north: Client, vale: Client
) -> None:
    ours, theirs = agreed(cast)
    sent(vale, at("deed", theirs.pk, "terminate"), {"reason": ""})
    mobility(
        person=student(cast.sending).person,
        sending=cast.sending,
        receiving=cast.receiving,
        start=date(2026, 9, 1),
        end=date(2026, 12, 20),
    )
    assert uses_of(ours) == 1
    answer = sent(north, at("deed", ours.pk, "terminate"), {"reason": ""}, 409).content.decode()
    assert "Mobilities run or ran under this agreement (1)" in answer
    ending = copy_at(cast.sending).current
    assert ending is not None
    over = {"deed": "whole", "digest": ending.digest}
    said = north.post(at("take-theirs", ours.pk), over, follow=True).content.decode()
    assert "Mobilities run or ran under this agreement (1)" in said
    assert not Agreement.objects.get(pk=ours.pk).terms.is_terminated


# Lists and overviews ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("", True),
        ("q=vale", True),
        ("q=nowhere", False),
        ("state=in-force", True),
        ("state=draft", False),
        ("turn=nobody", True),
        ("turn=ours", False),
        ("country=620", True),
        ("field=06", True),
        ("field=01", False),
        ("year=2027", True),
        ("year=2031", False),
        ("expires=2028", True),
        ("expires=2027", False),
        ("channel=here", True),
        ("channel=ewp", False),
        ("programme=nordplus", False),
    ],
)
def test_the_list_narrows(cast: Cast, north: Client, query: str, is_found: bool) -> None:
    ours, _theirs = agreed(cast)
    assert (ours.code in text(north, f"{LIST}?{query}")) is is_found


def test_a_partner_is_found_by_every_name_it_has(cast: Cast, north: Client) -> None:
    partner = institution("clara.example", name="Universidad de Clara", hosted=False)
    Institution.objects.filter(pk=partner.pk).update(names={"en": "Clear Coast University"})
    actions.create(
        actor=US, institution=cast.sending, partner=partner, terms=Terms(), now=NOON, code="CLEAR-1"
    )
    for words in ("clear coast", "universidad clara", "coast clara"):
        assert "Clear Coast University" in text(north, f"{reverse('agreements:new')}?q={words}")
        assert "CLEAR-1" in text(north, f"{LIST}?q={words}")


def test_filters_are_kept_under_a_name_for_oneself_only(
    cast: Cast, north: Client, vale: Client
) -> None:
    data = {"page": "agreements:register", "query": "turn=ours&country=620", "name": "Our Portugal"}
    answer = sent(north, reverse("web:keep-view"), data)
    assert answer.headers["Location"] == f"{LIST}?turn=ours&country=620"
    assert "Our Portugal" in text(north, LIST)
    assert "Our Portugal" not in text(vale, LIST)
    view = KeptView.objects.get()
    sent(vale, reverse("web:forget-view", args=[view.pk]), {})
    assert KeptView.objects.count() == 1
    sent(north, reverse("web:forget-view", args=[view.pk]), {})
    assert not KeptView.objects.exists()


def test_places_used_and_left(cast: Cast, north: Client) -> None:
    agreed(cast, people="4")
    for _number in range(3):
        mobility(
            person=student(cast.sending).person,
            sending=cast.sending,
            receiving=cast.receiving,
            start=date(2027, 1, 10),
            end=date(2027, 5, 1),
        )
    page = text(north, at("places") + "?year=2026")
    cells = re.findall(r'<td class="numeric">(.*?)</td>', page[page.index("from us") :])
    assert cells[:3] == ["4", "3", "1"]
    assert "−" in page or "+3" in page
    body = b"".join(north.get(at("places-csv") + "?year=2026").streaming_content).decode()  # type: ignore[attr-defined]
    assert body.count("studies") == 2


def test_the_calendar_tells_what_nothing_follows(cast: Cast, north: Client) -> None:
    ours, _theirs = agreed(cast)
    page = text(north, at("calendar"))
    assert "2028/2029" in page
    assert "nothing yet" in page
    assert list(without_successor(Agreement.objects.filter(pk=ours.pk))) == [ours]
    sent(north, at("selected"), {"pick": [str(ours.pk)], "deed": "renew"}, 200)
    assert not without_successor(Agreement.objects.filter(pk=ours.pk)).exists()
    assert "another agreement lasts longer" in text(north, at("calendar"))


def test_the_map_says_its_numbers(cast: Cast, north: Client) -> None:
    agreed(cast)
    page = text(north, at("map"))
    assert "Portugal: 1" in page
    assert f"{LIST}?country=620" in page


def test_what_waits_stands_on_the_worklist(cast: Cast, north: Client) -> None:
    one = draft(cast)
    assert one.code in text(north, "/")
    actions.propose(actor=US, agreement=one, now=datetime(2026, 1, 1, tzinfo=UTC))
    page = text(north, "/")
    assert "Partners to remind" in page


def test_only_what_one_may_do_waits(cast: Cast, signed_in: AsSomebody) -> None:
    """Who keeps one unit reads what holds for the whole institution, but it waits for somebody else."""
    holder = account("una")
    role(holder, Role.Name.AGREEMENT_MANAGER, cast.sending, unit=cast.unit)
    whole, own = draft(cast), draft(cast, unit=cast.unit)
    keeper = signed_in(holder)
    assert whole.code in text(keeper, LIST)
    page = text(keeper, "/")
    assert own.code in page
    assert whole.code not in page


def test_only_what_holds_for_the_whole_waits_for_its_signatory(
    cast: Cast, signed_in: AsSomebody
) -> None:
    ours = draft(cast)
    actions.propose(actor=US, agreement=ours, now=NOON)
    actions.take_in(actor=US, received=copy_at(cast.receiving), now=NOON)
    ours.refresh_from_db()
    assert ours.listed_next == "approve"
    holders = {name: account(name) for name in ("sven", "sara")}
    role(holders["sven"], Role.Name.SIGNATORY, cast.sending, unit=cast.unit)
    role(holders["sara"], Role.Name.SIGNATORY, cast.sending)
    told = {name: text(signed_in(one), "/") for name, one in holders.items()}
    assert "Agreements to approve" in told["sara"]
    assert "Agreements to approve" not in told["sven"]


def test_a_proposal_is_compared_with_what_one_may_read(cast: Cast, signed_in: AsSomebody) -> None:
    actions.propose(actor=US, agreement=draft(cast), now=NOON)
    other = Unit.objects.create(institution=cast.receiving, code="LAW", name="School of Law")
    kept = Unit.objects.create(institution=cast.receiving, code="ART", name="School of Arts")
    turned = {"institution": cast.receiving, "partner": cast.sending}
    hidden = draft(cast, code="HIDDEN-1", unit=other, **turned)
    draft(cast, code="OPEN-1", unit=kept, **turned)
    holder = account("una")
    role(holder, Role.Name.AGREEMENT_MANAGER, cast.receiving, unit=kept)
    keeper = signed_in(holder)
    address = at("proposal", copy_at(cast.receiving).pk)
    page = text(keeper, f"{address}?with={hidden.pk}")
    assert "OPEN-1" in page
    assert "HIDDEN-1" not in page
    sent(keeper, at("link", copy_at(cast.receiving).pk), {"agreement": str(hidden.pk)})
    assert copy_at(cast.receiving).agreement is None


ADDRESSES = ["register", "map", "calendar", "places", "proposals"]
ABOUT_ONE = ["agreement", "comparison", "edit", "particulars", "factsheets", "approve", "paper"]


@pytest.mark.parametrize("name", [*ADDRESSES, "register-csv"])
def test_the_same_number_of_queries_for_one_and_for_many(
    cast: Cast, north: Client, name: str
) -> None:
    agreed(cast)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = north.get(at(name))
            if answer.streaming:
                b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        return len(queries)

    asked()
    one = asked()
    for _number in range(3):
        agreed(cast)
    assert asked() == one
    assert one <= 22


@pytest.mark.parametrize("name", ABOUT_ONE)
@pytest.mark.parametrize("who", ["north", "bruno"])
def test_every_page_about_one_opens_for_whom_it_is(
    cast: Cast, request: pytest.FixtureRequest, who: str, name: str
) -> None:
    ours, _theirs = agreed(cast)
    client: Client = request.getfixturevalue(who)
    kept = who == "bruno" and name in {"edit", "particulars", "approve"}
    assert client.get(at(name, ours.pk)).status_code == (403 if kept else 200)
    assert client.get(at(name, 987_654)).status_code == 404


def test_remarks_and_channels_are_for_the_office(cast: Cast, north: Client, bruno: Client) -> None:
    ours, theirs = agreed(cast)
    sent(north, at("remark", ours.pk), {"text": "Only for us"})
    sent(north, at("remark", ours.pk), {"text": "   "})
    assert "Only for us" in text(north, at("agreement", ours.pk))
    assert "Only for us" not in text(north, at("agreement", ours.pk)).split("history")[0]
    assert bruno.post(at("remark", ours.pk), {"text": "x"}).status_code == 403
    assert bruno.post(at("channel", ours.pk), {"channel": "file"}).status_code == 403
    assert bruno.post(at("look", ours.pk)).status_code == 403
    sent(north, at("look", ours.pk), {})
    assert Entry.objects.about(theirs).exists()


def test_the_partner_is_reminded_only_when_it_is_its_turn(
    cast: Cast, north: Client, bruno: Client
) -> None:
    waiting = draft(cast)
    actions.propose(actor=US, agreement=waiting, now=NOON)
    address = at("deed", waiting.pk, "remind")
    assert address in text(north, at("agreement", waiting.pk))
    asks = text(north, address)
    assert f"agreement {waiting.code}" in asks
    known = re.findall(r'name="known" value="([^"]*)"', asks)[0]
    sent(north, address, {"known": known, "reason": "Please look at it."})
    assert Entry.objects.about(waiting).filter(verb="agreements.remind").count() == 1
    assert waiting.remarks.get().text == "Please look at it."
    assert bruno.post(address, {"known": known}).status_code in {403, 404}
    still = draft(cast)
    told = sent(
        north, at("selected"), {"pick": [str(waiting.pk), str(still.pk)], "deed": "remind"}, 200
    ).content.decode()
    assert told.count(">done<") == told.count(">refused<") == 1
    assert address not in text(north, at("agreement", still.pk))


def test_the_page_names_versions_and_people_instead_of_hashes_and_ids(
    cast: Cast, north: Client
) -> None:
    ours, _theirs = agreed(cast)
    page = text(north, at("agreement", ours.pk))
    assert re.search(r"Partner&#x27;s copy: Version \d", page)
    assert re.search(r"Our copy: Version \d", page)
    timeline = page[page.index('id="history"') :]
    assert cast.receiving.hei_id not in timeline
    assert cast.receiving.name in timeline


def test_what_hinders_the_network_is_said_in_words_and_approving_is_still_offered(
    cast: Cast, north: Client
) -> None:
    ours = draft(cast)
    actions.propose(actor=US, agreement=ours, now=NOON)
    actions.take_in(actor=US, received=copy_at(cast.receiving), now=NOON)
    ReceivedCopy.objects.filter(agreement=ours).update(failure="no-such-host")
    page = text(north, at("agreement", ours.pk))
    assert "There is no host of the name" in page
    assert "no-such-host" not in page
    assert "its hash does not fit" not in page
    assert at("approve", ours.pk) in page
    # The channel that is used now reaches the partner, so the earlier silence is over.
    assert "no-answer" in actions.obstacles(Agreement.objects.get(pk=ours.pk))
    text(north, at("approve", ours.pk))
    assert actions.obstacles(Agreement.objects.get(pk=ours.pk)) == []
    ReceivedCopy.objects.filter(agreement=ours).update(failure="gone-in-force")
    text(north, at("approve", ours.pk))
    assert actions.obstacles(Agreement.objects.get(pk=ours.pk)) == ["gone"]


def test_the_general_half_of_the_form_is_said_in_the_language_of_the_paper(cast: Cast) -> None:
    ours, _theirs = agreed(cast)
    assert general_rows(ours, language="en") == []
    Factsheet.objects.create(
        institution=cast.receiving, nominations_autumn="04-15", decision_weeks=4
    )
    rows = general_rows(ours, language="fi")
    assert [(own, theirs) for _label, own, theirs in rows] == [("", "15.4."), ("", "4")]
    said = content(ours, of=ours.mutual, language="fi", general=rows)
    assert said["general"][1]["values"] == ["", "4"]


# Of one unit only ---------------------------------------------------------------------------------


def test_who_keeps_one_unit_reads_the_agreements_of_the_whole_and_changes_only_its_own(
    cast: Cast, signed_in: AsSomebody
) -> None:
    holder = account("una")
    for name in (Role.Name.AGREEMENT_MANAGER, Role.Name.SIGNATORY):
        role(holder, name, cast.sending, unit=cast.unit)
    una = signed_in(holder)
    whole, own = draft(cast, code="ALL"), draft(cast, code="OURS", unit=cast.unit)
    for one, status in ((whole, 403), (own, 200)):
        page = text(una, at("agreement", one.pk))
        assert ("Edit our copy" in page) is (status == 200)
        text(una, at("edit", one.pk), status)
        text(una, at("approve", one.pk), status)
    sent(una, at("deed", whole.pk, "propose"), {}, 403)
    whole.refresh_from_db()
    assert whole.shared_at is None

    begin = f"{at('new')}?partner={cast.receiving.pk}"
    assert "The whole institution" not in text(una, begin)
    sent(una, begin, {"programme": "erasmus", "unit": ""}, 400)
    sent(una, begin, {"programme": "erasmus", "unit": str(cast.unit.pk)})
    assert Agreement.objects.latest("pk").unit == cast.unit
    with pytest.raises(NotAllowed):
        actions.create(
            actor=cast.actor(holder),
            institution=cast.sending,
            partner=cast.receiving,
            terms=Terms(),
            now=NOON,
        )


def test_the_mandate_for_one_unit_consents_to_no_text_of_the_whole(cast: Cast) -> None:
    holder = account("una")
    role(holder, Role.Name.SIGNATORY, cast.sending, unit=cast.unit)
    whole = actions.begin_alliance_agreement(
        actor=US,
        alliance=cast.alliance,
        name="Open campus",
        members=[cast.sending, cast.receiving],
        now=NOON,
    )
    actions.write_text(actor=US, agreement=whole, lines=[Line(studies("", ""))], now=NOON)
    found = actions.put_text(actor=US, agreement=whole, now=NOON)
    with pytest.raises(NotAllowed):
        actions.consent(actor=cast.actor(holder), text=found, institution=cast.sending, now=NOON)
