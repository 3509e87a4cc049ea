"""The pages on which an institution writes what it tells its partners."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.cast import NOON, Cast, account, role
from tests.institutions.telling import FACTSHEET, HEALTH, OFFICE, PROFILE
from tests.web.conftest import AsSomebody
from vaihto.institutions import actions
from vaihto.institutions.facts import FactsheetFacts, seen
from vaihto.institutions.models import Contact, Institution, Unit
from vaihto.institutions.queries import profile_of, told
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.models import Role

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()


@pytest.fixture
def manager(cast: Cast, signed_in: AsSomebody) -> Client:
    """The agreement manager of the sending institution."""
    who = account("manager")
    role(who, Role.Name.AGREEMENT_MANAGER, cast.sending)
    return signed_in(who)


def address(name: str, *args: int) -> str:
    return reverse(f"institution:{name}", args=args)


def typed(client: Client, where: str) -> dict[str, str]:
    """What the form at `where` holds when it is opened: what a browser would send back."""
    from lxml import html  # noqa: PLC0415 - slow import

    page = html.fromstring(client.get(where).content.decode())
    (form,) = [one for one in page.forms if one.xpath(".//input[@name='seen']")]
    return {name: value or "" for name, value in form.form_values()}


def told_of(cast: Cast):
    (found,) = told([Institution.objects.get(pk=cast.sending.pk)])
    return found


def errors(answer: Any) -> list[str]:
    """The links of the error summary."""
    from lxml import html  # noqa: PLC0415 - slow import

    page = html.fromstring(answer.content.decode())
    links = page.xpath("//*[@id='error-summary']//a/@href")
    for link in links:
        assert page.xpath(f"//*[@id='{link.removeprefix('#')}']"), link
    return links


def everything(cast: Cast) -> None:
    """All that an institution can tell."""
    place = cast.sending
    actions.edit_profile(actor=SYSTEM, institution=place, facts=PROFILE, now=NOON)
    actions.add_unit(actor=SYSTEM, institution=place, facts=HEALTH, now=NOON)
    actions.add_contact(actor=SYSTEM, institution=place, facts=OFFICE, now=NOON)
    actions.edit_factsheet(actor=SYSTEM, institution=place, facts=FACTSHEET, now=NOON)


# --- Sending back what was shown changes nothing ---------------------------------------------------


def test_a_form_that_is_sent_back_as_it_came_changes_nothing(cast: Cast, manager: Client) -> None:
    everything(cast)
    before, lines = told_of(cast), Entry.objects.count()
    unit = Unit.objects.get(code="HEALTH")
    contact = Contact.objects.get()
    for where in (
        address("profile", cast.sending.pk),
        address("unit", cast.sending.pk, unit.pk),
        address("contact", cast.sending.pk, contact.pk),
        address("factsheet", cast.sending.pk),
    ):
        answer = manager.post(where, typed(manager, where))
        assert answer.status_code == 302, (where, errors(answer))
    assert told_of(cast) == before
    assert Entry.objects.count() == lines


# --- The profile -----------------------------------------------------------------------------------


def test_the_profile_is_changed_by_its_form(cast: Cast, manager: Client) -> None:
    where = address("profile", cast.sending.pk)
    sent = typed(manager, where) | {
        "erasmus_code": "sf  northla01",
        "previous_hei_ids": "Old.Example\n\nolder.example",
        "names-0-language": "en",
        "names-0-text": "University of Northlake",
        "street_address-street": "Revontulentie",
        "street_address-building_number": "12",
        "street_address-country": "246",
        "websites-0-url": "https://aalto-north.example/en",
        "websites-0-language": "en",
    }
    assert manager.post(where, sent).status_code == 302
    stored = told_of(cast).profile
    assert stored.erasmus_code == "SF NORTHLA01"
    assert stored.previous_hei_ids == ("old.example", "older.example")
    assert stored.names == {"en": "University of Northlake"}
    assert stored.street_address.street == "Revontulentie"
    assert [link.url for link in stored.websites] == ["https://aalto-north.example/en"]
    line = Entry.objects.get(verb="institution.changed")
    assert line.actor_label == "Manager"


def test_a_row_is_added_and_nothing_typed_is_lost_or_judged(cast: Cast, manager: Client) -> None:
    where = address("profile", cast.sending.pk)
    sent = typed(manager, where) | {
        "add": "websites",
        "name": "",
        "websites-0-url": "not an address",
        "street_address-lines": "One\nTwo",
    }
    answer = manager.post(where, sent)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert errors(answer) == []
    assert 'name="websites-count" value="2"' in page
    assert 'name="websites-1-url"' in page
    assert 'value="not an address"' in page
    assert "One\nTwo" in page
    assert Entry.objects.count() == 0


def test_everything_wrong_is_said_at_once_with_a_link_to_its_field(
    cast: Cast, manager: Client
) -> None:
    where = address("profile", cast.sending.pk)
    sent = typed(manager, where) | {
        "website": "javascript:alert(1)",
        "logo_url": "http://a.example/logo.png",
        "factsheet_urls-count": "2",
        "factsheet_urls-0-url": "",
        "factsheet_urls-1-url": "ftp://a.example",
        "street_address-street": "Street",
        "street_address-lines": "Line",
    }
    answer = manager.post(where, sent)
    assert errors(answer) == [
        "#id_website",
        "#id_logo_url",
        "#id_street_address-lines",
        "#id_factsheet_urls-1-url",
    ]
    assert "ftp://a.example" in answer.content.decode()
    assert Entry.objects.count() == 0


def test_a_language_stands_once(cast: Cast, manager: Client) -> None:
    where = address("profile", cast.sending.pk)
    sent = typed(manager, where) | {
        "names-count": "2",
        "names-0-language": "en",
        "names-0-text": "A",
        "names-1-language": "en",
        "names-1-text": "B",
    }
    assert errors(manager.post(where, sent)) == ["#id_names-1-language"]


def test_who_was_slower_sees_the_differences_and_may_save_all_the_same(
    cast: Cast, manager: Client
) -> None:
    where = address("profile", cast.sending.pk)
    sent = typed(manager, where) | {"city": "Mine"}
    stored = profile_of(cast.sending)
    actions.edit_profile(
        actor=SYSTEM, institution=cast.sending, facts=replace(stored, city="Theirs"), now=NOON
    )
    answer = manager.post(where, sent)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "<del>Theirs</del>" in page
    assert "<ins>Mine</ins>" in page
    assert told_of(cast).profile.city == "Theirs"
    sent["seen"] = seen(told_of(cast).profile)
    assert f'value="{sent["seen"]}"' in page
    assert manager.post(where, sent).status_code == 302
    assert told_of(cast).profile.city == "Mine"


@pytest.mark.parametrize("count", ["", "-1", "99999", "abc", "1e3"])
def test_a_count_of_rows_that_is_nonsense_harms_nothing(
    count: str, cast: Cast, manager: Client
) -> None:
    where = address("profile", cast.sending.pk)
    sent = typed(manager, where) | {"websites-count": count}
    assert manager.post(where, sent).status_code in {200, 302}


# --- Units -----------------------------------------------------------------------------------------


def test_units_are_added_exposed_hidden_and_arranged(cast: Cast, manager: Client) -> None:
    place, where = cast.sending.pk, address("units", cast.sending.pk)
    add = address("add-unit", place)
    sent = typed(manager, add) | {"name": "Whole", "code": "W", "exposed": "on"}
    assert manager.post(add, sent).status_code == 302
    whole = Unit.objects.get(code="W")
    manager.post(where, {"deed": "root", "root": whole.ounit_id})
    assert Unit.objects.get(code="ENG").parent == whole
    manager.post(where, {"deed": "expose", "pick": [cast.unit.ounit_id]})
    assert Unit.objects.get(code="ENG").exposed
    page = manager.get(where).content.decode()
    assert "Partners see one tree." in page
    manager.post(where, {"deed": "hide", "pick": [cast.unit.ounit_id]})
    assert not Unit.objects.get(code="ENG").exposed
    assert manager.post(where, {"deed": "expose"}).status_code == 302
    assert manager.post(where, {"deed": "dance"}).status_code == 302
    assert manager.post(where, {"deed": "root", "root": "nowhere"}).status_code == 302
    assert Institution.objects.get(pk=place).root_unit == whole


def test_a_unit_with_a_code_that_is_taken_is_refused_at_its_field(
    cast: Cast, manager: Client
) -> None:
    add = address("add-unit", cast.sending.pk)
    sent = typed(manager, add) | {"name": "Typed name", "code": "ENG"}
    answer = manager.post(add, sent)
    assert errors(answer) == ["#id_code"]
    assert 'value="Typed name"' in answer.content.decode()


def test_a_unit_that_records_refer_to_is_not_removed(cast: Cast, manager: Client) -> None:
    where = address("remove-unit", cast.sending.pk, cast.unit.pk)
    cast.student.unit = cast.unit
    cast.student.save()
    assert manager.post(where).status_code == 409
    cast.student.unit = None
    cast.student.save()
    assert manager.post(where).status_code == 302
    assert not Unit.objects.filter(pk=cast.unit.pk).exists()


def test_units_and_contacts_of_another_institution_do_not_exist_here(
    cast: Cast, manager: Client
) -> None:
    other = Unit.objects.create(institution=cast.receiving, code="X", name="Elsewhere")
    contact = Contact.objects.create(institution=cast.receiving, names={"en": "Elsewhere"})
    place = cast.sending.pk
    for where in (
        address("unit", place, other.pk),
        address("remove-unit", place, other.pk),
        address("contact", place, contact.pk),
        address("remove-contact", place, contact.pk),
    ):
        assert manager.get(where).status_code == 404
        assert manager.post(where).status_code == 404
    assert manager.post(address("contacts", place), {"up": contact.pk}).status_code == 404
    assert manager.get(address("overview", cast.receiving.pk)).status_code == 403
    assert manager.get(address("overview", 0)).status_code == 404


# --- Contacts --------------------------------------------------------------------------------------


def test_a_contact_is_added_moved_and_removed(cast: Cast, manager: Client) -> None:
    place = cast.sending.pk
    add, where = address("add-contact", place), address("contacts", place)
    for name in ("First", "Second"):
        sent = typed(manager, add) | {
            "names-0-language": "en",
            "names-0-text": name,
            "emails": "office@aalto-north.example",
            "phones-0-e164": "+358 (0)29 123 4567",
        }
        assert manager.post(add, sent).status_code == 302
    first, second = Contact.objects.order_by("place")
    assert first.phones[0].e164 == "+358291234567"
    manager.post(where, {"up": second.pk})
    assert [str(one) for one in Contact.objects.all()] == ["Second", "First"]
    manager.post(address("remove-contact", place, first.pk))
    assert [str(one) for one in Contact.objects.all()] == ["Second"]


def test_a_contact_without_a_name_is_refused_at_the_name(cast: Cast, manager: Client) -> None:
    add = address("add-contact", cast.sending.pk)
    sent = typed(manager, add) | {"emails": "kept@aalto-north.example\nnot an address"}
    answer = manager.post(add, sent)
    assert sorted(errors(answer)) == ["#id_emails", "#id_names-0-text"]
    assert "kept@aalto-north.example\nnot an address" in answer.content.decode()


# --- The factsheet ---------------------------------------------------------------------------------


def test_the_factsheet_insists_on_what_the_schema_requires(cast: Cast, manager: Client) -> None:
    where = address("factsheet", cast.sending.pk)
    sent = typed(manager, where) | {
        "visa-email": "visa@aalto-north.example",
        "housing-email": "no address",
    }
    answer = manager.post(where, sent)
    found = errors(answer)
    assert len(found) == 4 + 4 * 3 + 2 - 1
    assert "#id_housing-email" in found  # what is wrong and what is missing, at once
    assert found[0] == "#id_nominations_autumn"
    assert "#id_visa-phone-e164" in found
    assert "#id_visa-email" not in found
    assert "visa@aalto-north.example" in answer.content.decode()
    assert told_of(cast).factsheet is None


def test_an_unfinished_factsheet_is_kept_if_asked_and_partners_see_none(
    cast: Cast, manager: Client
) -> None:
    where = address("factsheet", cast.sending.pk)
    sent = typed(manager, where) | {
        "nominations_autumn_day": "15",
        "nominations_autumn_month": "04",
        "unfinished": "1",
    }
    answer = manager.post(where, sent, follow=True)
    assert "kept unfinished" in answer.content.decode()
    assert told_of(cast).factsheet == FactsheetFacts(nominations_autumn="04-15")
    preview = manager.get(address("preview", cast.sending.pk)).content.decode()
    assert "Partners see no factsheet" in preview


def test_half_a_day_and_a_day_of_leap_years_are_refused(cast: Cast, manager: Client) -> None:
    where = address("factsheet", cast.sending.pk)
    sent = typed(manager, where) | {"unfinished": "1"}
    half = manager.post(where, sent | {"nominations_autumn_day": "15"})
    assert errors(half) == ["#id_nominations_autumn"]
    leap = manager.post(
        where, sent | {"nominations_autumn_day": "29", "nominations_autumn_month": "02"}
    )
    assert errors(leap) == ["#id_nominations_autumn"]


def test_a_gap_in_a_row_is_told_at_the_row_that_was_typed(cast: Cast, manager: Client) -> None:
    everything(cast)
    where = address("factsheet", cast.sending.pk)
    sent = typed(manager, where) | {
        "requirements-count": "4",
        "requirements-0-name": "",
        "requirements-0-details": "",
        "requirements-3-name": "CV",
        "requirements-3-details": "",
    }
    assert errors(manager.post(where, sent)) == ["#id_requirements-3-details"]


# --- Overview --------------------------------------------------------------------------------------


def test_the_overview_says_what_is_missing_and_leads_there(cast: Cast, manager: Client) -> None:
    from lxml import html  # noqa: PLC0415 - slow import

    Unit.objects.filter(pk=cast.unit.pk).update(exposed=True)
    Contact.objects.create(institution=cast.sending, names={"fi": "Toimisto"}, place=1)
    page = html.fromstring(manager.get(address("overview", cast.sending.pk)).content.decode())
    links = page.xpath("//ul[@class='gaps']//a/@href")
    assert len(links) > 20
    for link in links:
        path, _sharp, anchor = link.partition("#")
        answer = manager.get(path)
        assert answer.status_code == 200
        assert not anchor or f'id="{anchor}"' in answer.content.decode(), link


def test_the_only_institution_is_opened_at_once_and_several_are_listed(
    cast: Cast, manager: Client
) -> None:
    start = reverse("institution:start")
    assert manager.get(start).headers["Location"] == address("overview", cast.sending.pk)
    role(account("both"), Role.Name.READER, cast.sending)
    who = account("of-two")
    for place in (cast.sending, cast.receiving):
        role(who, Role.Name.AGREEMENT_MANAGER, place)
    client = Client()
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(start).content.decode()
    assert "University of Northlake" in page
    assert "University of Vale" in page


def test_the_preview_shows_what_partners_read(cast: Cast, manager: Client) -> None:
    everything(cast)
    page = manager.get(address("preview", cast.sending.pk)).content.decode()
    for words in (
        "SF NORTHLA01",
        "Revontulentie 12",
        "International Services",
        "Faculty of Health",
        "Motivation letter",
        "15 Apr",
    ):
        assert words in page
    assert "School of Engineering" not in page  # not exposed


def test_the_preview_shows_the_very_messages(cast: Cast, manager: Client) -> None:
    from lxml import html  # noqa: PLC0415 - slow import

    everything(cast)
    page = html.fromstring(manager.get(address("preview", cast.sending.pk)).content.decode())
    documents = [one.text_content() for one in page.xpath("//pre")]
    assert [document.split()[0] for document in documents] == [
        "<institutions-response",
        "<ounits-response",
        "<factsheet-response",
    ]
    assert "<streetName>Revontulentie</streetName>" in documents[0].replace("a:", "")


def test_what_partners_cannot_see_waits_for_who_writes_it(cast: Cast, manager: Client) -> None:
    factsheet = address("factsheet", cast.sending.pk)
    assert f'href="{factsheet}"' in manager.get("/").content.decode()
    everything(cast)
    assert f'href="{factsheet}"' not in manager.get("/").content.decode()


BUDGETS = {
    "overview": 14,
    "units": 13,
    "contacts": 13,
    "preview": 11,
    "profile": 12,
    "factsheet": 10,
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_page_asks_as_much_for_three_units_and_contacts_as_for_one(
    name: str, cast: Cast, manager: Client
) -> None:
    where = address(name, cast.sending.pk)
    everything(cast)
    manager.get(where)
    with CaptureQueriesContext(connection) as one:
        assert manager.get(where).status_code == 200
    for number in range(2):
        actions.add_unit(
            actor=SYSTEM,
            institution=cast.sending,
            facts=replace(HEALTH, code=f"N{number}", name=f"New {number}"),
            now=NOON,
        )
        actions.add_contact(
            actor=SYSTEM,
            institution=cast.sending,
            facts=replace(OFFICE, unit=Unit.objects.get(code=f"N{number}").ounit_id),
            now=NOON,
        )
    with CaptureQueriesContext(connection) as three:
        assert manager.get(where).status_code == 200
    assert len(one) == len(three)
    assert len(one) <= BUDGETS[name], len(one)
