"""Charts as SVG text, drawn from a `Series`: bars, stacked bars, lines, a funnel.

Every chart is a picture with a title and a description that says the numbers; colours are classes of the
style sheet (`chart-1` to `chart-6`, `chart-goal`, `chart-hidden`), so that dark mode and print work. What is
hidden in the series is hatched and never drawn to scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from html import escape

from django.utils import formats

from vaihto.observatory.measures import ALL_MODES, ALLIANCE_ROW, Cell, Row, Series

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 720, 28, 220, 84, 12, 36
HEIGHT_OF_LINES = 300
CHARACTERS_OF_A_LABEL = 30

Say = Callable[[str], str]


def as_it_is(sentence: str) -> str:
    """No translation."""
    return sentence


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its parts by class number, the text at its end, and a goal mark."""

    label: str
    parts: tuple[tuple[int, float], ...]  # class number, value
    text: str
    goal: float | None = None
    hidden: bool = False


def bars(series: Series, *, title: str, year: int, say: Say = as_it_is) -> str:
    """Rates (or persons, where there is no rate) of one year, one bar per institution, with the goal."""
    mode = series.question.mode
    rows = [row for row in series.rows if row.year == year]
    rated = any(row.cells[mode].rate is not None for row in rows)
    drawn = [_bar(row, row.cells[mode], rated=rated) for row in rows]
    return _horizontal(drawn, title=title, unit="" if rated else say(series.unit), whole=rated)


def stacked(series: Series, *, title: str, year: int, say: Say = as_it_is) -> str:
    """Events of one year by mode, one bar per institution."""
    modes = [mode for mode in series.modes if mode != ALL_MODES]
    drawn = []
    for row in series.rows:
        if row.year != year or row.key == ALLIANCE_ROW:
            continue
        cells = [row.cells[mode] for mode in modes]
        drawn.append(
            Bar(
                label=row.label,
                parts=tuple(
                    (number, float(cell.events.number or 0))
                    for number, cell in enumerate(cells, start=1)
                ),
                text=" + ".join(cell.events.text for cell in cells),
                hidden=any(cell.events.is_hidden for cell in cells),
            )
        )
    legend = [(number, say(mode)) for number, mode in enumerate(modes, start=1)]
    return _horizontal(drawn, title=title, unit="", legend=legend)


def breakdown(series: Series, *, title: str, year: int, most: int = 15) -> str:
    """Events of one year by the values of a breakdown, the largest first."""
    rows = [row for row in series.rows if row.year == year and row.key != ALLIANCE_ROW][:most]
    drawn = [
        Bar(
            label=row.label or "–",
            parts=((1, float(row.cells[ALL_MODES].events.number or 0)),),
            text=row.cells[ALL_MODES].events.text,
            hidden=row.cells[ALL_MODES].events.is_hidden,
        )
        for row in rows
    ]
    return _horizontal(drawn, title=title, unit="")


def funnel(steps: Sequence[tuple[str, int]], *, title: str) -> str:
    """What is left after each step, as bars of falling length."""
    drawn = [Bar(label, ((1, float(count)),), str(count)) for label, count in steps]
    return _horizontal(drawn, title=title, unit="")


def lines(series: Series, *, title: str, keys: Sequence[str] = ()) -> str:
    """Rates over the years, one line per institution (all of them, or those in `keys`), with the goal."""
    mode = series.question.mode
    shown = [key for key in series.places() if not keys or key in keys]
    years = sorted({row.year for row in series.rows})
    rated = any(row.cells[mode].rate is not None for row in series.rows)
    points = {
        key: [(row.year, _value(row.cells[mode], rated=rated)) for row in series.of(key)]
        for key in shown
    }
    goals = [
        (row.year, float(row.cells[mode].goal or 0) * 100)
        for row in series.of(shown[-1])
        if row.cells[mode].goal is not None and rated
    ] if shown else []  # fmt: skip
    values = [value for line in points.values() for _year, value in line if value is not None]
    top = _round_up(max([*values, *(value for _year, value in goals), 1.0]))
    labels = {row.key: row.label for row in series.rows}
    unit = "%" if rated else ""
    spoken = [
        f"{labels[key]}: "
        + ", ".join(f"{year} {_number(value)}{unit if value is not None else ''}" for year, value in line)
        for key, line in points.items()
    ]  # fmt: skip
    body = [*_grid(years, top, unit)]
    if goals:
        body.append(_path(goals, years, top, "chart-goal"))
    for number, key in enumerate(shown):
        body += _line(points[key], years, top, number % 6 + 1)
    height = HEIGHT_OF_LINES + 24 * ((len(shown) + 2) // 3)
    body += _legend(
        [(number % 6 + 1, labels[key]) for number, key in enumerate(shown)], HEIGHT_OF_LINES
    )
    return _picture(title, "; ".join(spoken), height, body)


# --- Parts -------------------------------------------------------------------------------------


def _value(cell: Cell, *, rated: bool) -> float | None:
    if rated:
        return float(cell.rate) * 100 if cell.rate is not None else None
    return float(cell.persons.number) if cell.persons.number is not None else None


def _bar(row: Row, cell: Cell, *, rated: bool) -> Bar:
    value = _value(cell, rated=rated)
    number = 2 if row.key == ALLIANCE_ROW else 1
    return Bar(
        label=row.label,
        parts=((number, value or 0.0),),
        text=cell.persons.text if value is None else f"{_number(value)}{' %' if rated else ''}",
        goal=float(cell.goal) * 100 if cell.goal is not None and rated else None,
        hidden=value is None,
    )


def _horizontal(
    drawn: Sequence[Bar],
    *,
    title: str,
    unit: str,
    legend: Sequence[tuple[int, str]] = (),
    whole: bool = False,
) -> str:
    largest = max(
        [*(sum(value for _number, value in bar.parts) for bar in drawn),
         *(bar.goal or 0.0 for bar in drawn), 1.0]
    )  # fmt: skip
    top = min(_round_up(largest), 100.0) if whole else _round_up(largest)
    scale = (WIDTH - LEFT - RIGHT) / top
    body: list[str] = []
    for place, bar in enumerate(drawn):
        y = TOP + place * ROW
        body.append(
            f'<text class="chart-label" x="{LEFT - 8}" y="{y + 17}" text-anchor="end">'
            f"{escape(_cut(bar.label))}</text>"
        )
        x = float(LEFT)
        for number, value in bar.parts:
            width = min(value, top) * scale
            if width > 0:
                body.append(
                    f'<rect class="chart-{number}" x="{x:.1f}" y="{y + 4}" '
                    f'width="{width:.1f}" height="{ROW - 10}"/>'
                )
            x += width
        if bar.hidden:
            body.append(
                f'<rect class="chart-hidden" x="{x:.1f}" y="{y + 4}" width="14" '
                f'height="{ROW - 10}"/>'
            )
            x += 14
        body.append(
            f'<text class="chart-value" x="{x + 6:.1f}" y="{y + 17}">{escape(bar.text)}</text>'
        )
        if bar.goal is not None:
            at = LEFT + min(bar.goal, top) * scale
            body.append(
                f'<line class="chart-goal" x1="{at:.1f}" x2="{at:.1f}" y1="{y}" y2="{y + ROW}"/>'
            )
    height = TOP + len(drawn) * ROW + BOTTOM
    body += _legend(legend, TOP + len(drawn) * ROW + 8)
    height += 24 * (len(legend) // 3)
    spoken = "; ".join(f"{bar.label}: {bar.text}" for bar in drawn)
    return _picture(title, f"{spoken} {unit}".strip(), height, body)


def _grid(years: Sequence[int], top: float, unit: str) -> list[str]:
    parts = []
    for step in range(5):
        value = top * step / 4
        y = _y(value, top)
        parts.append(
            f'<line class="chart-grid" x1="48" x2="{WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text class="chart-axis" x="42" y="{y + 4:.1f}" text-anchor="end">'
            f"{_number(value)}{unit}</text>"
        )
    parts += [
        f'<text class="chart-axis" x="{_x(year, years):.1f}" y="{HEIGHT_OF_LINES - 8}" '
        f'text-anchor="middle">{year}</text>'
        for year in years
    ]
    return parts


def _line(
    points: Sequence[tuple[int, float | None]], years: Sequence[int], top: float, number: int
) -> list[str]:
    """The line of one institution; it is broken where a value is hidden."""
    parts, stretch = [], list[tuple[int, float]]()
    for year, value in [*points, (0, None)]:
        if value is not None:
            stretch.append((year, value))
            continue
        if len(stretch) > 1:
            parts.append(_path(stretch, years, top, f"chart-line chart-stroke-{number}"))
        stretch = []
    parts += [
        f'<circle class="chart-{number}" cx="{_x(year, years):.1f}" cy="{_y(value, top):.1f}" r="4"/>'
        for year, value in points
        if value is not None
    ]
    return parts


def _path(
    points: Sequence[tuple[int, float]], years: Sequence[int], top: float, classes: str
) -> str:
    where = " ".join(f"{_x(year, years):.1f},{_y(value, top):.1f}" for year, value in points)
    return f'<polyline class="{classes}" points="{where}" fill="none"/>'


def _x(year: int, years: Sequence[int]) -> float:
    span = max(years[-1] - years[0], 1)
    if len(years) == 1:
        return WIDTH / 2
    return 72 + (WIDTH - 112) * (year - years[0]) / span


def _y(value: float, top: float) -> float:
    return HEIGHT_OF_LINES - 32 - (HEIGHT_OF_LINES - 52) * min(value, top) / top


def _legend(entries: Sequence[tuple[int, str]], y: float) -> list[str]:
    parts = []
    for place, (number, label) in enumerate(entries):
        x, line = 16 + place % 3 * 232, y + place // 3 * 24
        parts.append(
            f'<rect class="chart-{number}" x="{x}" y="{line:.0f}" width="14" height="14"/>'
        )
        parts.append(
            f'<text class="chart-label" x="{x + 20}" y="{line + 12:.0f}">{escape(_cut(label))}</text>'
        )
    return parts


def _picture(title: str, description: str, height: float, body: Sequence[str]) -> str:
    mark = blake2b(f"{title}\n{description}".encode(), digest_size=6).hexdigest()
    return (
        f'<svg class="chart" role="img" aria-labelledby="t{mark} d{mark}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="t{mark}">{escape(title)}</title><desc id="d{mark}">{escape(description)}</desc>'
        f"{''.join(body)}</svg>"
    )


def _cut(label: str) -> str:
    if len(label) <= CHARACTERS_OF_A_LABEL:
        return label
    return f"{label[: CHARACTERS_OF_A_LABEL - 1].rstrip()}…"


def _number(value: float | None) -> str:
    """A number with at most one decimal, as the reader's language writes it."""
    if value is None:
        return "–"
    rounded = round(value, 1)
    return str(formats.localize(int(rounded) if rounded == int(rounded) else rounded))


def _round_up(value: float) -> float:
    """The next pleasant number for the end of an axis."""
    size = 1.0
    while size * 10 <= value:
        size *= 10
    return next((step * size for step in (1, 2, 2.5, 4, 5, 8, 10) if step * size >= value), value)
