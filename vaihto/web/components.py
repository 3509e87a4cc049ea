"""The pieces pages are made of: one typed function and one template of the same name each.

A component takes values, never querysets, and answers safe markup. `gallery.py` shows every one in
every state; the browser tests check that page for accessibility.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.forms import BaseForm, BoundField
from django.template.loader import render_to_string
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vaihto.web.address import Address
from vaihto.web.wording import shown

Tone = Literal["plain", "info", "good", "warn", "bad"]
Pattern = Literal["solid", "hatched", "outline", "struck"]


def _made(template: str, /, **context: object) -> SafeString:
    return render_to_string(f"components/{template}.html", context)


# Words and states ------------------------------------------------------------------------------


def badge(word: str, tone: Tone = "plain", *, hint: str = "") -> SafeString:
    """A state as a word on a colour; the word alone says everything."""
    return _made("badge", word=word, tone=tone, hint=hint)


def notice(
    text: str, *, tone: Tone = "info", title: str = "", links: Sequence[tuple[str, str]] = ()
) -> SafeString:
    """A message that belongs to the page: what is so, and where to go from here (word, address)."""
    return _made("notice", text=text, tone=tone, title=title, links=links)


def empty(title: str, text: str = "", *, links: Sequence[tuple[str, str]] = ()) -> SafeString:
    """Instead of a list with nothing in it: why it is empty and what to do (word, address)."""
    return _made("empty", title=title, text=text, links=links)


# Figures and facts -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number with its words; `value` None is shown as not known."""

    label: str
    value: object
    note: str = ""
    href: str = ""
    tone: Tone = "plain"


def cards(figures: Sequence[Figure], *, label: str = "") -> SafeString:
    """Figures side by side; each may lead to the list behind it."""
    made = [(one, number(one.value)) for one in figures]
    return _made("cards", figures=made, label=label)


def number(value: object) -> str:
    """A number with its thousands apart; None as a dash."""
    if value is None:
        return "–"
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return shown(value)
    return str(formats.number_format(value, use_l10n=True, force_grouping=True))


@dataclass(frozen=True)
class Fact:
    """A term and its value. `lang` is set where the value is in another language than the page."""

    term: str
    value: object
    href: str = ""
    lang: str = ""
    hint: str = ""


def facts(lines: Iterable[Fact | tuple[str, object]], *, wide: bool = False) -> SafeString:
    """A definition list; values that are None or empty are shown as not known."""
    made = [line if isinstance(line, Fact) else Fact(*line) for line in lines]
    return _made(
        "facts",
        wide=wide,
        lines=[(one, one.value if isinstance(one.value, SafeString) else shown(one.value))
               for one in made],
    )  # fmt: skip


# Tables ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its words, whether it holds numbers, and by which name it can be sorted."""

    label: str
    sort: str = ""
    numeric: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """What stands in a table at one place. `value` may be a component."""

    value: object = ""
    href: str = ""
    tone: Tone | None = None  # shown as a badge
    lang: str = ""
    note: str = ""
    nowrap: bool = False

    @property
    def text(self) -> str:
        """The value as people read it."""
        return self.value if isinstance(self.value, SafeString) else shown(self.value)


@dataclass(frozen=True)
class Row:
    """Cells in the order of the columns; the first one is the row's header.

    `key` is what selecting the row sends; `name` says in words what is selected.
    """

    cells: Sequence[Cell | object]
    key: str = ""
    name: str = ""
    tone: Tone | None = None


@dataclass(frozen=True, kw_only=True)
class Paging:
    """Where in a list one is. `total` None: not counted; `capped`: there are more than `total`."""

    first: int
    last: int
    total: int | None = None
    capped: bool = False
    previous: str = ""
    next: str = ""

    @property
    def words(self) -> str:
        """The place in the list as a sentence."""
        values = {
            "first": number(self.first),
            "last": number(self.last),
            "total": "" if self.total is None else number(self.total),
        }
        if self.total is None:
            return _("Rows %(first)s to %(last)s") % values
        if self.capped:
            return _("Rows %(first)s to %(last)s of more than %(total)s") % values
        return _("Rows %(first)s to %(last)s of %(total)s") % values


@dataclass(frozen=True)
class _Header:
    column: Column
    href: str
    direction: str  # "", "ascending", "descending"


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    address: Address | None = None,
    sort: str = "",
    paging: Paging | None = None,
    selects: str = "",
    selected: frozenset[str] = frozenset(),
    hide_caption: bool = False,
    empty_text: str = "",
    foot: Sequence[Cell | object] = (),
    dense: bool = False,
) -> SafeString:
    """Rows under scoped headers; `dense` keeps the notes of cells on the line.

    With `address`, columns that have a `sort` name become links that keep the rest of the state; `sort` is the
    present one, `-name` for descending. With `selects`, each row has a checkbox of that name (put the table into
    a form); `?pick=all` selects the page without JavaScript.
    """
    headers = [_header(column, address, sort) for column in columns]
    return _made(
        "table",
        caption=caption,
        headers=headers,
        rows=[_row(row, columns, selects, row.key in selected) for row in rows],
        paging=paging if rows else None,
        selects=selects,
        pick_all=str(address.having(pick="all")) if address else "",
        pick_none=str(address.without("pick")) if address else "",
        hide_caption=hide_caption,
        dense=dense,
        empty_text=empty_text or _("Nothing here."),
        span=len(columns) + bool(selects),
        foot=_cells(foot, columns),
    )


def _header(column: Column, address: Address | None, sort: str) -> _Header:
    if not column.sort or address is None:
        return _Header(column, "", "")
    direction = {column.sort: "ascending", f"-{column.sort}": "descending"}.get(sort, "")
    turned = f"-{column.sort}" if direction == "ascending" else column.sort
    return _Header(
        column, str(address.without("after", "before", "n", "page").having(sort=turned)), direction
    )


# Rows are made in Python, not by a template: a page of fifty rows has five hundred cells.


def _row(row: Row, columns: Sequence[Column], selects: str, is_selected: bool) -> SafeString:
    picked = SafeString("")
    if selects:
        picked = format_html(
            '<td class="pick"><input type="checkbox" name="{}" value="{}" aria-label="{}"{}></td>',
            selects,
            row.key,
            _("Select %(name)s") % {"name": row.name},
            SafeString(" checked") if is_selected else "",
        )
    tone = format_html(' class="{}"', row.tone) if row.tone else ""
    return format_html("<tr{}>{}{}</tr>", tone, picked, _cells(row.cells, columns))


def _cells(cells: Sequence[Cell | object], columns: Sequence[Column]) -> SafeString:
    pairs = zip(columns, cells, strict=True) if cells else ()
    return format_html_join(
        "",
        "{}",
        (
            (_cell(column, cell if isinstance(cell, Cell) else Cell(cell), is_first=number == 0),)
            for number, (column, cell) in enumerate(pairs)
        ),
    )


def _cell(column: Column, cell: Cell, *, is_first: bool) -> SafeString:
    look = "numeric" if column.numeric else "nowrap" if cell.nowrap else ""
    return format_html(
        '<th scope="row"{}>{}{}</th>' if is_first else "<td{}>{}{}</td>",
        format_html(' class="{}"', look) if look else "",
        _content(cell),
        format_html(' <span class="note">{}</span>', cell.note) if cell.note else "",
    )


def _content(cell: Cell) -> str:
    text, lang = cell.text, format_html(' lang="{}"', cell.lang) if cell.lang else ""
    if cell.tone:
        return format_html('<span class="badge {}">{}</span>', cell.tone, text)
    if cell.href:
        return format_html('<a href="{}"{}>{}</a>', cell.href, lang, text)
    return format_html("<span{}>{}</span>", lang, text) if lang else text


def pagination(paging: Paging) -> SafeString:
    """Previous, the place in words, next."""
    return _made("pagination", paging=paging)


@dataclass(frozen=True)
class _Chosen:
    words: str
    href: str


def filters(
    form: BaseForm,
    address: Address,
    *,
    more: Sequence[str] = (),
    keeps: Sequence[str] = ("sort",),
) -> SafeString:
    """A filter bar: one GET form, the chosen filters as words that can be taken away one by one.

    Fields named in `more` are folded away until one of them is chosen.
    """
    names = list(form.fields)
    chosen = [
        _Chosen(
            words=_("%(field)s: %(value)s")
            % {"field": form.fields[name].label or name, "value": _chosen_word(form, name, value)},
            href=str(Address(address.path, tuple(p for p in address.params if p != (name, value)))
                     .without("after", "before", "n", "page")),
        )
        for name, value in address.params
        if name in names
    ]  # fmt: skip
    hidden = [(name, value) for name, value in address.params if name in keeps]
    return _made(
        "filters",
        first=[bound for bound in form.visible_fields() if bound.name not in more],
        more=[bound for bound in form.visible_fields() if bound.name in more],
        more_open=any(name in more for name, _value in address.params),
        path=address.path,
        chosen=chosen,
        hidden=hidden,
        clear=str(address.without(*names, "after", "before", "n", "page")),
    )


def _chosen_word(form: BaseForm, name: str, value: str) -> str:
    choices = getattr(form.fields[name], "choices", None) or ()
    for key, word in choices:
        if isinstance(word, list | tuple):
            for inner_key, inner_word in word:
                if str(inner_key) == value:
                    return str(inner_word)
        elif str(key) == value:
            return str(word)
    return value


# Moving about ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tab:
    """One of several views of the same thing, as a link."""

    label: str
    href: str
    current: bool = False
    count: int | None = None


def tabs(links: Sequence[Tab], *, label: str) -> SafeString:
    """Tabs as links; `label` names the choice for those who do not see it."""
    return _made("tabs", links=links, label=label)


def breadcrumb(links: Sequence[tuple[str, str]]) -> SafeString:
    """Where this page lies: (word, address), without the page itself."""
    return _made("breadcrumb", links=links)


@dataclass(frozen=True)
class Download:
    """A file one can take along: what it is, where, and which kind (CSV, XLSX, XML, …)."""

    label: str
    href: str
    kind: str
    note: str = ""


def downloads(files: Sequence[Download], *, label: str = "") -> SafeString:
    """Links to files, each with its kind in words."""
    return _made("downloads", files=files, label=label or _("Download"))


# Forms -----------------------------------------------------------------------------------------


def field_of(bound: BoundField, *, short: bool = False) -> SafeString:
    """A field with its label, hint and errors tied to it."""
    kind = getattr(bound.field.widget, "input_type", "") or bound.field.widget.__class__.__name__
    return _made(
        "field",
        field=bound,
        short=short,
        is_check=kind == "checkbox" and not hasattr(bound.field, "choices"),
        is_group=bound.field.widget.use_fieldset,
    )


def error_summary(*forms: BaseForm | Iterable[BaseForm] | None) -> SafeString:
    """All errors of forms and formsets with links to their fields; takes focus. Nothing without errors."""
    found: list[tuple[str, str]] = []
    for one in _flat(forms):
        if not one.is_bound:
            continue
        found += [("", str(error)) for error in one.non_field_errors()]
        for bound in one:
            found += [(bound.id_for_label or bound.auto_id, str(e)) for e in bound.errors]
    return _made("error_summary", errors=found) if found else SafeString("")


def _flat(forms: Iterable[BaseForm | Iterable[BaseForm] | None]) -> Iterable[BaseForm]:
    for one in forms:
        if isinstance(one, BaseForm):
            yield one
        elif one is not None:
            yield from one


# Time ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened, or will; `by` says who, `until` when an answer is due."""

    at: date | datetime | None
    title: str
    text: str = ""
    by: str = ""
    tone: Tone = "plain"
    href: str = ""
    changes: Sequence[Change] = ()
    future: bool = False


def timeline(events: Sequence[Event]) -> SafeString:
    """Events in the order given, as a list with a line through it."""
    return _made("timeline", events=[(one, shown(one.at)) for one in events])


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of days, both included; an open end reaches the edge of the drawing."""

    start: date
    end: date | None
    label: str
    tone: Tone = "info"
    pattern: Pattern = "solid"
    note: str = ""

    @property
    def days(self) -> int | None:
        """How many days, both ends counted."""
        return (self.end - self.start).days + 1 if self.end else None


@dataclass(frozen=True)
class Lane:
    """Spans drawn on one line."""

    label: str
    spans: Sequence[Span]


@dataclass(frozen=True)
class _Bar:
    x: str
    width: str
    y: int
    tone: str
    pattern: str
    open: bool


@dataclass(frozen=True)
class _Tick:
    x: str
    word: str
    anchor: str


@dataclass(frozen=True)
class _Drawing:
    bars: list[_Bar] = field(default_factory=list)
    ticks: list[_Tick] = field(default_factory=list)
    labels: list[tuple[int, str]] = field(default_factory=list)
    today: str = ""
    height: int = 0


_LANE = 40
_BAR = 16


def spans(
    title: str,
    lanes: Sequence[Lane],
    *,
    name: str,
    today: date | None = None,
    show_list: bool = True,
    language: str = "",
) -> SafeString:
    """Stretches of days drawn to one scale, with the same days in words below.

    `name` makes the ids on the page unique. Without any dated span only the words are there.
    """
    return _made(
        "spans",
        title=title,
        name=name,
        lanes=[
            (lane, [(one, shown(one.start), shown(one.end), one.days) for one in lane.spans])
            for lane in lanes
        ],
        drawing=_drawn(lanes, today),
        show_list=show_list,
        language=language,
    )


def _drawn(lanes: Sequence[Lane], today: date | None) -> _Drawing | None:
    days = [day for lane in lanes for one in lane.spans for day in (one.start, one.end) if day]
    if not days:
        return None
    first, last = min(days), max(days)
    if any(one.end is None for lane in lanes for one in lane.spans):
        last = max(last, today or last, first + timedelta(days=30)) + timedelta(days=20)
    length = max((last - first).days + 1, 1)

    def at(day: date) -> float:
        return (day - first).days * 100 / length

    drawing = _Drawing(height=len(lanes) * _LANE + 28)
    for index, lane in enumerate(lanes):
        top = index * _LANE
        drawing.labels.append((top + 12, lane.label))
        for one in lane.spans:
            x = at(one.start)
            end = at(one.end + timedelta(days=1)) if one.end else 100.0
            drawing.bars.append(
                _Bar(
                    x=f"{x:.3f}%",
                    width=f"{max(end - x, 0.4):.3f}%",
                    y=top + 18,
                    tone=one.tone,
                    pattern=one.pattern,
                    open=one.end is None,
                )
            )
    drawing.ticks.extend(_ticks(first, last, at))
    marked = f"{at(today):.3f}%" if today and first <= today <= last else ""
    return _Drawing(drawing.bars, drawing.ticks, drawing.labels, marked, drawing.height)


def _ticks(first: date, last: date, at: Callable[[date], float]) -> list[_Tick]:
    """At most five marks at the beginnings of months or years."""
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next(
        (s for s in (1, 2, 3, 6, 12, 24, 36, 60, 120) if months / s <= 5),
        math.ceil(months / 60) * 12,
    )
    ticks: list[_Tick] = []
    month = first.year * 12 + first.month - 1
    month += -month % step
    while month <= last.year * 12 + last.month - 1:
        day = date(month // 12, month % 12 + 1, 1)
        if first <= day <= last and at(day) <= 94:
            word = str(day.year) if step >= 12 else formats.date_format(day, "YEAR_MONTH_FORMAT")
            ticks.append(_Tick(f"{at(day):.3f}%", word, "start"))
        month += step
    if not ticks:
        ticks = [_Tick("0%", formats.date_format(first, "SHORT_DATE_FORMAT"), "start")]
    return ticks


# Differences -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A field whose value was `before` and is `after`; None and the empty string are nothing."""

    field: str
    before: object
    after: object

    @property
    def words(self) -> tuple[str, str]:
        """Both values as people read them."""
        return shown(self.before), shown(self.after)


def diff(
    changes: Sequence[Change], *, caption: str, before: str = "", after: str = ""
) -> SafeString:
    """What was and what is, field by field."""
    return _made(
        "diff",
        changes=changes,
        caption=caption,
        before=before or _("Before"),
        after=after or _("After"),
    )


# Long work and charts --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a long work is. `percent` None: the size is not known yet."""

    label: str
    state: str
    tone: Tone
    percent: int | None
    done: int
    total: int | None
    step: str = ""
    running: bool = True
    polls: str = ""  # the address that answers this piece anew
    links: Sequence[tuple[str, str]] = ()
    problem: str = ""
    remedy: str = ""

    @property
    def words(self) -> str:
        """What is done and what is left, as a sentence."""
        if self.total is None:
            return ngettext("%(done)s done", "%(done)s done", self.done) % {
                "done": number(self.done)
            }
        return _("%(done)s of %(total)s done, %(left)s left") % {
            "done": number(self.done),
            "total": number(self.total),
            "left": number(max(self.total - self.done, 0)),
        }


def progress(one: Progress) -> SafeString:
    """A progress bar that polls with htmx; without it the page refreshes itself."""
    return _made("progress", one=one)


def chart(
    title: str,
    drawing: SafeString,
    *,
    table: SafeString,
    definition: str = "",
    csv: str = "",
    is_open: bool = False,
) -> SafeString:
    """The frame of a chart: the picture, what it measures, the same numbers as a table and as CSV.

    `drawing` is an `<svg role="img">` with its own title and description.
    """
    return _made(
        "chart",
        title=title,
        drawing=drawing,
        table=table,
        definition=definition,
        csv=csv,
        is_open=is_open,
    )
