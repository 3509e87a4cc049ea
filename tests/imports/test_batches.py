"""A file from its bringing to its taking back."""

from __future__ import annotations

import csv
import io
import json
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.cast import NOON, TODAY, Cast
from tests.imports.files import MOBILITIES, PERSONS, xlsx
from vaihto.imports import actions, queries, walking
from vaihto.imports.books import Book, BookWriter, batch_folder, opened_file, source_file
from vaihto.imports.models import Batch
from vaihto.imports.problems import told
from vaihto.imports.taking_back import ReferredTo, TouchedSince
from vaihto.jobs.actions import run
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.mobilities.models import Mobility, Segment, Side
from vaihto.people.models import Person, StudentRecord
from vaihto.refusals import NotAllowed, Refusal

pytestmark = pytest.mark.django_db


def receive(
    cast: Cast, content: str | bytes, kind: str = "persons", actor: Actor | None = None
) -> Batch:
    raw = content.encode() if isinstance(content, str) else content
    return actions.receive(
        actor=actor or cast.actor(cast.bruno, today=TODAY),
        institution=cast.sending,
        kind=kind,
        file=io.BytesIO(raw),
        name="Spring 2026.csv",
        now=NOON,
    )


def preview(cast: Cast, content: str | bytes, kind: str = "persons") -> Batch:
    batch = receive(cast, content, kind)
    return actions.make_preview(actor=cast.actor(cast.bruno, today=TODAY), batch=batch, now=NOON)


def bring(
    cast: Cast, content: str | bytes, kind: str = "persons", mode: str = "all_or_nothing"
) -> Batch:
    batch = preview(cast, content, kind)
    return actions.carry_out(
        actor=cast.actor(cast.bruno, today=TODAY), batch=batch, mode=mode, now=NOON
    )


def take_back(cast: Cast, batch: Batch, *, now=NOON) -> Batch:
    return actions.take_back(actor=cast.actor(cast.bruno, today=TODAY), batch=batch, now=now)


def counts(batch: Batch) -> tuple[int, int, int, int]:
    return (batch.created, batch.changed, batch.unchanged, batch.refused)


def everything() -> list[list[str]]:
    """All rows that these files can touch; encrypted values as people read them."""
    people = [
        str((p.pk, p.full_name, p.email, p.learner_number, p.identity_code, p.citizenships))
        for p in Person.objects.order_by("pk")
    ]
    return [people] + [
        sorted(map(str, model.objects.values_list()))
        for model in (StudentRecord, Mobility, Segment, Side)
    ]


def test_a_preview_writes_nothing_and_says_what_would_happen(cast: Cast) -> None:
    before = everything()
    text = PERSONS + "AINO-1;Virtanen;Aino;2;246;;;\nS-3;X;Y;7;246;31.2.2001;;LAW\n"
    batch = preview(cast, text)
    assert everything() == before
    assert counts(batch) == (2, 1, 0, 1)
    assert (batch.state, batch.lines) == ("previewed", 4)
    assert batch.described == {"shape": "csv", "encoding": "utf-8", "delimiter": ";"}
    (changed,) = queries.fates(batch, "changed").fates
    assert (changed.line, changed.key) == (4, "AINO-1")
    assert changed.changes["family_name"] == ["Virtanen-Leakable", "Virtanen"]
    (refused,) = queries.fates(batch, "refused").fates
    (problem,) = refused.problems
    assert (problem.line, problem.column, problem.value, problem.what) == (
        5,
        "birth_date",
        "31.2.2001",
        "There is no day 31.2.2001.",
    )
    assert problem.remedy
    assert [fate.key for fate in queries.fates(batch, "created").fates] == ["S-1", "S-2"]


def test_a_new_record_is_shown_with_what_it_says_and_never_with_an_identity_code(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "VALUES_OF_FIRST", 2)
    batch = preview(
        cast,
        "key;family_name;given_names;birth_date;identity_code\n"
        "S-1;Mäkinen;Åsa;2001-02-03;030201A959N\nS-2;Berg;;;\nS-3;Third;;;\n",
    )
    first, second, third = queries.fates(batch, "created").fates
    assert first.values == {
        "key": "S-1",
        "family_name": "Mäkinen",
        "given_names": "Åsa",
        "birth_date": "2001-02-03",
        "identity_code": None,
    }
    assert second.values == {"key": "S-2", "family_name": "Berg"}
    assert third.values == {}, "enough to see that it was read as it was meant"
    client.force_login(cast.bruno, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/imports/{batch.pk}?show=created").content.decode()
    assert "family_name: Mäkinen; given_names: Åsa" in page
    assert "identity_code protected" in page
    assert "A959N" not in page
    assert b"A959N" not in b"".join(
        file.read_bytes() for file in batch_folder(batch.pk).rglob("*") if file.is_file()
    )


def test_a_new_mobility_is_shown_with_its_segments(cast: Cast) -> None:
    (fate, *_others) = queries.fates(preview(cast, MOBILITIES, "mobilities"), "created").fates
    assert [each["start"] for each in fate.values["segments"]] == ["2025-08-18", "2025-09-01"]


def test_the_same_file_twice_changes_nothing(cast: Cast) -> None:
    assert counts(bring(cast, PERSONS)) == (2, 0, 0, 0)
    assert counts(bring(cast, MOBILITIES, "mobilities")) == (2, 0, 0, 0)
    before, lines = everything(), Entry.objects.exclude(subject_type="imports.batch").count()
    assert counts(bring(cast, PERSONS)) == (0, 0, 2, 0)
    assert counts(bring(cast, MOBILITIES, "mobilities")) == (0, 0, 2, 0)
    assert everything() == before
    assert Entry.objects.exclude(subject_type="imports.batch").count() == lines


def test_one_refused_line_refuses_the_whole_unless_the_good_lines_are_taken(cast: Cast) -> None:
    text = PERSONS + "S-3;X;Y;7;;;;\n"
    before = everything()
    with pytest.raises(actions.LinesRefused):
        bring(cast, text)
    assert everything() == before
    assert Batch.objects.get().state == "previewed"
    done = bring(cast, text, mode="good_lines")
    assert (done.state, counts(done)) == ("done", (2, 0, 0, 1))
    assert StudentRecord.objects.filter(key__in=["S-1", "S-2", "S-3"]).count() == 2


def test_a_repeated_key_refuses_the_second_record_also_when_far_apart(cast: Cast) -> None:
    many = "".join(f"K-{n};A;B;;;;;\n" for n in range(2100))
    batch = preview(cast, PERSONS + many + "S-1;Again;A;;;;;\n")
    assert counts(batch) == (2102, 0, 0, 1)
    (refused,) = queries.fates(batch, "refused").fates
    assert (refused.line, refused.problems[0].code) == (2104, "fact.repeated-key")


def test_after_many_records_the_database_plans_with_their_number(cast: Cast) -> None:
    """Else everything read afterwards is joined row by row, as if the tables were empty."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite plans by its indexes")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE people_person, people_studentrecord")
        bring(cast, PERSONS + "".join(f"K-{n};A;B;;;;;\n" for n in range(250)))
        cursor.execute(
            "SELECT min(reltuples) FROM pg_class"
            " WHERE relname IN ('people_person', 'people_studentrecord')"
        )
        assert cursor.fetchone()[0] >= 250


def test_pages_of_fifty(cast: Cast) -> None:
    batch = preview(cast, PERSONS + "".join(f"K-{n};A;B;;;;;\n" for n in range(118)))
    found = [queries.fates(batch, "created", page=n) for n in (1, 2, 3, 4)]
    assert [len(page.fates) for page in found] == [50, 50, 20, 0]
    assert {page.pages for page in found} == {3}
    assert found[2].fates[-1].key == "K-117"


def test_the_refused_lines_come_as_a_file_to_correct_and_bring_again(cast: Cast) -> None:
    text = PERSONS + '=cmd();"+evil\nname";Y;7;246;31.2.2001;;LAW\n'
    batch = preview(cast, text)
    raw = queries.refused_bytes(batch, "csv").decode("utf-8-sig")
    header, row = csv.reader(io.StringIO(raw), delimiter=";")
    assert header[-2:] == ["problem_line", "problem"]
    assert row[0] == "'=cmd()"
    assert row[1].startswith("'+")
    assert row[-2] == "4"
    assert "There is no day 31.2.2001." in row[-1]
    corrected = raw.replace("31.2.2001", "28.2.2001").replace(";7;", ";1;").replace("LAW", "ENG")
    again = preview(cast, corrected)
    assert counts(again) == (1, 0, 0, 0)
    assert queries.fates(again, "created").fates[0].key == "=cmd()"
    packed = queries.refused_bytes(batch, "xlsx")
    assert counts(preview(cast, packed)) == (0, 0, 0, 1)
    assert b"<f>" not in packed


def test_all_lines_of_a_refused_mobility_come_back_together(cast: Cast) -> None:
    batch = preview(cast, MOBILITIES.replace("15.12.2025", "15.8.2025"), "mobilities")
    assert counts(batch) == (1, 0, 0, 1)
    rows = list(
        csv.reader(
            io.StringIO(queries.refused_bytes(batch, "csv").decode("utf-8-sig")), delimiter=";"
        )
    )
    assert [row[0] for row in rows] == ["key", "M-1", "M-1"]
    assert "before the first day" in rows[1][-1] + rows[2][-1]


def test_a_batch_is_taken_back_exactly(cast: Cast) -> None:
    bring(cast, PERSONS)
    bring(cast, MOBILITIES, "mobilities")
    before = everything()
    first = bring(cast, PERSONS.replace("Esimerkki", "Toinen") + "S-9;New;One;;;;;\n")
    second = bring(
        cast,
        MOBILITIES.replace("15.12.2025", "31.1.2026").replace("M-2", "M-3"),
        "mobilities",
    )
    assert (counts(first), counts(second)) == ((1, 1, 1, 0), (1, 1, 0, 0))
    assert everything() != before
    take_back(cast, second)
    undone = take_back(cast, first)
    assert everything() == before
    assert undone.state == "undone"
    line = Entry.objects.filter(verb="import.undone", subject_type="people.person").earliest("pk")
    assert line.changes["family_name"] == ["Toinen", "Esimerkki"]
    assert take_back(cast, undone).state == "undone"


def test_a_batch_whose_records_something_else_touched_stays(cast: Cast) -> None:
    batch = bring(cast, PERSONS)
    bring(cast, PERSONS.replace("Esimerkki", "Toinen"))
    before = everything()
    with pytest.raises(TouchedSince) as refused:
        take_back(cast, batch)
    assert refused.value.facts["count"] == 1
    assert everything() == before
    assert Batch.objects.get(pk=batch.pk).state == "done"


def test_a_batch_to_whose_records_others_refer_stays(cast: Cast) -> None:
    students = bring(cast, PERSONS)
    bring(cast, MOBILITIES.replace("AINO-1", "S-1"), "mobilities")
    before = everything()
    with pytest.raises(ReferredTo):
        take_back(cast, students)
    assert everything() == before


def test_background_work_carries_a_batch_from_opening_to_undoing(cast: Cast) -> None:
    bruno = cast.actor(cast.bruno, today=TODAY)

    def work(kind: str) -> Work:
        return run(Work.objects.get(kind=kind, state="waiting"))

    batch = actions.open_batch(
        actor=bruno,
        institution=cast.sending,
        kind="persons",
        file=io.BytesIO(PERSONS.encode()),
        name="p.csv",
        now=NOON,
    )
    assert batch.is_busy
    done = work("imports.preview")
    assert (done.state, done.done, done.total) == ("done", 2, 2)
    batch.refresh_from_db()
    assert batch.is_confirmable
    with pytest.raises(actions.NotNow):
        actions.undo(actor=bruno, batch=batch, now=NOON)
    actions.confirm(actor=bruno, batch=batch, mode="all_or_nothing", now=NOON)
    with pytest.raises(actions.NotNow):
        actions.confirm(actor=bruno, batch=batch, mode="all_or_nothing", now=NOON)
    assert work("imports.confirm").result == {
        "created": 2,
        "changed": 0,
        "unchanged": 0,
        "refused": 0,
    }
    batch.refresh_from_db()
    assert batch.is_undoable
    assert queries.work_of(batch).kind == "imports.confirm"
    actions.undo(actor=bruno, batch=batch, now=NOON)
    assert work("imports.undo").state == "done"
    assert not StudentRecord.objects.filter(key="S-1").exists()


def test_a_file_that_cannot_be_read_leaves_the_batch_with_the_reason(cast: Cast) -> None:
    bruno = cast.actor(cast.bruno, today=TODAY)
    batch = actions.open_batch(
        actor=bruno,
        institution=cast.sending,
        kind="persons",
        file=io.BytesIO(b"%PDF-1.4"),
        name="../../etc/p.pdf",
        now=NOON,
    )
    done = run(Work.objects.get(kind="imports.preview"))
    batch.refresh_from_db()
    assert (done.state, batch.state, batch.name) == ("refused", "refused", "p.pdf")
    assert told(batch.refusal)[0] == "This is a PDF document, not a table."


def test_refused_lines_refuse_confirming_all_at_once(cast: Cast) -> None:
    batch = preview(cast, PERSONS + "S-3;X;Y;7;;;;\n")
    with pytest.raises(actions.LinesRefused):
        actions.confirm(
            actor=cast.actor(cast.bruno, today=TODAY),
            batch=batch,
            mode="all_or_nothing",
            now=NOON,
        )
    assert Work.objects.count() == 0


def test_who_may_not_bring_files_in_neither_brings_nor_sees_them(cast: Cast) -> None:
    batch = preview(cast, PERSONS)
    for holder in (cast.chiara, cast.dara, cast.secretary):
        actor = cast.actor(holder, today=TODAY)
        assert not Batch.objects.visible_to(actor).exists()
        with pytest.raises(NotAllowed):
            receive(cast, PERSONS, actor=actor)
        with pytest.raises(NotAllowed):
            actions.carry_out(actor=actor, batch=batch, mode="good_lines", now=NOON)
    assert Batch.objects.visible_to(cast.actor(cast.bruno, today=TODAY)).get() == batch
    with pytest.raises(Refusal):
        receive(cast, PERSONS, kind="no-such-kind")


def test_kinds_are_offered_to_who_may_bring_them(cast: Cast) -> None:
    assert [k.name for k in queries.kinds_for(cast.actor(cast.secretary, today=TODAY))] == [
        "headcounts",
        "survey",
        "institutions",
    ]
    assert "persons" in [k.name for k in queries.kinds_for(cast.actor(cast.bruno, today=TODAY))]
    assert queries.kinds_for(cast.actor(cast.dara, today=TODAY)) == []


def test_a_file_larger_than_the_limit_is_refused_and_not_kept(cast: Cast, settings) -> None:
    settings.UPLOAD_LIMIT_BYTES = 100
    with pytest.raises(Refusal) as refused:
        receive(cast, PERSONS)
    assert refused.value.code == "file.too-large"


def test_kept_files_are_the_owners_only_and_go_after_ninety_days(cast: Cast) -> None:
    batch = bring(cast, PERSONS + "# unique for this test;;;;;;;\n")
    file = source_file(batch.digest)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"Esimerkki" not in file.read_bytes()
    with opened_file(batch.digest) as plain:
        assert b"Esimerkki" in plain.read_bytes()
    assert not plain.exists()
    actions.forget_files(NOON + timedelta(days=89))
    assert file.is_file()
    actions.forget_files(NOON + timedelta(days=91))
    assert not file.exists()
    batch.refresh_from_db()
    assert not batch.is_undoable


def _write_half(place: Path) -> None:
    with BookWriter(place) as book:
        book.add("rows", 2)
        raise ZeroDivisionError


def test_a_book_that_was_not_finished_does_not_appear(tmp_path: Path) -> None:
    place = tmp_path / "book"
    with BookWriter(place) as book:
        book.add("rows", 1)
    with pytest.raises(ZeroDivisionError):
        _write_half(place)
    assert list(Book(place).entries("rows")) == [1]
    assert list(Book(place).entries("nothing")) == []
    assert [each.name for each in tmp_path.iterdir()] == ["book"]


# --- The command -------------------------------------------------------------------------------


def command(*words: str, capsys) -> tuple[int, str, str]:
    try:
        call_command("import_file", *words)
        code = 0
    except SystemExit as left:
        code = left.code
    told_ = capsys.readouterr()
    return code, told_.out, told_.err


def test_the_command_tells_what_would_happen_and_what_is_wrong(
    cast: Cast, tmp_path: Path, capsys
) -> None:
    file = tmp_path / "persons.csv"
    file.write_text(PERSONS + "S-3;X;Y;7;;;;\n")
    words = ["persons", str(file), "--institution", "aalto-north.example"]
    code, out, _err = command(*words, "--dry-run", capsys=capsys)
    assert code == 1
    assert "2 created" in out
    assert "line 4, gender “7”" in out
    assert not StudentRecord.objects.filter(key="S-1").exists()
    code, _out, err = command(*words, capsys=capsys)
    assert code == 1
    assert "nothing was brought in" in err
    refused = tmp_path / "refused.csv"
    code, out, _err = command(
        *words, "--good-lines", "--json", "--refused", str(refused), capsys=capsys
    )
    answer: dict[str, Any] = json.loads(out)
    assert (code, answer["state"]) == (0, "done")
    assert answer["counts"] == {"created": 2, "changed": 0, "unchanged": 0, "refused": 1}
    assert answer["refused"][0]["line"] == 4
    assert refused.read_text("utf-8-sig").splitlines()[1].startswith("S-3;")
    file.write_text(PERSONS)
    code, out, _err = command(*words, "--dry-run", capsys=capsys)
    assert (code, "2 unchanged" in out) == (0, True)


def test_the_command_tells_wrong_use_apart_from_refusal(cast: Cast, tmp_path: Path, capsys) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b"%PDF")
    assert command("persons", str(file), capsys=capsys)[0] == 2
    assert (
        command(
            "persons", str(tmp_path / "no"), "--institution", "aalto-north.example", capsys=capsys
        )[0]
        == 2
    )
    code, _out, err = command("persons", str(file), "--institution", "01903", capsys=capsys)
    assert (code, "PDF" in err) == (1, True)


def test_headcounts_need_no_institution(cast: Cast, tmp_path: Path, capsys) -> None:
    file = tmp_path / "h.xlsx"
    file.write_bytes(
        xlsx(
            [
                ["institution", "year", "group", "count", "source", "as_of"],
                ["porto-vale.example", 2025, "students", 23000, "Report", "2025-12-31"],
            ]
        )
    )
    code, out, _err = command("headcounts", str(file), capsys=capsys)
    assert (code, "1 created" in out) == (0, True)


def test_every_module_of_the_room_can_be_loaded_alone() -> None:
    subprocess.run([sys.executable, "-c", "import vaihto.imports.cells"], check=True, timeout=60)
