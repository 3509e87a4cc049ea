"""Agreements as spreadsheets: out with the rights of the reader, in with a look at what would happen."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vaihto.agreements import words
from vaihto.agreements.models import Agreement
from vaihto.channels import spreadsheet as sheets
from vaihto.channels.models import AgreementFile, Landing
from vaihto.imports.agreements import AT_ONCE, KIND, begin, plans_of, plans_of_file, work_of
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Work
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web import components, work
from vaihto.web.agreements.agreement import trail
from vaihto.web.agreements.editing import places_of
from vaihto.web.components import Cell, Column, Row, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of
from vaihto.web.wording import filled, label, options, shown

MOST_BYTES = 10 * 1024 * 1024
MOST_OUT = 5_000
_TONES: dict[str, Tone] = {
    "created": "good",
    "changed": "info",
    "unchanged": "plain",
    "refused": "bad",
}


def verdict(code: str) -> str:
    """What becomes of something, in a word."""
    return {
        "created": _("created"),
        "changed": _("changed"),
        "unchanged": _("unchanged"),
        "refused": _("refused"),
    }[code]


def spreadsheet(request: Request) -> HttpResponse:
    """The agreements that were chosen (`?one=…` again and again), or all that one may read, as a workbook."""
    if not request.actor.has(May.AGREEMENTS_READ):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    rows = (
        Agreement.objects.visible_to(request.actor)
        .filter(deleted_at__isnull=True)
        .select_related("institution", "partner", "current")
        .order_by("code")
    )
    wanted = [int(one) for one in request.GET.getlist("one") if one.isdecimal() and len(one) < 19]
    if wanted:
        rows = rows.filter(pk__in=wanted)
    answer = HttpResponse(
        sheets.written(rows[:MOST_OUT]),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    answer["Content-Disposition"] = 'attachment; filename="agreements.xlsx"'
    return answer


class BringForm(forms.Form):
    """A file, for which institution, and as whose words."""

    institution = ChoiceField(label=gettext_lazy("Institution"))
    landing = forms.ChoiceField(
        label=gettext_lazy("What comes in"), widget=forms.RadioSelect, initial=Landing.OURS.value
    )
    file = forms.FileField(
        label=gettext_lazy("File"), help_text=gettext_lazy("XLSX or CSV, up to 10 MB.")
    )

    def __init__(self, *args: Any, places: list[Institution], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["landing"].choices = options(Landing)  # type: ignore[attr-defined]
        self.fields["institution"].choices = [  # type: ignore[attr-defined]
            (one.hei_id, name_of(one)) for one in places
        ]
        if len(places) == 1:
            del self.fields["institution"]


def files(request: Request) -> HttpResponse:
    """Brings a spreadsheet; the next page says what it would do."""
    places = places_of(request.actor)
    is_sent = request.method == "POST"
    form = BringForm(
        request.POST if is_sent else None, request.FILES if is_sent else None, places=places
    )
    if is_sent and form.is_valid():
        try:
            kept = _kept(request, form, places)
        except Refusal as refusal:
            tell(form, refusal)
        else:
            return HttpResponseRedirect(reverse("without-ewp:file", args=[kept.pk]))
    before = AgreementFile.objects.filter(institution__in=places).select_related("institution")[:20]
    return page(
        request,
        "guest/files.html",
        status=400 if is_sent else 200,
        heading=_("Agreements by spreadsheet"),
        lead=_("One row for each condition. Nothing is changed before you have seen what would happen."),
        trail=trail(),
        form=form,
        before=components.table(
            _("Files brought lately"),
            [Column(label=_("File")), Column(label=_("Brought")), Column(label=_("As")), Column(label=_("State"))],
            [
                Row(
                    [
                        Cell(one.name, href=reverse("without-ewp:file", args=[one.pk])),
                        Cell(shown(one.at), note=one.by),
                        label(Landing, one.landing),
                        _("done") if one.done_at else _("not carried out"),
                    ]
                )
                for one in before
            ],
            empty_text=_("None yet."),
        ),
    )  # fmt: skip


def _kept(request: Request, form: BringForm, places: list[Institution]) -> AgreementFile:
    given = form.cleaned_data
    place = next((one for one in places if one.hei_id == given.get("institution")), places[0])
    upload = given["file"]
    if upload.size > MOST_BYTES:
        raise sheets.TooManyRows(
            "spreadsheet.size", sentence=_("The file is larger than 10 MB."), field="file"
        )
    content = upload.read()
    # A file that cannot be read is not kept.
    plans_of(content, institution=place, landing=Landing(given["landing"]))
    return sheets.bring(
        actor=request.actor,
        institution=place,
        landing=Landing(given["landing"]),
        name=upload.name,
        content=content,
        digest=hashlib.sha256(content).hexdigest(),
        now=request.now,
    )


def file(request: Request, pk: int) -> HttpResponse:
    """What the file would do, row by row; then does it, and says what became of each agreement."""
    places = places_of(request.actor)
    kept = (
        AgreementFile.objects.filter(pk=pk, institution__in=places)
        .select_related("institution")
        .first()
    )
    if kept is None:
        raise Http404
    if kept.done_at:
        return _done_page(request, kept)
    running = work_of(kept)
    if running is not None and not running.has_ended:
        return _waiting_page(request, kept, running)
    plans = plans_of_file(kept)
    if request.method == "POST":
        if sum(one.verdict in {"created", "changed"} for one in plans) > AT_ONCE:
            begin(actor=request.actor, file=kept)
            return HttpResponseRedirect(reverse("without-ewp:file", args=[pk]))
        told = sheets.carry_out(actor=request.actor, file=kept, plans=plans, now=request.now)
        count = sum(one["verdict"] in {"created", "changed"} for one in told)
        messages.success(
            request,
            ngettext(
                "%(count)s agreement was brought in.",
                "%(count)s agreements were brought in.",
                count,
            )
            % {"count": count},
        )
        return HttpResponseRedirect(reverse("without-ewp:file", args=[pk]))
    counts = {code: sum(one.verdict == code for one in plans) for code in _TONES}
    return page(
        request,
        "guest/file.html",
        heading=kept.name,
        lead=label(Landing, kept.landing),
        trail=trail(),
        kept=kept,
        figures=components.cards(
            [
                components.Figure(label=verdict(code), value=count, tone=_TONES[code])
                for code, count in counts.items()
            ],
            label=_("What would happen"),
        ),
        possible=counts["created"] + counts["changed"],
        refused=counts["refused"],
        failed=running is not None and running.state == Work.State.FAILED,
        table=components.table(
            _("What would happen, row by row"),
            [
                Column(label=_("Row"), numeric=True),
                Column(label=_("Agreement")),
                Column(label=_("What happens")),
                Column(label=_("What is wrong or changes")),
            ],
            [row for one in plans for row in _rows(one)][:2000],
        ),
    )


def _waiting_page(request: Request, kept: AgreementFile, running: Work) -> HttpResponse:
    return page(
        request,
        "guest/waiting.html",
        heading=kept.name,
        lead=label(Landing, kept.landing),
        trail=trail(),
        kept=kept,
        bar=components.progress(work.progress_of(running)),
        refresh=3,
    )


def _result(one: Work) -> tuple[str, str]:
    return _("What became of it"), reverse("without-ewp:file", args=[int(one.subject_id)])


work.shows(KIND, title=lambda _one: _("Bringing agreements in"), result=_result)


def _rows(one: sheets.Plan) -> list[Row]:
    names = {
        each.hei_id: each.name
        for each in (one.partner, one.agreement.institution if one.agreement else None)
        if each is not None
    }
    found = []
    for row in one.rows:
        said = [_problem(problem) for problem in row.problems]
        said += [
            f"{_(words.FIELDS[name])}: {before or '–'} → {after or '–'}"
            for name, before, after in row.changes
        ]
        code = row.verdict if row.problems or not one.problems else "refused"
        if code == "refused" and not row.problems:
            said = [_("Another row of the same agreement is refused.")]
        title = words.summary(row.condition, names) if row.condition else ""
        found.append(
            Row(
                [
                    Cell(row.line),
                    Cell(one.code or _("new"), note=title),
                    Cell(verdict(code), tone=_TONES[code]),
                    " ".join(said),
                ]
            )
        )
    if one.removed and not one.problems:
        found.append(
            Row(
                [
                    Cell("–"),
                    Cell(one.code),
                    Cell(_("removed"), tone="warn"),
                    "; ".join(words.summary(each, names) for each in one.removed),
                ]
            )
        )
    return found


def _problem(one: sheets.Problem) -> str:
    column = _(sheets.COLUMNS[one.column]) if one.column else ""
    text = " ".join(filter(None, (filled(one.sentence, one.facts), filled(one.remedy, one.facts))))
    where = f"{column} “{one.value}”" if column and one.value else column
    return f"{where}: {text}" if where else text


def _done_page(request: Request, kept: AgreementFile) -> HttpResponse:
    return page(
        request,
        "guest/file.html",
        heading=kept.name,
        lead=label(Landing, kept.landing),
        trail=trail(),
        kept=kept,
        table=components.table(
            _("What became of it"),
            [Column(label=_("Agreement")), Column(label=_("What happened")), Column(label=_("Why"))],
            [
                Row(
                    [
                        Cell(
                            one["code"] or _("a proposal of the partner"),
                            href=reverse("agreements:agreement", args=[int(one["agreement"])])
                            if one["agreement"]
                            else "",
                        ),
                        Cell(verdict(one["verdict"]), tone=_TONES[one["verdict"]]),
                        f"{one['sentence']} {one['remedy']}".strip(),
                    ]
                )
                for one in kept.outcome
            ],
        ),
    )  # fmt: skip
