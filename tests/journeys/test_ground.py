"""From a file with mistakes to a valid VIRTA file, and from that file to the same periods somewhere else."""

from __future__ import annotations

import csv
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from vaihto.classification.models import Judgement, Period, Verdict
from vaihto.demo import files
from vaihto.demo.building import found_alliance, judge_those_who_wait, moment
from vaihto.demo.invention import TODAY
from vaihto.demo.stories import TUULISALMI
from vaihto.imports.actions import LinesRefused, carry_out, make_preview, receive, take_back
from vaihto.imports.models import Batch
from vaihto.imports.queries import all_fates, refused_lines
from vaihto.institutions.actions import declare_holds_everything
from vaihto.institutions.models import Institution
from vaihto.jobs.actions import run
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.mobilities.models import Side
from vaihto.people.access import actor_of
from vaihto.people.models import Account
from vaihto.virta.actions import export
from vaihto.virta.models import ExportRun, Form
from vaihto.virta.validation import Validation, official

NOW = moment(TODAY)
Known = set[tuple[object, ...]]


@pytest.fixture
def ground(db: None, settings: Any, tmp_path: Path) -> None:
    """The demo alliance without people, on an installation of its own."""
    settings.DEMO = True
    settings.DATA = tmp_path
    found_alliance()


def registrar() -> Actor:
    return actor_of(Account.objects.get(username="demo-registrar"), today=TODAY)


def tuulisalmi() -> Institution:
    return Institution.objects.get(hei_id=TUULISALMI)


def previewed(kind: str, content: bytes, name: str = "file.csv") -> Batch:
    batch = receive(
        actor=registrar(),
        institution=tuulisalmi(),
        kind=kind,
        file=BytesIO(content),
        name=name,
        now=NOW,
    )
    return make_preview(actor=registrar(), batch=batch, now=NOW)


def brought(batch: Batch, mode: str = Batch.Mode.ALL_OR_NOTHING) -> Batch:
    done = carry_out(actor=registrar(), batch=batch, mode=mode, now=NOW)
    judge_those_who_wait(now=NOW)
    return done


def bring_students() -> None:
    for kind, content in (
        ("persons", files.persons_csv()),
        ("study_rights", files.study_rights_csv()),
    ):
        batch = brought(previewed(kind, content))
        assert (batch.created, batch.refused) == (500, 0)


def corrected(batch: Batch) -> bytes:
    """The refused lines as the registrar hands them back: each as it should have been."""
    path = refused_lines(batch, "csv")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        refused = list(csv.DictReader(lines, delimiter=";"))
    assert {line["key"] for line in refused if line["problem"]} == {line["key"] for line in refused}
    right = files.mobilities_csv(corrected=True).decode("utf-8-sig").splitlines()
    numbers = {int(line["problem_line"]) for line in refused}
    return "\r\n".join([right[0], *(right[number - 1] for number in sorted(numbers))]).encode()


def periods() -> Known:
    """What the national register would know of each period."""
    names = ["key", "start", "end", "direction", "country", "type", "programme", "level"]
    return {
        (*row[:-1], *row[-1])
        for row in Period.objects.filter(institution=tuulisalmi(), sent=True).values_list(
            "side__student_key", *names, "classifications"
        )
    }


def test_a_registrar_brings_a_file_with_mistakes_corrects_them_and_sends_what_is_valid(
    ground: None, virta_schemas: Path
) -> None:
    bring_students()

    # The preview says what is wrong with which line, and writes nothing.
    batch = previewed("mobilities", files.mobilities_csv(), "mobilities-500.csv")
    assert (batch.created, batch.refused, batch.lines) == (480, 20, 622)
    assert Side.objects.count() == 0
    wrong = {fate.key: fate.problems for fate in all_fates(batch, "refused")}
    assert len(wrong) == 20
    columns = {problem.column for problems in wrong.values() for problem in problems}
    assert columns == {fault.column for fault in files.FAULTS}

    # All or nothing means nothing, the good lines can be taken.
    with pytest.raises(LinesRefused):
        carry_out(actor=registrar(), batch=batch, mode=Batch.Mode.ALL_OR_NOTHING, now=NOW)
    assert Side.objects.count() == 0
    brought(batch, Batch.Mode.GOOD_LINES)
    assert Side.objects.count() == 480

    # The refused lines come back corrected; the whole file again changes nothing.
    rest = brought(previewed("mobilities", corrected(batch)))
    assert (rest.created, rest.refused) == (20, 0)
    again = previewed("mobilities", files.mobilities_csv(corrected=True))
    assert (again.created, again.changed, again.unchanged) == (0, 0, 500)

    # Every mobility is judged, and every no has a reason and the rule that decided.
    assert Judgement.objects.count() == 500
    noes = Verdict.objects.filter(included=False, scheme__in=["virta", "oph", "tk"])
    assert noes.exists()
    assert not noes.filter(reason_code="").exists()
    assert not Verdict.objects.filter(rule="").exists()

    # The file is valid, and says the same whenever it is made.
    actor, house = registrar(), tuulisalmi()
    made = export(actor=actor, institution=house, form=Form.PERIODS, now=NOW)
    assert (made.state, made.is_valid, made.left_out) == (ExportRun.State.MADE, True, 0)
    assert made.counts["Liikkuvuusjakso"] == len(periods())
    assert list(Validation(made.file, official(site.SCHEMAS))) == []
    assert export(actor=actor, institution=house, form=Form.PERIODS, now=NOW).digest == made.digest


def test_an_empty_installation_knows_the_same_periods_from_the_file(
    ground: None, virta_schemas: Path
) -> None:
    # Somewhere, a register whose whole is here.
    with transaction.atomic():
        bring_students()
        brought(previewed("mobilities", files.mobilities_csv(corrected=True)))
        declare_holds_everything(actor=registrar(), institution=tuulisalmi(), holds=True, now=NOW)
        house = tuulisalmi()
        made = export(actor=registrar(), institution=house, form=Form.NESTED, now=NOW)
        assert made.is_valid is True
        whole, sent = made.file.read_bytes(), periods()
        only = export(actor=registrar(), institution=house, form=Form.PERIODS, now=NOW)
        separate = only.file.read_bytes()
        transaction.set_rollback(True)
    assert Side.objects.count() == 0
    assert len(sent) > 400

    # Elsewhere, empty: the whole document brings students, rights and periods.
    batch = brought(previewed("virta", whole, "virta.xml"))
    assert batch.refused == 0
    assert periods() == sent

    # The separate file of periods says nothing new, and taking the batch back leaves nothing.
    again = previewed("virta", separate, "periods.xml")
    assert (again.created, again.changed, again.refused) == (0, 0, 0)
    take_back(actor=registrar(), batch=batch, now=NOW)
    assert Side.objects.count() == 0


class Visitor:
    """A person at a browser, and a worker that does the background work between two clicks."""

    def __init__(self, username: str) -> None:
        self.client = Client()
        self.post(reverse("web:sign-in-as-demo"), username=username)

    def post(self, address: str, **form: Any) -> str:
        """Where the answer leads."""
        answer = self.client.post(address, form)
        assert answer.status_code == 302, answer.content.decode()[:2000]
        for waiting in Work.objects.filter(state=Work.State.WAITING).order_by("pk"):
            run(waiting)
        return str(answer["Location"])

    def see(self, address: str) -> str:
        """What stands on the page."""
        answer = self.client.get(address)
        assert answer.status_code == 200, address
        return str(answer.content.decode())

    def take(self, address: str) -> bytes:
        """A file that is offered there."""
        answer = self.client.get(address)
        assert answer.status_code == 200, address
        assert "attachment" in answer["Content-Disposition"]
        parts = getattr(answer, "streaming_content", None)
        return b"".join(parts) if parts is not None else answer.content

    def bring(self, kind: str, content: bytes) -> int:
        """Hands a file over; answers the number of its batch."""
        page = self.post(
            reverse("imports:bring", args=[kind]),
            institution=TUULISALMI,
            file=SimpleUploadedFile("file.csv", content),
        )
        return int(page.rstrip("/").rsplit("/", 1)[-1])

    def confirm(self, batch: int, mode: str) -> None:
        """Says yes to what was shown."""
        self.post(reverse("imports:confirm", args=[batch]), mode=mode)


def test_the_same_by_clicking(ground: None, virta_schemas: Path) -> None:
    bring_students()
    files.write_files()
    rauni = Visitor("demo-registrar")
    assert "Rauni Rekola" in rauni.see(reverse("web:turn"))

    assert "mobilities-500.csv" in rauni.see(reverse("imports:choose"))
    file = rauni.take(reverse("imports:example", args=["mobilities-500.csv"]))
    number = rauni.bring("mobilities", file)
    shown = rauni.see(reverse("imports:batch", args=[number]))
    assert "480" in shown
    assert "erasmus++" in shown
    assert "T-26-0011" in shown
    assert Side.objects.count() == 0

    rauni.confirm(number, Batch.Mode.GOOD_LINES)
    refused = rauni.take(reverse("imports:refused", args=[number, "csv"]))
    assert refused.decode("utf-8-sig").count("T-26-") >= 20
    rest = rauni.bring("mobilities", corrected(Batch.objects.get(pk=number)))
    rauni.confirm(rest, Batch.Mode.ALL_OR_NOTHING)
    assert Side.objects.count() == 500

    side = Side.objects.filter(periods__days__gte=87).order_by("key")[0]
    page = rauni.see(reverse("office:mobility", args=[side.mobility_id]))
    assert str(side.mobility.person) in page
    assert "87" in page  # the limit that decided

    asked = rauni.post(reverse("virta:ask"), institution=str(tuulisalmi().pk), form=Form.PERIODS)
    made = ExportRun.objects.get()
    assert (made.state, made.is_valid) == (ExportRun.State.MADE, True)
    assert "Tuulisalmi" in rauni.see(asked)
    sent = rauni.take(reverse("virta:file", args=[made.pk]))
    assert sent.count(b"<Liikkuvuusjakso ") == len(periods())
