"""One brought file: how far its reading is, what would happen line by line, confirming, and taking it back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from vaihto.imports import actions, queries
from vaihto.imports.kinds import kind_named
from vaihto.imports.models import Batch
from vaihto.imports.problems import told as told_of
from vaihto.journal.bringing import Verdict
from vaihto.refusals import Unknown
from vaihto.web import components, work
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Figure, Paging, Row, Tab
from vaihto.web.frame import Request, page
from vaihto.web.wording import filled, label, shown

_TABS = (Verdict.REFUSED, Verdict.CREATED, Verdict.CHANGED)


def _visible(request: Request, pk: int) -> Batch:
    found = (
        Batch.objects.visible_to(request.actor).select_related("institution").filter(pk=pk).first()
    )
    if found is None:
        raise Unknown("imports.unknown-batch")
    return found


def batch(request: Request, pk: int) -> HttpResponse:
    """The file with what would happen, or what happened, to its records."""
    one = _visible(request, pk)
    running = queries.work_of(one)
    if one.is_busy and running is not None and not running.has_ended:
        return page(
            request,
            "imports/waiting.html",
            heading=one.name,
            trail=_trail(),
            batch=one,
            bar=components.progress(work.progress_of(running)),
            refresh=3,
        )
    sentence, remedy = told_of(one.refusal) if one.refusal else ("", "")
    address = Address.of(request)
    verdict = _chosen(one, address.get("show"))
    number = int(address.get("page")) if address.get("page").isdecimal() else 1
    fates = queries.fates(one, verdict, page=number) if one.state != Batch.State.REFUSED else None
    return page(
        request,
        "imports/batch.html",
        heading=one.name,
        lead=_(kind_named(one.kind).label),
        trail=_trail(),
        batch=one,
        sentence=sentence,
        remedy=remedy,
        failed=running is not None and running.state == running.State.FAILED,
        facts=components.facts(_facts(one)),
        notes=[filled(sentence, facts) for sentence, facts in one.notes],
        cards=components.cards(_figures(one)),
        confirmable=one.is_confirmable,
        undoable=one.is_undoable,
        good=one.created + one.changed,
        tabs=components.tabs(
            [
                Tab(
                    _WORDS[each](),
                    str(address.without("page").having(show=str(each))),
                    each == verdict,
                    getattr(one, str(each)),
                )
                for each in _TABS
            ],
            label=_("Which records"),
        ),
        table=_table(fates, address) if fates else "",
        downloads=components.downloads(_files(one))
        if one.refused and not one.files_gone_at
        else "",
    )


_WORDS = {
    Verdict.REFUSED: lambda: _("Refused"),
    Verdict.CREATED: lambda: _("Created"),
    Verdict.CHANGED: lambda: _("Changed"),
}


def _trail() -> Sequence[tuple[str, str]]:
    return ((_("Bring files in"), reverse("imports:batches")),)


def _chosen(one: Batch, wanted: str) -> str:
    if wanted in set(map(str, _TABS)):
        return wanted
    return next((str(each) for each in _TABS if getattr(one, str(each))), str(Verdict.CREATED))


def _figures(one: Batch) -> list[Figure]:
    done = one.state in {Batch.State.DONE, Batch.State.UNDONE, Batch.State.UNDOING}
    return [
        Figure(label=_("Created") if done else _("Would be created"), value=one.created),
        Figure(label=_("Changed") if done else _("Would be changed"), value=one.changed),
        Figure(label=_("Unchanged"), value=one.unchanged),
        Figure(label=_("Refused"), value=one.refused, tone="bad" if one.refused else "good"),
    ]


_DESCRIBED = {
    "shape": lambda: _("Shape"),
    "encoding": lambda: _("Encoding"),
    "delimiter": lambda: _("Delimiter"),
    "sheet": lambda: _("Sheet"),
    "document": lambda: _("Document"),
    "records": lambda: _("Records by kind"),
    "schema": lambda: _("Version of the schema"),
}


def _facts(one: Batch) -> list[tuple[str, object]]:
    described = [
        (_DESCRIBED[name]() if name in _DESCRIBED else name, _("tab") if value == "\t" else value)
        for name, value in one.described.items()
        if value
    ]
    return [
        (_("State"), label(Batch.State, one.state)),
        (_("Institution"), one.institution.name if one.institution else _("several")),
        (_("Brought"), one.made_at),
        (_("By"), one.actor_label),
        (_("Size in bytes"), one.size),
        (_("Lines"), one.lines),
        *described,
        *([(_("Brought in"), one.confirmed_at)] if one.confirmed_at else []),
        *([(_("Taken back"), one.undone_at)] if one.undone_at else []),
    ]


def _table(fates: queries.Fates, address: Address) -> str:
    paging = Paging(
        first=(fates.number - 1) * queries.page_size() + 1,
        last=(fates.number - 1) * queries.page_size() + len(fates.fates),
        total=fates.count,
        previous=str(address.having(page=fates.number - 1)) if fates.number > 1 else "",
        next=str(address.having(page=fates.number + 1)) if fates.number < fates.pages else "",
    )
    if fates.verdict == Verdict.REFUSED:
        return components.table(
            _("Refused records"),
            (
                Column(label=_("Line"), numeric=True),
                Column(label=_("Key")),
                Column(label=_("Column")),
                Column(label=_("Value")),
                Column(label=_("What is wrong")),
                Column(label=_("What to do")),
            ),
            [
                Row(
                    (
                        problem.line,
                        fate.key,
                        problem.column,
                        problem.value,
                        problem.what,
                        problem.remedy,
                    )
                )
                for fate in fates.fates
                for problem in fate.problems
            ],
            hide_caption=True,
            empty_text=_("No record is refused."),
            paging=paging,
        )
    return components.table(
        _("Records"),
        (
            Column(label=_("Line"), numeric=True),
            Column(label=_("Key")),
            Column(label=_("Field by field")),
        ),
        [
            Row((fate.line, Cell(fate.key, nowrap=True), _changes(fate.changes) or _values(fate)))
            for fate in fates.fates
        ],
        hide_caption=True,
        empty_text=_("No record."),
        paging=paging,
    )


def _changes(changes: dict[str, list[Any]]) -> str:
    return "; ".join(
        _("%(field)s protected") % {"field": name}
        if before is None and after is None
        else _("%(field)s: %(before)s → %(after)s")
        % {"field": name, "before": _plain(before), "after": _plain(after)}
        for name, (before, after) in changes.items()
    )


def _values(fate: queries.Fate) -> str:
    return "; ".join(
        _("%(field)s protected") % {"field": name}
        if value is None
        else _("%(field)s: %(value)s") % {"field": name, "value": _plain(value)}
        for name, value in fate.values.items()
    )


def _plain(value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " / ".join(_plain(part) for part in value)
    return shown(value)


def _files(one: Batch) -> list[Download]:
    shapes = ("csv", "xlsx") if ".csv" in kind_named(one.kind).endings else ("csv",)
    return [
        Download(
            _("The refused lines, to correct and bring again"),
            reverse("imports:refused", args=[one.pk, shape]),
            shape.upper(),
        )
        for shape in shapes
    ]


@require_POST
def confirm(request: Request, pk: int) -> HttpResponse:
    """Brings the file in: the whole, or only its good lines."""
    one = _visible(request, pk)
    actions.confirm(
        actor=request.actor,
        batch=one,
        mode=request.POST.get("mode", Batch.Mode.ALL_OR_NOTHING),
        now=request.now,
    )
    return redirect("imports:batch", pk=pk)


@require_POST
def undo(request: Request, pk: int) -> HttpResponse:
    """Takes everything back that the file brought, while nothing else touched it."""
    one = _visible(request, pk)
    actions.undo(actor=request.actor, batch=one, now=request.now)
    messages.info(request, _("The file is being taken back."))
    return redirect("imports:batch", pk=pk)


@require_GET
def refused(request: Request, pk: int, shape: str) -> FileResponse:
    """The refused lines as a file, each with what is wrong."""
    one = _visible(request, pk)
    if not one.refused:
        raise Unknown("imports.no-such-file", shape=shape)
    made = queries.refused_lines(one, shape)
    opened = made.open("rb")
    # The open file outlives its name; nothing is left behind on the disk.
    shutil.rmtree(made.parent, ignore_errors=True)
    return FileResponse(opened, as_attachment=True, filename=made.name)
