"""Choosing a kind of file, taking its template, handing the file over; and all files that were brought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from vaihto.imports import actions, queries
from vaihto.imports.kinds import Kind, kind_named
from vaihto.imports.models import Batch
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.refusals import NotAllowed, Refusal, Unknown
from vaihto.web import components, turn, work
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Row, Tone
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, orders_of, page_of
from vaihto.web.wording import label, sentence_of

STATE_TONES: dict[str, Tone] = {
    Batch.State.READ: "info",
    Batch.State.PREVIEWED: "warn",
    Batch.State.CONFIRMING: "info",
    Batch.State.DONE: "good",
    Batch.State.REFUSED: "bad",
    Batch.State.UNDOING: "info",
    Batch.State.UNDONE: "plain",
}
_ORDERS: dict[str, Sequence[Order]] = {"made": (Order("made_at"),)}


def kinds_of(actor: Actor) -> list[Kind]:
    """The kinds the actor may bring; nobody who may bring none sees these pages."""
    found = queries.kinds_for(actor)
    if not found:
        raise NotAllowed("not-allowed")
    return found


def places_of(actor: Actor, kind: Kind) -> list[Institution]:
    """Hosted institutions for which the actor may bring files of this kind in."""
    hosted = Institution.objects.hosted()
    within = actor.institutions(kind.may)
    return list(hosted if within is None else hosted.filter(pk__in=within))


def batches(request: Request) -> HttpResponse:
    """All files brought in, newest first, with what became of them."""
    kinds_of(request.actor)
    address = Address.of(request)
    found = Batch.objects.visible_to(request.actor).select_related("institution")
    sort, orders = orders_of(address.get("sort"), _ORDERS, default="-made")
    part = page_of(found, orders, address)
    return page(
        request,
        "imports/batches.html",
        heading=_("Bring files in"),
        lead=_("Every file is shown before anything is written, and can be taken back afterwards."),
        table=components.table(
            _("Files"),
            (
                Column(label=_("File")),
                Column(label=_("Kind")),
                Column(label=_("Institution")),
                Column(label=_("Brought"), sort="made"),
                Column(label=_("By")),
                Column(label=_("Created"), numeric=True),
                Column(label=_("Changed"), numeric=True),
                Column(label=_("Unchanged"), numeric=True),
                Column(label=_("Refused"), numeric=True),
                Column(label=_("State")),
            ),
            [_row(one) for one in part.rows],
            address=address,
            sort=sort,
            hide_caption=True,
            paging=part.paging,
            empty_text=_("No file has been brought in yet."),
        ),
    )


def _row(one: Batch) -> Row:
    return Row(
        (
            Cell(one.name, href=reverse("imports:batch", args=[one.pk])),
            _(kind_named(one.kind).label),
            one.institution.name if one.institution else "",
            one.made_at,
            one.actor_label,
            one.created,
            one.changed,
            one.unchanged,
            Cell(one.refused, tone="bad" if one.refused else None),
            Cell(label(Batch.State, one.state), tone=STATE_TONES[one.state]),
        )
    )


def choose(request: Request) -> HttpResponse:
    """Which kind of file: each with what it holds and its template."""
    return page(
        request,
        "imports/choose.html",
        heading=_("Which file?"),
        trail=((_("Bring files in"), reverse("imports:batches")),),
        kinds=[
            (kind.name, _(kind.label), _(kind.explanation), ", ".join(kind.endings))
            for kind in kinds_of(request.actor)
        ],
        examples=components.downloads(
            [
                Download(one.name, reverse("imports:example", args=[one.name]), "CSV")
                for one in _examples()
            ],
            label=_("Files of the demo"),
        )
        if _examples()
        else "",
    )


def _examples() -> list[Path]:
    """The files that a demo offers to be brought in."""
    if not settings.DEMO:
        return []
    return sorted((Path(settings.DATA) / "demo").glob("*.csv"))


@require_GET
def example(request: Request, name: str) -> FileResponse:
    """One of the demo's files."""
    kinds_of(request.actor)
    found = next((one for one in _examples() if one.name == name), None)
    if found is None:
        raise Unknown("imports.no-such-file", shape=name)
    return FileResponse(found.open("rb"), as_attachment=True, filename=name)


class Upload(forms.Form):
    """The file, and for whom."""

    institution = forms.ChoiceField(label=gettext_lazy("Institution"), required=False)
    file = forms.FileField(label=gettext_lazy("File"), allow_empty_file=True)

    def __init__(
        self, *args: Any, kind: Kind, places: Sequence[Institution], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs["accept"] = ",".join(kind.endings)
        self.fields["file"].help_text = _("%(endings)s, at most %(size)s.") % {
            "endings": ", ".join(kind.endings),
            "size": filesizeformat(settings.UPLOAD_LIMIT_BYTES),
        }
        if kind.for_institution:
            self.fields["institution"].required = True
            self.fields["institution"].choices = [(p.hei_id, p.name) for p in places]  # type: ignore[attr-defined]
        else:
            del self.fields["institution"]


def _kind(request: Request, name: str) -> Kind:
    kind = next((kind for kind in kinds_of(request.actor) if kind.name == name), None)
    if kind is None:
        raise Unknown("imports.unknown-kind", kind=name)
    return kind


def bring(request: Request, kind: str) -> HttpResponse:
    """Hands a file over; it is read in the background and shown before anything is written."""
    known = _kind(request, kind)
    places = places_of(request.actor, known)
    form = Upload(request.POST or None, request.FILES or None, kind=known, places=places)
    if request.method == "POST" and form.is_valid():
        place = next((p for p in places if p.hei_id == form.cleaned_data.get("institution")), None)
        file = form.cleaned_data["file"]
        try:
            made = actions.open_batch(
                actor=request.actor,
                institution=place,
                kind=kind,
                file=file,
                name=file.name,
                now=request.now,
            )
        except Refusal as refusal:
            told = sentence_of(refusal)
            form.add_error("file", f"{told.sentence} {told.remedy}".strip())
        else:
            return redirect("imports:batch", pk=made.pk)
    return page(
        request,
        "imports/bring.html",
        status=400 if form.errors else 200,
        heading=_("Bring in: %(kind)s") % {"kind": _(known.label)},
        lead=_(known.explanation),
        trail=(
            (_("Bring files in"), reverse("imports:batches")),
            (_("Which file?"), reverse("imports:choose")),
        ),
        form=form,
        columns=_columns(known),
        templates=components.downloads(
            [
                Download(
                    _("Template with examples"),
                    reverse("imports:template", args=[kind, shape]),
                    shape.upper(),
                )
                for shape in ("csv", "xlsx")
                if f".{shape}" in known.endings
            ]
        )
        if ".csv" in known.endings
        else "",
    )


def _columns(kind: Kind) -> str:
    declared = getattr(kind, "columns", ())
    if not declared:
        return ""
    return components.table(
        _("Columns"),
        (
            Column(label=_("Column")),
            Column(label=_("Finnish")),
            Column(label=_("Swedish")),
            Column(label=_("What it holds")),
            Column(label=_("Needed")),
            Column(label=_("Example")),
        ),
        [
            Row(
                (
                    Cell(one.name, nowrap=True),
                    Cell(one.fi, lang="fi"),
                    Cell(one.sv, lang="sv"),
                    _(one.says),
                    _("yes") if one.required else "",
                    next((example for example in one.examples if example), ""),
                )
            )
            for one in declared
        ],
        hide_caption=True,
    )


_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@require_GET
def template(request: Request, kind: str, shape: str) -> HttpResponse:
    """A file to fill in, with examples."""
    _kind(request, kind)
    if shape not in _TYPES:
        raise Unknown("imports.no-such-file", shape=shape)
    made = queries.template(kind, shape)
    if not made:
        raise Unknown("imports.no-such-file", shape=shape)
    response = HttpResponse(made, content_type=_TYPES[shape])
    response["Content-Disposition"] = f'attachment; filename="{kind}-template.{shape}"'
    return response


@turn.source
def batches_waiting(actor: Actor, _today: object) -> turn.Queue | None:
    """Files that were read and wait for somebody to confirm them."""
    if actor.sees_everything or not queries.kinds_for(actor):
        return None
    waiting = Batch.objects.visible_to(actor).confirmable()
    total = waiting.order_by()[:101].count()
    return turn.Queue(
        key="imports",
        title=_("Files to confirm"),
        why=_("They were read and nothing is written yet."),
        lines=[
            turn.Waiting(
                title=one.name,
                href=reverse("imports:batch", args=[one.pk]),
                about=_(kind_named(one.kind).label),
                since=one.made_at.date(),
                deed=_("Look"),
            )
            for one in waiting[: turn.LIMIT]
        ],
        total=min(total, 100),
        capped=total > 100,
        all_href=reverse("imports:batches"),
    )


def _result(one: Work) -> tuple[str, str]:
    return _("See the file"), reverse("imports:batch", args=[int(one.subject_id)])


work.shows("imports.preview", title=lambda _one: _("Reading a file"), result=_result)
work.shows("imports.confirm", title=lambda _one: _("Bringing a file in"), result=_result)
work.shows("imports.undo", title=lambda _one: _("Taking a file back"), result=_result)
