from __future__ import annotations

from datetime import date

from django import forms
from django.utils.translation import override

from vaihto.web import components as c
from vaihto.web.address import Address


def test_values_are_escaped_and_components_are_not() -> None:
    made = c.table(
        "<b>", [c.Column(label="<i>")], [c.Row(["<script>"]), c.Row([c.badge("Done", "good")])]
    )
    assert "<script>" not in made
    assert "&lt;script&gt;" in made
    assert '<span class="badge good">Done</span>' in made


def test_a_sorted_column_turns_round_and_keeps_the_state() -> None:
    address = Address("/list", (("state", "done"), ("after", "7"), ("n", "51")))
    made = c.table(
        "List", [c.Column(label="First", sort="start")], [], address=address, sort="start"
    )
    assert 'aria-sort="ascending"' in made
    assert 'href="/list?state=done&amp;sort=-start"' in made


def test_an_open_span_reaches_the_edge_of_the_drawing() -> None:
    lanes = [c.Lane("Right", [c.Span(start=date(2024, 1, 1), end=None, label="Open")])]
    drawn = c._drawn(lanes, date(2024, 6, 1))
    assert drawn is not None
    assert [(bar.x, bar.width) for bar in drawn.bars] == [("0.000%", "100.000%")]


def test_spans_are_drawn_to_one_scale_with_both_days_included() -> None:
    spans = [
        c.Span(start=date(2024, 1, 1), end=date(2024, 1, 10), label="ten days"),
        c.Span(start=date(2024, 1, 11), end=date(2024, 1, 20), label="ten more"),
    ]
    drawn = c._drawn([c.Lane("Segments", spans)], None)
    assert drawn is not None
    assert [(bar.x, bar.width) for bar in drawn.bars] == [
        ("0.000%", "50.000%"),
        ("50.000%", "50.000%"),
    ]
    assert [one.days for one in spans] == [10, 10]


def test_a_drawing_of_a_century_has_few_marks() -> None:
    lanes = [c.Lane("x", [c.Span(start=date(1920, 3, 1), end=date(2026, 1, 1), label="long")])]
    drawn = c._drawn(lanes, None)
    assert drawn is not None
    assert 1 <= len(drawn.ticks) <= 5


def test_numbers_follow_the_language() -> None:
    with override("en"):
        assert c.number(4812) == "4,812"
    with override("fi"):
        assert c.number(4812) == "4\N{NO-BREAK SPACE}812"
    assert c.number(None) == "–"


def test_the_error_summary_leads_to_the_fields_and_takes_focus() -> None:
    class Sample(forms.Form):
        name = forms.CharField(label="Name")

    made = c.error_summary(Sample({}))
    assert 'href="#id_name"' in made
    assert "autofocus" in made
    assert c.error_summary(Sample()) == ""


def test_an_error_is_tied_to_its_field() -> None:
    class Sample(forms.Form):
        name = forms.CharField(label="Name", help_text="As in the passport.")

    made = c.field_of(Sample({})["name"])
    assert 'aria-describedby="id_name_helptext id_name_error"' in made
    assert 'id="id_name_error"' in made
    assert 'aria-invalid="true"' in made


def test_chosen_filters_are_named_and_can_be_taken_away() -> None:
    class Sample(forms.Form):
        state = forms.ChoiceField(label="State", choices=[("", "Any"), ("done", "Done")])

    address = Address("/list", (("state", "done"), ("sort", "start"), ("after", "4")))
    made = c.filters(Sample({"state": "done"}), address)
    assert "State: Done" in made
    assert 'href="/list?sort=start"' in made
    assert '<input type="hidden" name="sort" value="start">' in made


def test_progress_polls_only_while_the_work_runs() -> None:
    running = c.Progress(
        label="Import",
        state="Running",
        tone="info",
        percent=42,
        done=42,
        total=100,
        polls="/work/1",
    )
    ended = c.Progress(
        label="Import", state="Done", tone="good", percent=100, done=100, total=100, running=False,
        polls="/work/1",
    )  # fmt: skip
    assert 'hx-get="/work/1"' in c.progress(running)
    assert "42 of 100 done, 58 left" in c.progress(running)
    assert "hx-get" not in c.progress(ended)
