"""Every component in every state, for those who build pages and for the accessibility check."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.utils.safestring import mark_safe

from vaihto.refusals import Unknown
from vaihto.web import components as c
from vaihto.web.address import Address
from vaihto.web.frame import Request, page

# The gallery is for those who build pages: its sample words are not translated.


class SampleForm(forms.Form):
    """One field of every kind."""

    name = forms.CharField(label="Name", help_text="As in the passport.")
    country = forms.ChoiceField(
        label="Country", choices=[("", "Any"), ("724", "Spain"), ("276", "Germany")], required=False
    )
    start = forms.DateField(
        label="First day", widget=forms.DateInput(attrs={"type": "date"}), required=False
    )
    credits = forms.DecimalField(label="Credits", required=False)
    note = forms.CharField(label="Note", widget=forms.Textarea, required=False)
    agreed = forms.BooleanField(label="Agreed as one whole", required=False, help_text="V31")
    mode = forms.ChoiceField(
        label="Mode",
        widget=forms.RadioSelect,
        choices=[("physical", "Physical"), ("virtual", "Virtual")],
    )


class SampleFilters(forms.Form):
    """What a list is filtered by."""

    name = forms.CharField(label="Person", required=False)
    country = forms.ChoiceField(
        label="Country", choices=[("", "Any"), ("724", "Spain"), ("276", "Germany")], required=False
    )
    start = forms.DateField(
        label="From", widget=forms.DateInput(attrs={"type": "date"}), required=False
    )


_BARS = (
    '<svg role="img" viewBox="0 0 600 200" aria-labelledby="sample-t sample-d">'
    '<title id="sample-t">Starting per year</title>'
    '<desc id="sample-d">2022: 40, 2023: 90, 2024: 150</desc>'
    '<line class="axis" x1="40" x2="590" y1="170" y2="170"></line>'
    '<rect class="bar" x="90" y="130" width="80" height="40" rx="2"></rect>'
    '<rect class="bar good" x="270" y="80" width="80" height="90" rx="2"></rect>'
    '<rect class="bar warn" x="450" y="20" width="80" height="150" rx="2"></rect>'
    '<text x="130" y="190" text-anchor="middle">2022</text>'
    '<text x="310" y="190" text-anchor="middle">2023</text>'
    '<text x="490" y="190" text-anchor="middle">2024</text></svg>'
)


def _table(request: Request, rows: int, **more: object) -> str:
    columns = [
        c.Column(label="Key", sort="key"),
        c.Column(label="Person", sort="person"),
        c.Column(label="Days", sort="days", numeric=True),
        c.Column(label="State"),
    ]
    states: list[tuple[str, c.Tone]] = [
        ("Planned", "plain"),
        ("Under way", "info"),
        ("Done", "good"),
        ("Check length", "warn"),
        ("Cancelled", "bad"),
    ]
    made = [
        c.Row(
            [
                c.Cell(f"MOB-2026-{n:05}", href="#"),
                c.Cell("Aino Virtanen", note="Computer science"),
                1480 + n,
                c.Cell(states[n % 5][0], tone=states[n % 5][1]),
            ],
            key=str(n),
            name=f"MOB-2026-{n:05}",
            tone="warn" if n == 3 else None,
        )
        for n in range(rows)
    ]
    return c.table("Mobilities", columns, made, **more)  # type: ignore[arg-type]


def gallery(request: Request) -> HttpResponse:
    """The gallery; on a demo for everybody signed in, elsewhere for operators and in debugging."""
    if not (settings.DEMO or settings.DEBUG or request.actor.is_operator):
        raise Unknown("gallery.closed")
    address = Address.of(request)
    bound = SampleForm({"name": "", "start": "x", "mode": "physical"}, auto_id="b_%s")
    spans = [
        c.Lane(
            "Segments",
            [
                c.Span(start=date(2022, 8, 15), end=date(2022, 8, 31), label="Virtual, home country",
                       pattern="hatched"),
                c.Span(start=date(2022, 9, 1), end=date(2022, 11, 26), label="Physical, Spain"),
                c.Span(start=date(2022, 12, 1), end=date(2022, 12, 20), label="Cancelled",
                       pattern="struck", tone="plain"),
            ],
        ),
        c.Lane("Periods", [c.Span(start=date(2022, 9, 1), end=date(2022, 11, 26), label="Long period",
                                  tone="good")]),
        c.Lane("Study right", [c.Span(start=date(2021, 8, 1), end=None, label="Bachelor and master",
                                      tone="plain")]),
    ]  # fmt: skip
    changes = [
        c.Change("Last day", date(2022, 11, 26), date(2022, 12, 3)),
        c.Change("Programme", "", "Erasmus+"),
        c.Change("Credits", 30, None),
    ]
    words: tuple[tuple[str, c.Tone], ...] = (
        ("Planned", "plain"),
        ("Under way", "info"),
        ("Counted", "good"),
        ("Cannot be told", "warn"),
        ("Not counted", "bad"),
    )
    parts: dict[str, Any] = {
        "badges": [c.badge(word, tone) for word, tone in words],
        "cards": c.cards([
            c.Figure(label="Mobilities this year", value=4812, note="6 % more than 2025", href="#"),
            c.Figure(label="Waiting", value=137, note="12 over 14 days", tone="warn", href="#"),
            c.Figure(label="Errors", value=0, tone="good"),
            c.Figure(label="Not told", value=None, note="no headcount for this year"),
        ], label="Figures"),
        "notices": [c.notice("The export of March was delivered.", tone=tone, title=tone.title(),
                             links=[("Show it", "#")])
                    for tone in ("plain", "info", "good", "warn", "bad")],
        "table": _table(request, 6, address=address, sort="-days", selects="pick",
                        paging=c.Paging(first=51, last=100, total=10000, capped=True, previous="#", next="#"),
                        foot=["Together", "", 8888, ""]),
        "empty_table": _table(request, 0, hide_caption=True),
        "filters": c.filters(SampleFilters({"country": "724", "name": "Virtanen"}, auto_id="f_%s"),
                             address.having(country="724", name="Virtanen")),
        "facts": c.facts([("Purpose", "Studies"), c.Fact("Partner", "Universidad de Sevilla", "#", "es"),
                          ("First day", date(2022, 9, 1)), ("Credits", None)]),
        "wide_facts": c.facts([("Purpose", "Studies"), ("Part of the degree", True), ("Level", "")],
                              wide=True),
        "tabs": c.tabs([c.Tab("Facts", "#", current=True), c.Tab("Findings", "#", count=1204),
                        c.Tab("Journal", "#")], label="Views"),
        "crumbs": c.breadcrumb([("Mobilities", "#"), ("MOB-2026-00001", "#")]),
        "downloads": c.downloads([c.Download("Mobilities", "#", "CSV"),
                                  c.Download("Mobilities", "#", "XLSX", "12 kB")]),
        "summary": c.error_summary(bound),
        "timeline": c.timeline([
            c.Event(at=datetime(2022, 11, 27, 9, 30, tzinfo=UTC), title="Dates confirmed", by="Bruno Rossi",
                    tone="good", changes=changes),
            c.Event(at=date(2022, 9, 1), title="Arrived", text="Confirmed by the host.", tone="info"),
            c.Event(at=date(2022, 5, 2), title="Nominated", by="Bruno Rossi", href="#"),
            c.Event(at=date(2026, 1, 31), title="Recognition is due", future=True, tone="warn"),
        ]),
        "spans": c.spans("Segments to scale", spans, name="sample", today=date(2022, 10, 10)),
        "diff": c.diff(changes, caption="What changed"),
        "no_diff": c.diff([], caption="Nothing changed"),
        "empty": c.empty("No mobilities yet", "Bring a file in, or enter the first one.",
                         links=[("Bring a file in", "#")]),
        "progress": [
            c.progress(c.Progress(label="Importing", state="Running", tone="info", percent=42, done=42100,
                                  total=100000, step="Writing")),
            c.progress(c.Progress(label="Reading", state="Running", tone="info", percent=None, done=310,
                                  total=None)),
            c.progress(c.Progress(label="Importing", state="Done", tone="good", percent=100, done=100000,
                                  total=100000, running=False, links=[("Show the result", "#")])),
            c.progress(c.Progress(label="Importing", state="Refused", tone="warn", percent=3, done=3,
                                  total=100, running=False, problem="Line 4 has no key.",
                                  remedy="Add the key and bring the file again.")),
        ],
        "chart": c.chart("Starting per year", mark_safe(_BARS),  # noqa: S308  # our own constant
                         definition="Physical periods by the year of their first day.", csv="#",
                         table=c.table("Starting per year",
                                       [c.Column(label="Year"), c.Column(label="Periods", numeric=True)],
                                       [c.Row(["2022", 40]), c.Row(["2023", 90]), c.Row(["2024", 150])])),
    }  # fmt: skip
    return page(
        request, "web/gallery.html", heading="Components", form=SampleForm(auto_id="u_%s"),
        bound=bound, **parts,
    )  # fmt: skip
