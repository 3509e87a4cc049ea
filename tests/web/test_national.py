"""Pages about files brought in, VIRTA runs, rehearsals, rules and the alliance."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.cast import NOON, Cast, mobility, side, student
from tests.web.conftest import AsSomebody
from vaihto.classification.actions import judge_sides
from vaihto.classification.models import Collection, Edition
from vaihto.imports import actions as imports
from vaihto.imports.models import Batch
from vaihto.jobs import actions as jobs
from vaihto.jobs.models import Work
from vaihto.mobilities.models import Direction, Mobility
from vaihto.observatory.models import Goal
from vaihto.people.models import Role
from vaihto.rules import catalogue
from vaihto.virta import actions
from vaihto.virta.models import ExportRun, Form

pytestmark = pytest.mark.django_db

HEADER = "key;student_key;direction;purpose;programme;partner_country;segment_mode;segment_place;segment_country;segment_start;segment_end"
GOOD = "M-NEW;AINO-1;outgoing;study;erasmus;724;physical;host;724;2025-09-01;2025-11-26"
WRONG = "M-BAD;AINO-1;outgoing;study;erasmus;XQ;physical;host;724;2025-09-01;2025-11-26"


@pytest.fixture
def judged(cast: Cast) -> Cast:
    """Aino's stay belongs to her degree, so that it can be told whether it counts."""
    Mobility.objects.filter(pk=cast.mobility.pk).update(part_of_degree=True)
    judge_sides(side_ids=[cast.outgoing.pk, cast.incoming.pk], now=NOON)
    return cast


def text(response: Any) -> str:
    return str(response.content.decode())


def run_waiting_work() -> None:
    """What a worker would do."""
    for work in Work.objects.filter(state=Work.State.WAITING).order_by("pk"):
        jobs.run(work)


def bring(client: Client, lines: str, *, kind: str = "mobilities") -> Batch:
    """The file handed over on the page and read by the worker."""
    client.post(
        reverse("imports:bring", args=[kind]),
        {
            "institution": "aalto-north.example",
            "file": SimpleUploadedFile("brought.csv", lines.encode()),
        },
    )
    run_waiting_work()
    return Batch.objects.latest("pk")


# --- files -------------------------------------------------------------------------------------


def test_a_file_is_shown_before_anything_is_written(cast: Cast, bruno: Client) -> None:
    batch = bring(bruno, f"{HEADER}\n{GOOD}\n{WRONG}\n")

    page = text(bruno.get(reverse("imports:batch", args=[batch.pk])))

    assert "“XQ” is not a country code." in page
    assert "Take the 1 good record" in page
    assert not Mobility.objects.filter(sides__key="M-NEW").exists()


def test_confirming_brings_the_good_lines_and_taking_back_removes_them(
    cast: Cast, bruno: Client
) -> None:
    batch = bring(bruno, f"{HEADER}\n{GOOD}\n{WRONG}\n")

    bruno.post(reverse("imports:confirm", args=[batch.pk]), {"mode": "good_lines"})
    run_waiting_work()
    assert Mobility.objects.filter(sides__key="M-NEW").count() == 1
    assert "Take it back" in text(bruno.get(reverse("imports:batch", args=[batch.pk])))

    bruno.post(reverse("imports:undo", args=[batch.pk]))
    run_waiting_work()
    assert Mobility.objects.filter(sides__key="M-NEW").count() == 0


def test_the_whole_is_refused_while_a_line_is_wrong(cast: Cast, bruno: Client) -> None:
    batch = bring(bruno, f"{HEADER}\n{GOOD}\n{WRONG}\n")
    response = bruno.post(reverse("imports:confirm", args=[batch.pk]), {"mode": "all_or_nothing"})
    assert response.status_code == 409
    assert "records are refused, so nothing was brought in." in text(response)


def test_only_a_file_with_something_to_bring_in_waits_to_be_confirmed(
    cast: Cast, bruno: Client
) -> None:
    batch = bring(bruno, f"{HEADER}\n{WRONG}\n")

    page = text(bruno.get(reverse("imports:batch", args=[batch.pk])))

    assert "every record is refused" in page
    assert "is here already" not in page
    assert "Files to confirm" not in text(bruno.get(reverse("web:turn")))
    bring(bruno, f"{HEADER}\n{GOOD}\n")
    assert "Files to confirm" in text(bruno.get(reverse("web:turn")))


def test_a_file_that_was_deleted_unconfirmed_waits_for_nobody(cast: Cast, bruno: Client) -> None:
    batch = bring(bruno, f"{HEADER}\n{GOOD}\n")
    imports.forget_files(batch.made_at + timedelta(days=91))

    page = text(bruno.get(reverse("imports:batch", args=[batch.pk])))

    assert "The file was deleted ninety days after it was brought." in page
    assert reverse("imports:confirm", args=[batch.pk]) not in page
    assert "Files to confirm" not in text(bruno.get(reverse("web:turn")))


def test_a_delimiter_that_cannot_be_seen_is_named(cast: Cast, bruno: Client) -> None:
    batch = bring(bruno, f"{HEADER}\n{GOOD}\n".replace(";", "\t"))

    assert "<dd>tab</dd>" in text(bruno.get(reverse("imports:batch", args=[batch.pk])))


def test_the_refused_lines_come_as_a_file_with_what_is_wrong(cast: Cast, bruno: Client) -> None:
    batch = bring(bruno, f"{HEADER}\n{GOOD}\n{WRONG}\n")
    response = bruno.get(reverse("imports:refused", args=[batch.pk, "csv"]))
    told = b"".join(response).decode("utf-8-sig")  # type: ignore[arg-type]  # a streamed file
    assert "M-BAD" in told
    assert "M-NEW" not in told
    assert "is not a country code" in told


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03" * 50, ""),
        (b"one;two\n1;2\n", ""),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    content: bytes, says: str, cast: Cast, bruno: Client
) -> None:
    bruno.post(
        reverse("imports:bring", args=["mobilities"]),
        {
            "institution": "aalto-north.example",
            "file": SimpleUploadedFile("brought.csv", content),
        },
    )
    run_waiting_work()
    batch = Batch.objects.latest("pk")
    page = text(bruno.get(reverse("imports:batch", args=[batch.pk])))
    assert batch.state == Batch.State.REFUSED
    assert batch.refusal["sentence"]
    assert says in page.lower()


def test_a_template_can_be_filled_in_and_brought(cast: Cast, bruno: Client) -> None:
    for shape in ("csv", "xlsx"):
        response = bruno.get(reverse("imports:template", args=["persons", shape]))
        assert response.status_code == 200
        assert f"persons-template.{shape}" in response["Content-Disposition"]


# --- runs --------------------------------------------------------------------------------------


def made_run(cast: Cast, **how: Any) -> ExportRun:
    return actions.export(
        actor=cast.actor(cast.bruno), institution=cast.sending, **{"now": NOON, **how}
    )


def test_a_file_asked_for_on_the_page_is_made_and_can_be_taken(judged: Cast, bruno: Client) -> None:
    asked = bruno.post(
        reverse("virta:ask"), {"institution": judged.sending.pk, "form": Form.PERIODS.value}
    )
    run_waiting_work()
    page = text(bruno.get(asked["Location"]))

    assert "Records in the file" in page
    assert "File for VIRTA made" in page
    assert "exported to VIRTA" not in page
    run = ExportRun.objects.get()
    file = bruno.get(reverse("virta:file", args=[run.pk]))
    assert b'avain="M-AINO"' in b"".join(file)  # type: ignore[arg-type]  # a streamed file
    assert f"Liikkuvuusjaksot-01903-{run.made_at:%Y-%m-%d}.xml" in file["Content-Disposition"]


def test_the_nested_whole_without_the_declaration_is_refused_on_the_page(
    judged: Cast, bruno: Client
) -> None:
    response = bruno.post(
        reverse("virta:ask"), {"institution": judged.sending.pk, "form": Form.NESTED.value}
    )
    assert response.status_code == 400
    assert "not declared that this installation holds all of it" in text(response)
    assert ExportRun.objects.count() == 0


def test_a_finding_leads_to_the_record(judged: Cast, bruno: Client) -> None:
    Mobility.objects.filter(pk=judged.mobility.pk).update(end_is_estimate=True)
    run = made_run(judged)
    page = text(bruno.get(reverse("virta:run", args=[run.pk])))
    assert reverse("office:mobility", args=[judged.mobility.pk]) in page


def test_the_findings_come_as_csv(judged: Cast, bruno: Client) -> None:
    run = made_run(judged)
    response = bruno.get(reverse("virta:findings-csv", args=[run.pk]))
    lines = b"".join(response).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]
    assert lines[0] == "Check,Severity,Kind,Key,Student,Finding"
    assert len(lines) == 1 + sum(one["count"] for one in run.checks.values())


def test_a_delivery_without_proof_stays_on_the_form(judged: Cast, bruno: Client) -> None:
    run = made_run(judged)
    address = reverse("virta:delivery", args=[run.pk])
    empty = bruno.post(address, {"delivered_on": "2026-11-20", "proof": ""})
    assert empty.status_code == 400
    early = bruno.post(address, {"delivered_on": "2020-01-01", "proof": "x"})
    assert "lies between the day the file was made and today" in text(early)
    assert bruno.post(
        address, {"delivered_on": "2026-11-20", "proof": "receipt 1"}
    ).status_code in {
        302,
        400,
    }


def test_the_difference_names_fields(judged: Cast, bruno: Client) -> None:
    made_run(judged)
    judged.mobility.segments.update(end=date(2026, 6, 15))
    judge_sides(side_ids=[judged.outgoing.pk], now=NOON)
    run = made_run(judged, now=NOON + timedelta(days=1))
    page = text(bruno.get(reverse("virta:difference", args=[run.pk])))
    assert "LoppuPvm: 2026-05-31 → 2026-06-15" in page


def test_a_month_without_a_file_stands_on_the_worklist(judged: Cast, bruno: Client) -> None:
    assert "Files for VIRTA that are due" in text(bruno.get(reverse("web:turn")))


# --- rehearsal ---------------------------------------------------------------------------------


def test_a_rehearsal_counts_record_by_record(judged: Cast, bruno: Client) -> None:
    page = text(
        bruno.get(reverse("virta:rehearsal"), {"year": "2026", "collection": "oph_long_outgoing"})
    )
    assert "M-AINO" in page
    csv = bruno.get(
        reverse("virta:rehearsal-csv"), {"year": "2026", "collection": "oph_long_outgoing"}
    )
    lines = b"".join(csv).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]
    assert lines[0].startswith("key,reason_code,why,")
    assert len(lines) == 2


def test_a_frozen_collection_tells_what_changed_since(judged: Cast, bruno: Client) -> None:
    bruno.post(
        reverse("virta:freeze"),
        {
            "institution": judged.sending.hei_id,
            "collection": "oph_long_outgoing",
            "year": "2026",
            "note": "as delivered",
        },
    )
    kept = Collection.objects.get()
    judged.mobility.segments.update(end=date(2026, 6, 15))
    judge_sides(side_ids=[judged.outgoing.pk], now=NOON)
    page = text(bruno.get(reverse("virta:collection", args=[kept.pk])))
    assert "jaksoLoppupvm" in page
    assert "2026-06-15" in page


def test_every_collection_has_its_page(judged: Cast, bruno: Client) -> None:
    for collection in (
        "oph_short_outgoing",
        "oph_long_incoming",
        "oph_short_incoming",
        "tk",
        "okm",
        "okm_staff",
    ):
        response = bruno.get(reverse("virta:rehearsal"), {"year": "2026", "collection": collection})
        assert response.status_code == 200
        assert f"collection={collection}" in text(response)
    assert bruno.get(reverse("virta:rehearsal"), {"collection": "nothing"}).status_code == 404


def test_an_identity_code_is_for_those_who_may_see_it(judged: Cast, signed_in: AsSomebody) -> None:
    columns = {"year": "2026", "collection": "oph_long_outgoing"}
    registrar = signed_in(judged.bruno).get(reverse("virta:rehearsal-csv"), columns)
    assert b"hetu" in b"".join(registrar)  # type: ignore[arg-type]  # a streamed file


# --- rules -------------------------------------------------------------------------------------


def test_every_rule_has_a_page_with_its_source(cast: Cast, bruno: Client) -> None:
    listed = text(bruno.get(reverse("rules:list")))
    for one in catalogue.rules():
        assert reverse("rules:rule", args=[one.code]) in listed
        page = bruno.get(reverse("rules:rule", args=[one.code]))
        assert page.status_code == 200, one.code


def test_a_rule_shows_its_dated_values_and_cases(cast: Cast, bruno: Client) -> None:
    page = text(bruno.get(reverse("rules:rule", args=["S07"])))
    assert "87 days" in page
    assert "2022-09-01 to 2022-11-25 is 86 days" in page
    assert bruno.get(reverse("rules:rule", args=["S99"])).status_code == 404


def test_trying_other_parameters_changes_nothing_that_is_stored(
    judged: Cast, signed_in: AsSomebody
) -> None:
    Role.objects.create(
        account=judged.bruno, name=Role.Name.ADMINISTRATOR, institution=judged.sending
    )
    client = signed_in(judged.bruno)
    before = list(judged.outgoing.verdicts.values_list("scheme", "kind", "included"))
    parameters = "long_period_minimum:\n  values:\n    1900-01-01: 300\n"
    client.post(
        reverse("rules:editions"), {"parameters": parameters, "note": "What if it were 300?"}
    )
    run_waiting_work()
    edition = Edition.objects.exclude(parameters="").get()
    assert edition.trial["changed"] >= 1
    page = text(client.get(reverse("rules:edition", args=[edition.pk])))
    assert "M-AINO" in page
    assert list(judged.outgoing.verdicts.values_list("scheme", "kind", "included")) == before

    client.post(reverse("rules:adopt", args=[edition.pk]), {"note": "The board"})
    run_waiting_work()
    assert judged.outgoing.verdicts.get(scheme="oph").kind == "short_outgoing"


def test_nonsense_parameters_are_refused_on_the_form(cast: Cast, signed_in: AsSomebody) -> None:
    Role.objects.create(account=cast.bruno, name=Role.Name.ADMINISTRATOR, institution=cast.sending)
    response = signed_in(cast.bruno).post(
        reverse("rules:editions"), {"parameters": "no such: [", "note": "x"}
    )
    assert response.status_code == 400
    assert Edition.objects.exclude(parameters="").count() == 0


# --- alliance ----------------------------------------------------------------------------------


def test_the_alliance_shows_members_and_figures(judged: Cast, bruno: Client) -> None:
    page = text(bruno.get(reverse("alliance:alliance", args=["test-alliance"])))
    assert "University of Northlake" in page
    assert bruno.get(reverse("alliance:alliance", args=["nobody"])).status_code == 404


def test_participation_is_one_answer_with_four_faces(judged: Cast, bruno: Client) -> None:
    address = reverse("alliance:participation", args=["test-alliance"])
    page = text(bruno.get(address, {"year": "2026"}))
    assert "Persons with at least one counted event" in page
    assert '<svg class="chart" role="img"' in page
    csv = bruno.get(reverse("alliance:participation-csv", args=["test-alliance"]), {"year": "2026"})
    assert b"University of Northlake" in csv.content
    json = bruno.get(
        reverse("alliance:participation-json", args=["test-alliance"]), {"year": "2026"}
    )
    assert json.json()["alliance"] == "test-alliance"


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("country", "Portugali"),
        ("programme", "Erasmus+"),
        ("level", "Alempi korkeakoulututkinto"),
        ("partner", "University of Vale"),
    ],
)
def test_values_of_a_breakdown_are_said_in_the_words_of_the_reader(
    by: str, said: str, judged: Cast, bruno: Client
) -> None:
    bruno.cookies["django_language"] = "fi"
    address = reverse("alliance:participation", args=["test-alliance"])

    page = text(bruno.get(address, {"by": by, "year": "2026"}))

    assert said in page
    assert "Yhteensä" in page
    assert f'<option value="{by}" selected>' in page


@pytest.mark.parametrize("query", [{"year": "soon"}, {"mode": "flying"}, {"nonsense": "1"}])
def test_an_unknown_question_is_refused(query: dict[str, str], judged: Cast, bruno: Client) -> None:
    address = reverse("alliance:participation", args=["test-alliance"])
    assert bruno.get(address, query).status_code == 400


def test_a_goal_is_set_by_the_secretariat_and_nobody_else(
    judged: Cast, bruno: Client, signed_in: AsSomebody
) -> None:
    address = reverse("alliance:goals", args=["test-alliance"])
    goal = {
        "group": "students",
        "mode": "",
        "share": "40",
        "since": "2026-01-01",
        "definition": "v1",
        "source": "Board 3/2026",
    }
    assert bruno.post(address, goal).status_code == 403
    assert signed_in(judged.secretary).post(address, goal).status_code == 302
    assert Goal.objects.get().share == Decimal("0.4")


# --- size --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["/virta/", "/virta/rehearsal?year=2026", "/imports/", "/alliance/test-alliance", "/rules/"],
)
def test_a_page_asks_as_much_for_three_rows_as_for_one(
    address: str, judged: Cast, bruno: Client
) -> None:
    made_run(judged)
    bring(bruno, f"{HEADER}\n{GOOD}\n")
    bruno.get(address)
    with CaptureQueriesContext(connection) as one:
        assert bruno.get(address).status_code == 200
    sides = []
    for each in range(2):
        record = student(judged.sending, key=f"S-{each}")
        stay = mobility(person=record.person, sending=judged.sending, receiving=judged.receiving)
        sides.append(
            side(stay, judged.sending, Direction.OUTGOING, key=f"M-{each}", student=record)
        )
        made_run(judged, now=NOON + timedelta(hours=each))
        bring(bruno, f"{HEADER}\n{GOOD.replace('M-NEW', f'M-N{each}')}\n")
    judge_sides(side_ids=[each.pk for each in sides], now=NOON)
    with CaptureQueriesContext(connection) as three:
        assert bruno.get(address).status_code == 200
    assert len(three) == len(one), [q["sql"][:150] for q in three.captured_queries]
