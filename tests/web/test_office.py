"""The offices' pages: lists with a fixed number of queries, one mobility, corrections, rights, people."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.cast import NOON, Cast, account, mobility, role, side, student
from tests.web.conftest import AsSomebody
from vaihto.classification.actions import judge_sides
from vaihto.journal.models import Entry
from vaihto.mobilities.models import Direction, Mobility, Side
from vaihto.people.models import Role, StudyRight, StudyRightSpell
from vaihto.web.office import mobilities


def more(cast: Cast, number: int) -> None:
    """That many more mobilities of other students at the sending institution, judged."""
    sides = []
    for each in range(number):
        record = student(cast.sending, key=f"S-{each}")
        stay = mobility(person=record.person, sending=cast.sending, receiving=cast.receiving)
        sides.append(side(stay, cast.sending, Direction.OUTGOING, key=f"M-{each}", student=record))
    judge_sides(side_ids=[one.pk for one in sides], now=NOON)


LISTS = {
    "/office/mobilities": 15,
    "/office/people": 10,
    "/office/institutions": 7,
    "/search?q=M-": 14,
    "/": 20,
}


@pytest.mark.parametrize("address", LISTS)
def test_a_list_asks_as_much_for_three_rows_as_for_one(
    address: str, judged: Cast, bruno: Client
) -> None:
    bruno.get(address)
    with CaptureQueriesContext(connection) as one:
        assert bruno.get(address).status_code == 200
    more(judged, 2)
    with CaptureQueriesContext(connection) as three:
        assert bruno.get(address).status_code == 200
    assert len(one) == len(three)
    assert len(one) <= LISTS[address]


def test_a_mobility_page_asks_as_much_for_three_segments_as_for_one(
    judged: Cast, bruno: Client
) -> None:
    address = reverse("office:mobility", args=[judged.mobility.pk])
    bruno.get(address)
    with CaptureQueriesContext(connection) as one:
        bruno.get(address)
    for month in (1, 2):
        judged.mobility.segments.create(
            mode="virtual", place="home", start=date(2027, month, 1), end=date(2027, month, 9)
        )
    with CaptureQueriesContext(connection) as three:
        bruno.get(address)
    assert len(one) == len(three)
    assert len(one) <= 17


def test_the_list_shows_what_the_filters_ask(judged: Cast, bruno: Client) -> None:
    def keys(query: str) -> bool:
        return "M-AINO" in bruno.get(f"/office/mobilities?{query}").content.decode()

    year = judged.mobility.start.year if judged.mobility.start else 0
    assert keys(f"year={year}")
    assert not keys(f"year={year - 1}")
    assert keys("direction=outgoing")
    assert not keys("direction=incoming")
    assert keys("country=620")
    assert not keys("country=246")
    assert keys("partner=Vale")
    assert not keys("partner=Nowhere")
    assert keys(f"unit=&state={judged.mobility.state}")
    assert not keys("kind=staff")
    counted = {word: keys(f"counted=oph-{word}") for word in ("yes", "no", "untold")}
    assert sorted(counted.values()) == [False, False, True]


def test_a_filter_that_is_not_understood_is_said_and_the_list_stays(
    judged: Cast, bruno: Client
) -> None:
    answer = bruno.get("/office/mobilities?year=abc&direction=sideways")
    assert answer.status_code == 200
    assert "M-AINO" in answer.content.decode()
    assert answer.content.decode().count('aria-invalid="true"') == 2


def test_a_list_holds_nothing_of_other_institutions(judged: Cast, signed_in: AsSomebody) -> None:
    dara = signed_in(judged.dara)
    for address in (
        "/office/mobilities",
        "/office/mobilities.csv",
        "/office/people",
        "/search?q=M-AINO",
    ):
        answer = dara.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        assert b"Leakable" not in body
        assert answer.status_code == 200
    picked = dara.post("/office/mobilities/selected", {"pick": judged.mobility.pk, "deed": "csv"})
    assert b"Leakable" not in b"".join(picked.streaming_content)  # type: ignore[attr-defined]


def test_the_csv_file_has_a_line_per_side_that_one_may_see(judged: Cast, bruno: Client) -> None:
    answer = bruno.get("/office/mobilities.csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert lines[1].startswith("aalto-north.example,M-AINO,outgoing,")
    assert bruno.get("/office/mobilities.xlsx").content[:2] == b"PK"


def test_all_rows_of_a_page_are_selected_by_the_address(judged: Cast, bruno: Client) -> None:
    more(judged, 2)
    text = bruno.get("/office/mobilities?pick=all").content.decode()
    assert text.count(" checked>") == 3


# One mobility ------------------------------------------------------------------------------------


def test_the_page_says_who_counts_why_and_by_which_rule(judged: Cast, bruno: Client) -> None:
    text = bruno.get(reverse("office:mobility", args=[judged.mobility.pk])).content.decode()
    assert "Does it count?" in text
    assert "Statistics Finland" in text
    assert "/rules/S" in text or ">S" in text
    assert '<svg role="img"' in text
    assert "Leakable course" in text


def test_each_office_sees_its_own_side_and_the_person_all(
    judged: Cast, signed_in: AsSomebody
) -> None:
    address = reverse("office:mobility", args=[judged.mobility.pk])
    seen = {
        who: {
            key
            for key in ("M-AINO", "M-VALE")
            if key in signed_in(getattr(judged, who)).get(address).content.decode()
        }
        for who in ("aino", "bruno", "chiara")
    }
    assert seen == {"aino": {"M-AINO", "M-VALE"}, "bruno": {"M-AINO"}, "chiara": {"M-VALE"}}


def test_the_journal_is_for_the_offices(judged: Cast, signed_in: AsSomebody) -> None:
    address = reverse("office:mobility-journal", args=[judged.mobility.pk])
    assert signed_in(judged.bruno).get(address).status_code == 200
    assert signed_in(judged.aino).get(address).status_code == 404


def test_findings_are_listed_with_their_rules(judged: Cast, bruno: Client) -> None:
    text = bruno.get(reverse("office:findings", args=[judged.mobility.pk])).content.decode()
    assert "S07" in text
    assert "V40" in text


# Correcting --------------------------------------------------------------------------------------


def filled(client: Client, one: Side) -> dict[str, Any]:
    """What a browser would send back unchanged."""
    answer = client.get(reverse("office:correct", args=[one.pk]))
    form, rows = answer.context["form"], answer.context["rows"]
    sent = {bound.html_name: bound.value() for bound in form}
    if rows is not None:
        sent |= {bound.html_name: bound.value() for bound in rows.management_form}
        sent |= {bound.html_name: bound.value() for row in rows for bound in row}
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in sent.items()
        if value not in {None, False}
    }


def test_sending_the_form_unchanged_changes_nothing(cast: Cast, bruno: Client) -> None:
    before = Entry.objects.count()
    sent = filled(bruno, cast.outgoing)
    answer = bruno.post(reverse("office:correct", args=[cast.outgoing.pk]), sent)
    assert answer.status_code == 302
    assert Entry.objects.count() == before


def test_a_correction_is_kept_with_its_reason_in_the_journal(cast: Cast, bruno: Client) -> None:
    sent = filled(bruno, cast.outgoing) | {"programme": "nordic", "reason": "Wrong frame."}
    bruno.post(reverse("office:correct", args=[cast.outgoing.pk]), sent)
    stated = Side.objects.get(pk=cast.outgoing.pk).mobility
    assert stated.programme == "nordic"
    assert Entry.objects.filter(reason="Wrong frame.").exists()


def test_a_row_is_added_without_judging_what_is_half_done(cast: Cast, bruno: Client) -> None:
    sent = filled(bruno, cast.outgoing) | {"add": "1", "purpose": "traineeship", "call_year": "x"}
    answer = bruno.post(reverse("office:correct", args=[cast.outgoing.pk]), sent)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "error-summary" not in text
    assert len(answer.context["row_forms"]) == cast.mobility.segments.count() + 1
    assert answer.context["form"]["purpose"].value() == "traineeship"
    assert answer.context["form"]["call_year"].value() == "x"


def test_a_new_segment_is_kept_and_one_is_removed(cast: Cast, bruno: Client) -> None:
    count = cast.mobility.segments.count()
    sent = filled(bruno, cast.outgoing)
    new = {
        "mode": "virtual", "place": "home", "country": "246",
        "start": "2027-03-01", "end": "2027-03-20",
    }  # fmt: skip
    sent |= {f"segments-{count}-{name}": value for name, value in new.items()}
    sent |= {"segments-TOTAL_FORMS": count + 1}
    bruno.post(reverse("office:correct", args=[cast.outgoing.pk]), sent)
    stated = Side.objects.get(pk=cast.outgoing.pk).mobility
    assert stated.segments.count() == count + 1

    sent = filled(bruno, Side.objects.get(pk=cast.outgoing.pk))
    last = next(
        name for name, value in sent.items() if name.endswith("-start") and value == "2027-03-01"
    )
    sent[last.replace("-start", "-remove")] = "on"
    bruno.post(reverse("office:correct", args=[cast.outgoing.pk]), sent)
    assert Side.objects.get(pk=cast.outgoing.pk).mobility.segments.count() == count


def test_a_wrong_value_stands_by_its_field_and_nothing_is_lost(cast: Cast, bruno: Client) -> None:
    sent = filled(bruno, cast.outgoing) | {"partner": "nowhere.example", "funding": "Keep me"}
    answer = bruno.post(reverse("office:correct", args=[cast.outgoing.pk]), sent)
    text = answer.content.decode()
    assert 'href="#id_partner"' in text
    assert "Keep me" in text


def test_somebody_else_was_quicker(cast: Cast, bruno: Client) -> None:
    sent = filled(bruno, cast.outgoing) | {"funding": "Mine"}
    Mobility.objects.filter(pk=cast.mobility.pk).update(version=7, funding="Theirs")
    address = reverse("office:correct", args=[cast.outgoing.pk])
    answer = bruno.post(address, sent)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "<del>Theirs</del>" in text
    assert "<ins>Mine</ins>" in text
    again = sent | {"version": answer.context["form"]["version"].value()}
    assert bruno.post(address, again).status_code == 302
    assert Side.objects.get(pk=cast.outgoing.pk).mobility.funding == "Mine"


@pytest.mark.parametrize("page", ["correct", "cancel", "send-anyway", "purge"])
def test_only_those_who_may_edit_reach_the_forms(
    page: str, cast: Cast, signed_in: AsSomebody
) -> None:
    address = reverse(f"office:{page}", args=[cast.outgoing.pk])
    statuses = {
        who: signed_in(getattr(cast, who)).get(address).status_code
        for who in ("bruno", "chiara", "dara", "aino")
    }
    assert statuses == {"bruno": 200, "chiara": 404, "dara": 404, "aino": 403}


def test_an_end_is_confirmed_with_one_click(cast: Cast, bruno: Client) -> None:
    Mobility.objects.filter(pk=cast.mobility.pk).update(end_is_estimate=True)
    bruno.post(reverse("office:confirm-end", args=[cast.outgoing.pk]))
    assert Side.objects.get(pk=cast.outgoing.pk).mobility.end_is_estimate is False


def test_ends_are_confirmed_for_the_selected(cast: Cast, bruno: Client) -> None:
    Mobility.objects.filter(pk=cast.mobility.pk).update(end_is_estimate=True)
    answer = bruno.post(
        "/office/mobilities/selected",
        {"pick": cast.mobility.pk, "deed": "confirm-ends", "next": "/office/mobilities?wait=end"},
        follow=True,
    )
    assert answer.redirect_chain == [("/office/mobilities?wait=end", 302)]
    assert "The last day of 1 mobility is confirmed." in answer.content.decode()


def test_a_mobility_is_cancelled_with_a_reason(cast: Cast, bruno: Client) -> None:
    address = reverse("office:cancel", args=[cast.outgoing.pk])
    assert bruno.post(address, {}).status_code == 200  # no reason, nothing done
    bruno.post(address, {"reason": "Never left."})
    cast.mobility.refresh_from_db()
    assert cast.mobility.state == "cancelled"


def test_deleting_is_refused_with_the_ground_and_written_down(cast: Cast, bruno: Client) -> None:
    answer = bruno.post(reverse("office:purge", args=[cast.outgoing.pk]), {"reason": "Asked."})
    assert answer.status_code == 409
    assert "19 September 2016" in answer.content.decode()
    assert Entry.objects.filter(verb="mobility.purge-refused", reason="Asked.").count() == 1
    assert Mobility.objects.filter(pk=cast.mobility.pk).exists()


# Rights and people -------------------------------------------------------------------------------


def test_giving_up_a_double_degree_ends_the_spell_on_the_same_right(
    cast: Cast, bruno: Client
) -> None:
    cast.right.spells.all().delete()
    StudyRightSpell.objects.create(right=cast.right, start=cast.right.start, classifications=["7"])
    page = bruno.get(reverse("office:right", args=[cast.right.pk])).content.decode()
    address = reverse("office:give-up", args=[cast.right.pk])
    assert address in page
    bruno.post(address, {"on": "2025-11-15"})
    spells = cast.right.spells.order_by("start").values_list("start", "end", "classifications")
    assert list(spells) == [
        (cast.right.start, date(2025, 11, 15), ["7"]),
        (date(2025, 11, 16), None, []),
    ]


def test_giving_up_what_is_no_double_degree_is_refused_by_the_field(
    cast: Cast, bruno: Client
) -> None:
    answer = bruno.post(reverse("office:give-up", args=[cast.right.pk]), {"on": "2025-11-15"})
    assert 'href="#id_on"' in answer.content.decode()


def test_a_degree_right_is_added_beside_the_others(cast: Cast, bruno: Client) -> None:
    before = list(StudyRight.objects.filter(pk=cast.right.pk).values())
    answer = bruno.post(
        reverse("office:add-right", args=[cast.student.pk]),
        {"key": "AINO-R2", "type": "4", "start": "2026-08-01", "classification": "7"},
    )
    made = StudyRight.objects.get(key="AINO-R2")
    assert answer.headers["Location"] == reverse("office:right", args=[made.pk])
    assert list(StudyRight.objects.filter(pk=cast.right.pk).values()) == before


def test_the_identity_code_is_for_registrars_and_the_person(
    cast: Cast, signed_in: AsSomebody
) -> None:
    reader = account("reader")
    role(reader, Role.Name.READER, cast.sending)
    address = reverse("office:person", args=[cast.student.person_id])
    shown = {
        name: "010502A901K" in signed_in(holder).get(address).content.decode()
        for name, holder in (("reader", reader), ("bruno", cast.bruno), ("aino", cast.aino))
    }
    assert shown == {"reader": False, "bruno": True, "aino": True}


def test_a_student_sees_what_is_stored_and_what_counts(judged: Cast, signed_in: AsSomebody) -> None:
    text = signed_in(judged.aino).get("/own/").content.decode()
    assert "M-AINO" in text
    assert "OPH: " in text
    assert "AINO-R1" in text


def test_an_account_without_a_person_has_no_data_of_its_own(bruno: Client) -> None:
    assert bruno.get("/own/").status_code == 404


# Search ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("virtanen", True),
        ("Aino Virtanen", True),
        ("Virtanen, Aino", True),
        ("AINO-1", True),
        ("1.2.246.562.24.10000000001", True),
        ("010502A901K", True),
        ("010502A90", False),
        ("irtanen", False),
        ("O'Brien", False),
    ],
)
def test_persons_are_found_by_name_key_number_and_code(
    asked: str, found: bool, cast: Cast, bruno: Client
) -> None:
    text = bruno.get("/search", {"q": asked}).content.decode()
    assert (reverse("office:person", args=[cast.student.person_id]) in text) is found


def test_an_identity_code_finds_nobody_for_those_who_may_not_read_it(
    cast: Cast, signed_in: AsSomebody
) -> None:
    reader = account("reader")
    role(reader, Role.Name.READER, cast.sending)
    text = signed_in(reader).get("/search", {"q": "010502A901K"}).content.decode()
    assert "Nothing was found." in text


# Institutions, roles, journal --------------------------------------------------------------------


def test_an_administrator_makes_a_choice_and_others_only_see_it(
    cast: Cast, signed_in: AsSomebody
) -> None:
    admin = account("admin")
    role(admin, Role.Name.ADMINISTRATOR, cast.sending)
    address = reverse("office:choose", args=[cast.sending.pk]) + "?name=use_covid_exception"
    assert signed_in(cast.bruno).get(address).status_code == 403
    signed_in(admin).post(address, {"value": "no", "reason": "Decided by the board."})
    cast.sending.refresh_from_db()
    assert cast.sending.choices == {"use_covid_exception": False}
    signed_in(admin).post(address, {"value": "default", "reason": "Back."})
    cast.sending.refresh_from_db()
    assert cast.sending.choices == {}


def test_roles_are_given_and_ended_at_ones_own_institution_only(
    cast: Cast, signed_in: AsSomebody
) -> None:
    admin = account("admin")
    role(admin, Role.Name.ADMINISTRATOR, cast.sending)
    client = signed_in(admin)
    given = {"account": cast.dara.pk, "role": "reader", "since": "2026-01-01", "until": ""}
    client.post("/operations/roles/give", given | {"institution": cast.sending.pk})
    made = Role.objects.get(account=cast.dara, institution=cast.sending)
    elsewhere = client.post("/operations/roles/give", given | {"institution": cast.third.pk})
    assert elsewhere.status_code == 200
    assert Role.objects.filter(account=cast.dara, institution=cast.third).count() == 1
    client.post(f"/operations/roles/{made.pk}/end", {"last_day": "2026-06-30"})
    made.refresh_from_db()
    assert made.until == date(2026, 6, 30)
    foreign = Role.objects.get(account=cast.chiara, name="registrar")
    assert client.get(f"/operations/roles/{foreign.pk}/end").status_code == 404


def test_the_journal_is_searched_by_actor_deed_and_day(cast: Cast, signed_in: AsSomebody) -> None:
    bruno = signed_in(cast.bruno)
    bruno.post(reverse("office:cancel", args=[cast.outgoing.pk]), {"reason": "Never left."})
    operator = signed_in(cast.operator)

    def found(query: str) -> bool:
        return "Never left." in operator.get(f"/operations/journal?{query}").content.decode()

    assert found("actor=brun")
    assert not found("actor=chiara")
    assert found("verb=mobility.cancelled")
    assert not found("verb=role.given")
    assert found("subject=mobilities.mobility")
    assert not found("until=2020-01-01")
    assert not found("since=2999-01-01")
    assert bruno.get("/operations/journal").status_code == 403
    sent = b"".join(operator.get("/operations/journal.csv").streaming_content)  # type: ignore[attr-defined]
    assert b"mobility.cancelled" in sent


def test_beyond_the_cap_rows_stand_by_first_day_and_the_page_says_so(
    judged: Cast, bruno: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mobilities, "COUNTED_TO", 1)
    more(judged, 2)
    text = bruno.get("/office/mobilities?sort=person").content.decode()
    assert "More than 1 rows fit, so they stand by first day." in text
    assert 'aria-sort="descending"' in text
    few = bruno.get("/office/mobilities?sort=person&year=1999").content.decode()
    assert "so they stand by first day" not in few


def test_a_mobility_between_two_of_ones_institutions_stands_once(
    judged: Cast, signed_in: AsSomebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = account("both")
    role(both, Role.Name.READER, judged.sending)
    role(both, Role.Name.READER, judged.receiving)
    for cap in (1000, 0):
        monkeypatch.setattr(mobilities, "COUNTED_TO", cap)
        rows = signed_in(both).get("/office/mobilities").content.decode()
        assert rows.count("M-AINO, M-VALE</a>") == 1
        narrowed = f"/office/mobilities?institution={judged.receiving.pk}&direction=incoming"
        assert "M-AINO" in signed_in(both).get(narrowed).content.decode()
