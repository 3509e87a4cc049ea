"""The pages of the catalogue: what strangers find, what the offices keep."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.cast import NOON, Cast, account, role
from tests.web.conftest import AsSomebody
from vaihto.institutions.values import Link
from vaihto.journal.models import Entry
from vaihto.offers import actions
from vaihto.offers.facts import CreditFacts, OpportunityFacts, RealisationFacts
from vaihto.offers.models import LearningOpportunity, Realisation
from vaihto.people.models import Role

LIST = "/offers/"


def fill(cast: Cast, *numbers: int, **facts: Any) -> None:
    """Courses with one realisation each."""
    who = {"actor": cast.actor(cast.bruno), "institution": cast.sending, "now": NOON}
    actions.bring_opportunities(
        facts=[
            OpportunityFacts(
                **{
                    "key": f"C-{n}",
                    "code": f"C{n}",
                    "titles": {"en": f"Waves {n}", "fi": f"Aallot {n}"},
                    "descriptions": {"en": "One.\n\nTwo."},
                    "isced_code": "0532",
                    "eqf_level": 7,
                    "addresses": (Link("https://x.example"),),
                    "exposed": True,
                    **facts,
                }
            )
            for n in numbers
        ],
        **who,
    )
    actions.bring_realisations(
        facts=[
            RealisationFacts(
                opportunity=f"C-{n}",
                key="R",
                start=date(2026, 9, 1),
                end=date(2026, 12, 18),
                academic_year="2026/2027",
                credits=(CreditFacts(scheme="ects", value=Decimal("7.5")),),
                language="en",
                results=(("5", 3),),
            )
            for n in numbers
        ],
        **who,
    )


def found(key: str = "C-1") -> LearningOpportunity:
    return LearningOpportunity.objects.get(key=key)


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.fixture
def stranger() -> Client:
    return Client()


@pytest.mark.parametrize("who", ["stranger", "bruno"])
@pytest.mark.parametrize("what", ["list", "one", "csv"])
def test_the_same_number_of_queries_for_one_and_for_three(
    cast: Cast, request: pytest.FixtureRequest, who: str, what: str
) -> None:
    client: Client = request.getfixturevalue(who)
    fill(cast, 1)
    address = {
        "list": LIST,
        "one": reverse("offers:offer", args=[found().pk]),
        "csv": "/offers/catalogue.csv",
    }[what]

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
            if answer.streaming:
                b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        return len(queries)

    asked()
    one = asked()
    fill(cast, 2, 3)
    for key in ("C-2", "C-3"):
        found(key).wholes.add(found())
        found(key).realisations.create(
            loi_id=f"CRI/{key}", start=date(2027, 1, 1), end=date(2027, 2, 1)
        )
    assert asked() == one
    assert one <= {"list": 16, "one": 14, "csv": 12}[what]


def test_a_stranger_finds_what_is_exposed_and_nothing_else(cast: Cast, stranger: Client) -> None:
    fill(cast, 1)
    fill(cast, 2, exposed=False)
    shown = text(stranger, LIST)
    assert "Waves 1" in shown
    assert "Waves 2" not in shown
    assert "Select" not in shown
    assert "Waves 1" in text(stranger, reverse("offers:offer", args=[found().pk]))
    hidden = reverse("offers:offer", args=[found("C-2").pk])
    assert stranger.get(hidden).status_code == 404
    body = b"".join(stranger.get("/offers/catalogue.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "C1" in body
    assert "C2" not in body


def test_what_contains_a_course_is_named_only_where_it_is_shown_itself(
    cast: Cast, stranger: Client, bruno: Client
) -> None:
    fill(cast, 1)
    fill(cast, 2, kind="programme", exposed=False, titles={"en": "Hidden whole"}, code="HID")
    found().wholes.add(found("C-2"))
    page = reverse("offers:offer", args=[found().pk])
    assert "Hidden whole" in text(bruno, page)
    assert "Hidden whole" not in text(stranger, page)
    body = b"".join(stranger.get("/offers/catalogue.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "HID" not in body


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=waves", True),
        ("q=aallot+1", True),
        ("q=c1", True),
        ("q=storms", False),
        ("institution=aalto-north.example", True),
        ("institution=porto-vale.example", True),  # not a choice: said, and the list stays
        ("kind=course", True),
        ("kind=module", False),
        ("field=05", True),
        ("field=053", True),
        ("level=7", True),
        ("level=6", False),
        ("language=en", True),
        ("year=2026/2027", True),
        ("year=2026/2027&language=en", True),
        ("state=withdrawn", True),  # not asked of strangers
    ],
)
def test_the_filters_narrow_the_list(
    cast: Cast, stranger: Client, query: str, is_found: bool
) -> None:
    fill(cast, 1)
    assert ("Waves 1" in text(stranger, f"{LIST}?{query}")) is is_found


def test_a_year_and_a_language_are_asked_of_the_same_realisation(
    cast: Cast, stranger: Client
) -> None:
    fill(cast, 1)
    found().realisations.create(
        loi_id="CRI/2", start=date(2027, 9, 1), end=date(2027, 12, 1), language="fi"
    )
    assert "Waves 1" in text(stranger, f"{LIST}?year=2027/2028&language=fi")
    assert "Waves 1" not in text(stranger, f"{LIST}?year=2027/2028&language=en")


def test_the_office_filters_what_is_hidden_withdrawn_or_lacks_something(
    cast: Cast, bruno: Client
) -> None:
    fill(cast, 1)
    fill(cast, 2, exposed=False)
    fill(cast, 3, isced_code="")
    fill(cast, 4)
    actions.withdraw(actor=cast.actor(cast.bruno), opportunity=found("C-4"), now=NOON)
    seen = {
        state: {n for n in range(1, 5) if f"Waves {n}" in text(bruno, f"{LIST}?state={state}")}
        for state in ("", "exposed", "hidden", "gaps", "withdrawn")
    }
    assert seen == {
        "": {1, 2, 3},
        "exposed": {1, 3},
        "hidden": {2},
        "gaps": {3},
        "withdrawn": {4},
    }


@pytest.mark.parametrize("sort", ["title", "-title", "code", "level", "-level", "changed"])
def test_the_list_is_sorted_and_paged_by_its_address(
    cast: Cast, stranger: Client, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cast, *range(10, 65))
    first = text(stranger, f"{LIST}?sort={sort}")
    assert "Rows 1 to 50 of 55" in first
    following = stranger.get(f"{LIST}?sort={sort}").context
    assert following is not None
    start = first.index("after=")
    link = first[first.rindex('"', 0, start) + 1 : first.index('"', start)].replace("&amp;", "&")
    assert "Rows 51 to 55 of 55" in text(stranger, link)


def test_a_title_is_read_in_the_readers_language_or_marked(cast: Cast, stranger: Client) -> None:
    fill(cast, 1, titles={"es": "Olas", "fi": "Aallot"})
    page = reverse("offers:offer", args=[found().pk])
    assert '<span lang="es">Olas</span>' in text(stranger, page)
    finnish = Client(headers={"accept-language": "fi"})
    assert "Aallot</h1>" in text(finnish, page)


def test_the_page_tells_when_where_and_for_how_much(cast: Cast, stranger: Client) -> None:
    fill(cast, 1)
    shown = text(stranger, reverse("offers:offer", args=[found().pk]))
    for words in (
        "7.5 ECTS",
        "English",
        "2026/2027",
        "Earth sciences (0532)",
        "7 · master",
        "5: 3",
    ):
        assert words in shown
    assert "<p>One.</p>" in shown
    assert found().los_id not in shown  # a surrogate says nothing to people


def test_the_office_is_told_what_partners_miss_and_where_to_mend_it(
    cast: Cast, bruno: Client, stranger: Client
) -> None:
    fill(cast, 1, titles={"fi": "Aallot"}, isced_code="", code="")
    page = reverse("offers:offer", args=[found().pk])
    told = text(bruno, page)
    assert "There is no English title." in told
    assert f"{reverse('offers:edit', args=[found().pk])}#id_isced_code" in told
    assert "4 of 8 things" in told
    assert "There is no English title." not in text(stranger, page)


def test_the_page_of_an_institution_leads_to_its_catalogue(cast: Cast, bruno: Client) -> None:
    page = reverse("office:institution", args=[cast.sending.pk])
    assert "See the catalogue" not in text(bruno, page)
    fill(cast, 1)
    assert "/offers/?institution=aalto-north.example" in text(bruno, page)


# Changing ----------------------------------------------------------------------------------------


def sheet(**values: Any) -> dict[str, Any]:
    """What a browser would send of the entry form."""
    return {
        "code": "NEW1",
        "isced_code": "0613",
        "eqf_level": "6",
        "subject_area": "",
        "texts-TOTAL_FORMS": "2",
        "texts-INITIAL_FORMS": "0",
        "texts-0-language": "en",
        "texts-0-title": "Small boats",
        "texts-0-description": "First.\r\nSecond.",
        "texts-1-language": "",
        "links-TOTAL_FORMS": "1",
        "links-INITIAL_FORMS": "0",
        "links-0-url": "https://x.example/boats",
        "links-0-language": "en",
        **values,
    }


def test_an_entry_is_made_edited_and_told_in_the_journal(cast: Cast, bruno: Client) -> None:
    answer = bruno.post("/offers/new", sheet(kind="course", unit="ENG"))
    one = LearningOpportunity.objects.get(code="NEW1")
    assert answer.headers["Location"] == reverse("offers:offer", args=[one.pk])
    assert (one.titles, one.descriptions) == ({"en": "Small boats"}, {"en": "First.\nSecond."})
    assert (one.unit_id, one.exposed, one.addresses) == (
        cast.unit.pk,
        False,
        (Link("https://x.example/boats", "en"),),
    )
    edit = reverse("offers:edit", args=[one.pk])
    form = bruno.get(edit).context["form"]
    bruno.post(
        edit,
        sheet(
            seen=form.initial["seen"],
            unit="ENG",
            exposed="on",
            **{"texts-1-language": "fi", "texts-1-title": "Pienet veneet"},
        ),
    )
    one.refresh_from_db()
    assert one.titles == {"en": "Small boats", "fi": "Pienet veneet"}
    assert one.exposed
    line = Entry.objects.get(verb="opportunity.changed")
    assert sorted(line.changes) == ["exposed", "titles"]


def test_saving_unchanged_changes_nothing(cast: Cast, bruno: Client) -> None:
    fill(cast, 1)
    before = Entry.objects.count(), found().modified_at
    for address in (
        reverse("offers:edit", args=[found().pk]),
        reverse("offers:edit-realisation", args=[Realisation.objects.get().pk]),
    ):
        context = bruno.get(address).context
        sent: dict[str, Any] = {}
        for form in context["all_forms"]:
            sent |= {bound.html_name: bound.value() for bound in form}
        for name in ("text_rows", "link_rows", "credit_rows", "word_rows"):
            if name in context:
                management = context[name].management_form
                sent |= {bound.html_name: bound.value() for bound in management}
        plain = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in sent.items()
            if value not in {None, False}
        }
        assert bruno.post(address, plain).status_code == 302
    assert (Entry.objects.count(), found().modified_at) == before


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"texts-0-title": ""}, "This is required and empty."),
        ({"texts-0-language": ""}, "Say which language this is."),
        ({"texts-1-language": "en", "texts-1-title": "Twice"}, "This language stands above already."),
        ({"code": "C1"}, "already names"),
        ({"links-0-url": "x.example"}, "is not a web address"),
        ({"subject_area": "boats"}, "is not an Erasmus subject code"),
        ({"isced_code": "9998"}, "Select a valid choice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    cast: Cast, bruno: Client, wrong: dict[str, str], says: str
) -> None:
    fill(cast, 1)
    answer = bruno.post("/offers/new", sheet(kind="course", **wrong))
    assert answer.status_code == 400
    shown = answer.content.decode()
    assert says in shown
    assert "Second." in shown
    assert LearningOpportunity.objects.count() == 1


def test_adding_a_row_judges_nothing_and_keeps_what_was_typed(cast: Cast, bruno: Client) -> None:
    answer = bruno.post(
        "/offers/new", sheet(kind="module", add="texts", **{"texts-0-language": ""})
    )
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "Small boats" in shown
    assert 'name="texts-2-title"' in shown
    assert 'name="links-1-url"' not in shown
    assert '<option value="module" selected>' in shown


def test_somebody_was_quicker(cast: Cast, bruno: Client) -> None:
    fill(cast, 1)
    edit = reverse("offers:edit", args=[found().pk])
    answer = bruno.post(edit, sheet(seen="2020-01-01T00:00:00+00:00"))
    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "changed by somebody else" in shown
    assert "Small boats" in shown
    assert found().title == "Waves 1"
    again = answer.context["form"].data["seen"]
    assert bruno.post(edit, sheet(seen=again)).status_code == 302
    assert found().title == "Small boats"


def realised(**values: Any) -> dict[str, Any]:
    return {
        "start": "2027-01-11",
        "end": "2027-05-14",
        "academic_year": "2026/2027",
        "term_number": "2",
        "term_count": "2",
        "term_start": "2027-01-01",
        "term_end": "2027-07-31",
        "language": "fi",
        "results": "5: 12, 4: 30",
        "credits-TOTAL_FORMS": "2",
        "credits-INITIAL_FORMS": "0",
        "credits-0-scheme": "ECTS",
        "credits-0-value": "5",
        "credits-1-scheme": "ov",
        "credits-1-value": "3.5",
        "words-TOTAL_FORMS": "1",
        "words-INITIAL_FORMS": "0",
        "words-0-language": "en",
        "words-0-term_name": "Spring term",
        "words-0-grading": "0-5",
        **values,
    }


def test_a_realisation_is_added_changed_and_removed(cast: Cast, bruno: Client) -> None:
    fill(cast, 1)
    bruno.post(reverse("offers:new-realisation", args=[found().pk]), realised())
    one = Realisation.objects.get(language="fi")
    assert one.credits == [["ects", "5", ""], ["ov", "3.5", ""]]
    assert (one.term_names, one.results) == ({"en": "Spring term"}, [["5", 12], ["4", 30]])
    edit = reverse("offers:edit-realisation", args=[one.pk])
    seen = bruno.get(edit).context["form"].initial["seen"]
    assert bruno.post(edit, realised(seen=seen, language="sv")).status_code == 302
    one.refresh_from_db()
    assert one.language == "sv"
    bruno.post(reverse("offers:remove-realisation", args=[one.pk]), {"reason": "No room"})
    assert not Realisation.objects.filter(pk=one.pk).exists()
    assert Entry.objects.get(verb="realisation.removed").reason == "No room"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"end": "2026-01-01"}, "is before the first day"),
        ({"academic_year": "2026"}, "is not an academic year"),
        ({"term_count": ""}, "is not a term of the year"),
        ({"results": "many"}, "is not a grade"),
        ({"words-0-language": ""}, "Say which language this is."),
        ({"credits-1-scheme": "ects"}, "are stated twice"),
    ],
)
def test_a_wrong_realisation_is_refused_with_words(
    cast: Cast, bruno: Client, wrong: dict[str, str], says: str
) -> None:
    fill(cast, 1)
    answer = bruno.post(reverse("offers:new-realisation", args=[found().pk]), realised(**wrong))
    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert Realisation.objects.count() == 1


def test_parts_are_found_and_picked(cast: Cast, bruno: Client) -> None:
    fill(cast, 1, 2)
    fill(cast, 3, kind="programme")
    parts = reverse("offers:parts", args=[found("C-3").pk])
    assert "Waves 1" in text(bruno, f"{parts}?q=waves")
    bruno.post(parts, {"add": found().pk})
    assert list(found("C-3").parts.all()) == [found()]
    shown = text(bruno, f"{parts}?q=waves")
    assert f'name="remove" value="{found().pk}"' in shown
    bruno.post(parts, {"remove": found().pk})
    assert not found("C-3").parts.exists()
    # A course does not contain a programme: it is not offered.
    assert "Waves 3" not in text(bruno, f"{reverse('offers:parts', args=[found().pk])}?q=waves")


def test_what_was_selected_is_shown_or_hidden(cast: Cast, bruno: Client) -> None:
    fill(cast, 1, 2, exposed=False)
    picked = [found().pk, found("C-2").pk]
    bruno.post("/offers/selected", {"pick": picked, "deed": "expose", "next": LIST})
    assert LearningOpportunity.objects.published().count() == 2
    bruno.post("/offers/selected", {"pick": picked[:1], "deed": "hide"})
    assert list(LearningOpportunity.objects.published()) == [found("C-2")]


def test_others_change_nothing_of_it(cast: Cast, signed_in: AsSomebody) -> None:
    fill(cast, 1)
    chiara = signed_in(cast.chiara)
    chiara.post("/offers/selected", {"pick": [found().pk], "deed": "hide"})
    assert found().exposed
    for name in ("edit", "withdraw", "parts", "new-realisation"):
        assert chiara.get(reverse(f"offers:{name}", args=[found().pk])).status_code == 403


def test_withdrawing_asks_first_and_can_be_undone(cast: Cast, bruno: Client) -> None:
    fill(cast, 1)
    page = reverse("offers:withdraw", args=[found().pk])
    assert "Its code can be given to another entry." in text(bruno, page)
    assert found().withdrawn_at is None
    bruno.post(page, {"reason": "Old"})
    assert found().withdrawn_at is not None
    bruno.post(reverse("offers:bring-back", args=[found().pk]))
    assert found().withdrawn_at is None


def test_a_coordinator_of_a_unit_enters_what_the_unit_organises(
    cast: Cast, signed_in: AsSomebody
) -> None:
    holder = account("of-unit")
    role(holder, Role.Name.COORDINATOR, cast.sending, unit=cast.unit)
    client = signed_in(holder)
    refused = client.post("/offers/new", sheet(kind="course"))
    assert refused.status_code == 400
    assert "not in it" in refused.content.decode()
    assert client.post("/offers/new", sheet(kind="course", unit="ENG")).status_code == 302
