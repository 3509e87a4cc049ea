"""The runs for the warehouse: asking for one, what it found, what changed, and the proof of delivery."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import (
    FileResponse,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from vaihto.classification.models import Period
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
from vaihto.people.models import StudyRight
from vaihto.refusals import Invalid, NotAllowed, Unknown
from vaihto.rules import catalogue
from vaihto.rules.checks import message
from vaihto.transcripts.models import Attainment
from vaihto.virta import actions
from vaihto.virta.checking import problem_of
from vaihto.virta.models import ExportRun, Form
from vaihto.virta.problems import told as problem_told
from vaihto.web import components, turn, work
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Event, Figure, Paging, Row, Tone
from vaihto.web.deeds import deed
from vaihto.web.files import csv_file
from vaihto.web.frame import Frame, Request, page
from vaihto.web.wording import label, sentence_of, shown, told

PAGE = 50
_STATE_TONES: dict[str, Tone] = {
    ExportRun.State.WAITING: "info",
    ExportRun.State.MADE: "good",
    ExportRun.State.REFUSED: "warn",
}
_SEVERITY_TONES: dict[str, Tone] = {"error": "bad", "warning": "warn", "info": "info"}
_SEVERITIES = {
    "error": gettext_lazy("error: stays out"),
    "warning": gettext_lazy("warning"),
    "info": gettext_lazy("for information"),
}
_WHAT = {
    "new": gettext_lazy("new"),
    "changed": gettext_lazy("changed"),
    "gone": gettext_lazy("gone"),
}
_WHAT_TONES: dict[str, Tone] = {"new": "good", "changed": "info", "gone": "warn"}


def finnish_places(actor: Actor, may: May) -> list[Institution]:
    """Hosted Finnish institutions where the actor may do this."""
    hosted = Institution.objects.hosted().exclude(national_code="")
    within = actor.institutions(may)
    return list(hosted if within is None else hosted.filter(pk__in=within))


class Ask(forms.Form):
    """What to make, and of which institution."""

    institution = forms.ChoiceField(label=gettext_lazy("Institution"))
    form = forms.ChoiceField(
        label=gettext_lazy("What to make"),
        initial=Form.PERIODS,
        help_text=gettext_lazy(
            "A batch replaces what was sent before. The mobility periods by themselves are the ordinary file; the "
            "nested whole needs the institution's declaration that every record is here."
        ),
    )
    accept_loss = forms.BooleanField(
        label=gettext_lazy(
            "I have seen which records would be removed from the warehouse; make it all the same"
        ),
        required=False,
    )

    def __init__(self, *args: Any, places: Sequence[Institution], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].choices = [(str(p.pk), p.name) for p in places]  # type: ignore[attr-defined]
        self.fields["form"].choices = [  # type: ignore[attr-defined]
            (form.value, _form_words(form.value)) for form in Form
        ]


def _form_words(form: str) -> str:
    return f"{label(Form, form)} ({form})"


def runs(request: Request) -> HttpResponse:
    """All runs one may read, newest first, and when the next one is due."""
    places = finnish_places(request.actor, May.VIRTA_READ)
    if not places:
        raise NotAllowed("not-allowed")
    address = Address.of(request)
    found = ExportRun.objects.visible_to(request.actor).select_related("institution")
    start = _start(address)
    listed = list(found[start : start + PAGE + 1])
    rows = [_run_row(one) for one in listed[:PAGE]]
    return page(
        request,
        "virta/runs.html",
        heading=_("VIRTA"),
        lead=_("Files for the national warehouse: made, checked, compared, delivered."),
        cards=components.cards([_due(place, request.today) for place in places]),
        may_make=bool(finnish_places(request.actor, May.VIRTA_EXPORT)),
        table=components.table(
            _("Runs"),
            (
                Column(label=_("Made")),
                Column(label=_("Institution")),
                Column(label=_("File")),
                Column(label=_("Records"), numeric=True),
                Column(label=_("Left out"), numeric=True),
                Column(label=_("Changes")),
                Column(label=_("State")),
                Column(label=_("Delivered")),
            ),
            rows,
            hide_caption=True,
            empty_text=_("No file has been made yet."),
            paging=_paging(address, start, len(rows), more=len(listed) > PAGE),
        ),
    )


def _start(address: Address) -> int:
    text = address.get("n")
    return int(text) if text.isdigit() else 0


def _paging(address: Address, start: int, shown_rows: int, *, more: bool) -> Paging | None:
    if not start and not more:
        return None
    return Paging(
        first=start + 1,
        last=start + shown_rows,
        previous=str(address.having(n=max(start - PAGE, 0) or None)) if start else "",
        next=str(address.having(n=start + PAGE)) if more else "",
    )


def _due(place: Institution, today: date) -> Figure:
    last = actions.last_transfer(place)
    if last is None:
        return Figure(
            label=place.name,
            value=_("nothing sent"),
            note=_("Data is sent at least once a month."),
            tone="warn",
        )
    due = actions.next_due(last)
    overdue = today > due
    return Figure(
        label=place.name,
        value=shown(due),
        note=(_("was due; last file %(day)s") if overdue else _("next due; last file %(day)s"))
        % {"day": shown(last)},
        tone="warn" if overdue else "good",
    )


def _run_row(one: ExportRun) -> Row:
    return Row(
        (
            Cell(
                one.made_at or one.asked_at, href=reverse("virta:run", args=[one.pk]), nowrap=True
            ),
            one.institution.name,
            label(Form, one.form),
            sum(one.counts.values()) if one.counts else None,
            one.left_out,
            _changes(one),
            Cell(label(ExportRun.State, one.state), tone=_STATE_TONES[one.state]),
            one.delivered_on,
        )
    )


def _changes(one: ExportRun) -> str:
    if one.state != ExportRun.State.MADE or one.previous_id is None:
        return ""
    return ", ".join(f"{one.difference.get(what, 0)} {word}" for what, word in _WHAT.items())


def ask(request: Request) -> HttpResponse:
    """Choose what to make; it is made in the background."""
    places = finnish_places(request.actor, May.VIRTA_EXPORT)
    if not places:
        raise NotAllowed("not-allowed")
    form = Ask(request.POST or None, places=places)
    problem = None
    if request.method == "POST" and form.is_valid():
        place = next(p for p in places if str(p.pk) == form.cleaned_data["institution"])
        try:
            run = actions.ask_for_export(
                actor=request.actor,
                institution=place,
                form=form.cleaned_data["form"],
                accept_loss=form.cleaned_data["accept_loss"],
                now=request.now,
            )
        except actions.NotEverything as refusal:
            problem = sentence_of(refusal)
        else:
            return redirect("virta:run", pk=run.pk)
    return page(
        request,
        "virta/ask.html",
        status=400 if request.method == "POST" else 200,
        heading=_("Make a file for VIRTA"),
        trail=((_("VIRTA"), reverse("virta:runs")),),
        form=form,
        problem=problem,
    )


def _visible(request: Request, pk: int) -> ExportRun:
    run = (
        ExportRun.objects.visible_to(request.actor)
        .select_related("institution", "previous")
        .filter(pk=pk)
        .first()
    )
    if run is None:
        raise Unknown("virta.unknown-run")
    return run


class Delivery(forms.Form):
    """When the file was handed over, and what proves it."""

    delivered_on = forms.DateField(
        label=gettext_lazy("Day of delivery"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    proof = forms.CharField(
        label=gettext_lazy("Proof"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("The number of the receipt, or who confirmed it and how."),
    )


def run(request: Request, pk: int, *, delivery_form: Delivery | None = None) -> HttpResponse:
    """One run: the file, what the checks found grouped by check, what changed, the delivery."""
    one = _visible(request, pk)
    if one.state == ExportRun.State.WAITING:
        return _waiting(request, one)
    address = Address.of(request)
    language = Frame(request, request.actor).language
    problem = (
        told(one.refusal["sentence"], one.refusal["remedy"], one.refusal["facts"])
        if one.refusal
        else None
    )
    may_export = request.actor.has(May.VIRTA_EXPORT, one.institution_id)
    return page(
        request,
        "virta/run.html",
        status=400 if delivery_form is not None else 200,
        heading=_run_words(one),
        trail=((_("VIRTA"), reverse("virta:runs")),),
        run=one,
        problem=problem,
        made=one.state == ExportRun.State.MADE,
        figures=components.cards(_figures(one)),
        facts=components.facts(_facts(one)),
        downloads=components.downloads(_files(one)) if one.file.exists() else "",
        checks=_checks_table(one, address, language),
        findings=_findings_table(one, address, language),
        has_findings=bool(one.checks),
        difference_total=sum(one.difference.values()) if one.previous_id else 0,
        journal=_journal(one),
        delivery_form=delivery_form
        or (
            Delivery(initial={"delivered_on": request.today})
            if may_export and not one.delivered_on
            else None
        ),
    )


def _run_words(one: ExportRun) -> str:
    return _("%(form)s of %(institution)s, %(day)s") % {
        "form": label(Form, one.form),
        "institution": one.institution.name,
        "day": shown(one.made_at or one.asked_at),
    }


def _waiting(request: Request, one: ExportRun) -> HttpResponse:
    found = Work.objects.filter(pk=one.work_id or 0).first()
    progress = work.progress_of(found) if found else None
    has_stopped = found is not None and found.has_ended
    return page(
        request,
        "virta/waiting.html",
        heading=_run_words(one),
        trail=((_("VIRTA"), reverse("virta:runs")),),
        bar=components.progress(progress) if progress else "",
        refresh=None if has_stopped else 3,
        has_stopped=has_stopped,
        run=one,
    )


def _figures(one: ExportRun) -> list[Figure]:
    counts = {"error": 0, "warning": 0, "info": 0}
    for found in one.checks.values():
        counts[found["severity"]] += found["count"]
    return [
        Figure(label=_("Records in the file"), value=sum(one.counts.values())),
        Figure(
            label=_("Left out because of errors"),
            value=one.left_out,
            tone="bad" if one.left_out else "good",
        ),
        Figure(
            label=_("Warnings"),
            value=counts["warning"],
            tone="warn" if counts["warning"] else "good",
        ),
        Figure(label=_("For information"), value=counts["info"]),
    ]


def _facts(one: ExportRun) -> list[tuple[str, object]]:
    valid = {
        True: components.badge(_("valid"), "good"),
        False: components.badge(_("not valid"), "bad"),
        None: components.badge(_("not checked: the schema is not installed"), "warn"),
    }[one.is_valid]
    return [
        (_("Made by"), one.made_by),
        (_("Official schema"), valid),
        (_("Version of the schema"), one.schema_version),
        (_("Edition of the rules"), one.edition),
        (_("Size in bytes"), one.size),
        (_("SHA-256"), one.digest),
        (
            _("Records by kind"),
            ", ".join(f"{kind} {count}" for kind, count in one.counts.items()),
        ),
        (_("Delivered"), one.delivered_on),
        (_("Proof of delivery"), one.delivery_proof),
    ]


def _files(one: ExportRun) -> list[Download]:
    return [
        Download(_("The file for VIRTA"), reverse("virta:file", args=[one.pk]), "XML"),
        Download(_("What the checks found"), reverse("virta:findings-csv", args=[one.pk]), "CSV"),
    ]


def _checks_table(one: ExportRun, address: Address, language: str) -> str:
    order = {"error": 0, "warning": 1, "info": 2}
    found = sorted(one.checks.items(), key=lambda pair: (order[pair[1]["severity"]], pair[0]))
    return components.table(
        _("Checks"),
        (
            Column(label=_("Check")),
            Column(label=_("What it asks")),
            Column(label=_("Severity")),
            Column(label=_("Records"), numeric=True),
        ),
        [
            Row(
                (
                    Cell(check, href=reverse("rules:rule", args=[check])),
                    catalogue.rule_of(check).title(language),
                    Cell(
                        str(_SEVERITIES[each["severity"]]), tone=_SEVERITY_TONES[each["severity"]]
                    ),
                    Cell(
                        each["count"], href=f"{address.without('n').having(check=check)}#findings"
                    ),
                )
            )
            for check, each in found
        ],
        hide_caption=True,
        empty_text=_("Nothing was found."),
    )


def _findings_table(one: ExportRun, address: Address, language: str) -> str:
    start, check = _start(address), address.get("check")
    lines = _matching(one, check)
    listed = list(itertools.islice(lines, start, start + PAGE + 1))
    links = _links(one.institution_id, listed[:PAGE])
    return components.table(
        _("Findings"),
        (
            Column(label=_("Check")),
            Column(label=_("Severity")),
            Column(label=_("Record")),
            Column(label=_("What is wrong and what to do")),
        ),
        [
            Row(
                (
                    Cell(line["check"], href=reverse("rules:rule", args=[line["check"]])),
                    Cell(
                        str(_SEVERITIES[line["severity"]]), tone=_SEVERITY_TONES[line["severity"]]
                    ),
                    Cell(
                        line["key"] or line["student"] or "–",
                        href=links.get((line["kind"], line["key"]), ""),
                    ),
                    _words(line, language),
                )
            )
            for line in listed[:PAGE]
        ],
        hide_caption=True,
        empty_text=_("Nothing was found."),
        paging=_paging(address, start, len(listed[:PAGE]), more=len(listed) > PAGE),
    )


def _words(line: dict[str, Any], language: str) -> str:
    """What is wrong and what to do: said by the rule, or by the official schema."""
    if "problem" in line["compared"]:
        said = problem_told(problem_of(line["compared"]["problem"]), gettext)
        return f"{said.sentence} {said.remedy}".strip()
    return message(line["check"], line["compared"], language=language)


def _matching(one: ExportRun, check: str) -> Iterator[dict[str, Any]]:
    for start in itertools.count(0, 1000):
        lines = actions.read_lines(one.findings_file, start=start, count=1000)
        yield from (line for line in lines if not check or line["check"] == check)
        if len(lines) < 1000:
            return


def _links(institution_id: int, lines: Sequence[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Where each record that a finding names can be corrected."""
    keys: dict[str, set[str]] = {}
    for line in lines:
        keys.setdefault(line["kind"], set()).add(line["key"])
    links: dict[tuple[str, str], str] = {}
    for kind in ("period", "Liikkuvuusjakso"):
        for key, side in Period.objects.filter(
            institution_id=institution_id, key__in=keys.get(kind, ())
        ).values_list("key", "side__mobility_id"):
            links[kind, key] = reverse("office:mobility", args=[side])
    for kind in ("study_right", "Opiskeluoikeus"):
        for key, pk in StudyRight.objects.filter(
            institution_id=institution_id, key__in=keys.get(kind, ())
        ).values_list("key", "pk"):
            links[kind, key] = reverse("office:right", args=[pk])
    for kind in ("attainment", "Opintosuoritus"):
        for key, person in Attainment.objects.filter(
            institution_id=institution_id, key__in=keys.get(kind, ())
        ).values_list("key", "student__person_id"):
            links[kind, key] = reverse("office:person", args=[person])
    return links


def _journal(one: ExportRun) -> str:
    return components.timeline(
        [
            Event(at=entry.at, title=deed(entry.verb), by=entry.actor_label, text=entry.reason)
            for entry in Entry.objects.about(one)[:20]
        ]
    )


@require_GET
def file(request: Request, pk: int) -> FileResponse:
    """The document itself."""
    one = _visible(request, pk)
    if one.state != ExportRun.State.MADE or not one.file.exists():
        raise Unknown("virta.no-file")
    day = (one.made_at or one.asked_at).date().isoformat()
    return FileResponse(
        one.file.open("rb"),
        as_attachment=True,
        filename=f"{one.form}-{one.institution.national_code}-{day}.xml",
        content_type="application/xml",
    )


@require_GET
def findings_csv(request: Request, pk: int) -> StreamingHttpResponse:
    """Everything the checks found, as a table to take along."""
    one = _visible(request, pk)
    language = Frame(request, request.actor).language
    return csv_file(
        f"findings-{one.pk}",
        (_("Check"), _("Severity"), _("Kind"), _("Key"), _("Student"), _("Finding")),
        (
            (
                line["check"],
                line["severity"],
                line["kind"],
                line["key"],
                line["student"],
                _words(line, language),
            )
            for line in _matching(one, "")
        ),
    )


def difference(request: Request, pk: int) -> HttpResponse:
    """What changed since the file before: new, changed field by field, gone."""
    one = _visible(request, pk)
    address = Address.of(request)
    start = _start(address)
    lines = actions.read_lines(one.difference_file, start=start, count=PAGE + 1)
    links = _links(one.institution_id, lines)
    total = sum(one.difference.values())
    rows = [
        Row(
            (
                Cell(str(_WHAT[line["what"]]), tone=_WHAT_TONES[line["what"]]),
                line["kind"],
                Cell(line["key"], href=links.get((line["kind"], line["key"]), "")),
                "; ".join(
                    _("%(field)s: %(before)s → %(after)s")
                    % {"field": name, "before": before or "–", "after": after or "–"}
                    for name, (before, after) in line["fields"].items()
                ),
            )
        )
        for line in lines[:PAGE]
    ]
    return page(
        request,
        "virta/difference.html",
        heading=_("What changed since the last file"),
        lead=ngettext("%(count)s record", "%(count)s records", total) % {"count": total},
        trail=(
            (_("VIRTA"), reverse("virta:runs")),
            (_run_words(one), reverse("virta:run", args=[one.pk])),
        ),
        previous=one.previous,
        table=components.table(
            _("Differences"),
            (
                Column(label=_("What")),
                Column(label=_("Kind of record")),
                Column(label=_("Key")),
                Column(label=_("Field by field")),
            ),
            rows,
            hide_caption=True,
            empty_text=_("Nothing changed."),
            paging=_paging(address, start, len(rows), more=len(lines) > PAGE),
        ),
    )


def delivery(request: Request, pk: int) -> HttpResponse:
    """Writes down the proof of delivery."""
    one = _visible(request, pk)
    form = Delivery(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.record_delivery(
                actor=request.actor,
                run=one,
                delivered_on=form.cleaned_data["delivered_on"],
                proof=form.cleaned_data["proof"],
                now=request.now,
            )
        except Invalid as refusal:
            field = str(refusal.facts.get("field", "")) or None
            form.add_error(field, sentence_of(refusal).sentence)
        else:
            messages.success(request, _("The delivery is recorded."))
            return HttpResponseRedirect(reverse("virta:run", args=[pk]))
    return run(request, pk, delivery_form=form)


# --- what waits --------------------------------------------------------------------------------


@turn.source
def transfers_due(actor: Actor, today: date) -> turn.Queue | None:
    """Institutions from which nothing went to the warehouse for a calendar month (V04)."""
    waiting = []
    for place in finnish_places(actor, May.VIRTA_EXPORT) if not actor.sees_everything else []:
        if not actions.is_overdue(place, today=today):
            continue
        last = actions.last_transfer(place)
        waiting.append(
            turn.Waiting(
                title=_("File for VIRTA: %(institution)s") % {"institution": place.name},
                href=reverse("virta:ask"),
                about=_("nothing sent yet") if last is None else "",
                since=actions.next_due(last) if last else None,
                tone="warn",
                deed=_("Make the file"),
            )
        )
    return turn.Queue(
        key="virta-due",
        title=_("Files for VIRTA that are due"),
        why=_("Data is sent at least once a month."),
        lines=waiting[: turn.LIMIT],
        total=len(waiting),
        tone="warn",
    )


@turn.source
def deliveries_open(actor: Actor, today: date) -> turn.Queue | None:
    """Files that were made and whose delivery nobody has recorded."""
    places = actor.institutions(May.VIRTA_EXPORT)
    if not places:
        return None
    newest: dict[tuple[int, str], ExportRun] = {}
    for one in (
        ExportRun.objects.made()
        .filter(institution_id__in=places)
        .select_related("institution")
        .order_by("pk")
    ):
        newest[one.institution_id, one.form] = one
    found = [one for one in newest.values() if one.delivered_on is None]
    return turn.Queue(
        key="virta-delivery",
        title=_("Deliveries to record"),
        why=_("The file was made; the proof that it reached the warehouse is not here."),
        lines=[
            turn.Waiting(
                title=_run_words(one),
                href=reverse("virta:run", args=[one.pk]),
                since=one.made_at.date() if one.made_at else None,
                deed=_("Record the delivery"),
            )
            for one in found[: turn.LIMIT]
        ],
        total=len(found),
    )


work.shows(
    "virta.export",
    title=lambda one: _("Making a file for VIRTA"),
    result=lambda one: (_("See the run"), reverse("virta:run", args=[int(one.subject_id)])),
)
