"""Testing agreements with a partner: eighteen steps in plain words, what is to do now, and the report for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from vaihto.agreements.models import ReceivedCopy
from vaihto.ewp.apis.iias import trials
from vaihto.ewp.apis.iias.steps import ORDER, Deed, State, Step
from vaihto.ewp.explained import Explained
from vaihto.ewp.models import Trial
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Refusal, Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Row, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file
from vaihto.web.frame import Request, page
from vaihto.web.network.pages import blame_badge, moment, remedy, sees_log, sentence
from vaihto.web.network.partner import frame, seen
from vaihto.web.network.report import pdf
from vaihto.web.wording import sentence_of, shown

_REFRESH_SECONDS = 10
_SHORT = 12  # characters of a hash that people compare

# What is done, said of us and of the partner.
_DEEDS: dict[Deed, tuple[Any, Any]] = {
    Deed.CREATE: (
        gettext_lazy("We make an agreement and send word of it"),
        gettext_lazy("The partner makes an agreement and sends word of it"),
    ),
    Deed.CREATE_MORE: (
        gettext_lazy("We make one more agreement and send word of it"),
        gettext_lazy("The partner makes one more agreement and sends word of it"),
    ),
    Deed.INDEX: (
        gettext_lazy("We ask for the partner's list of agreements"),
        gettext_lazy("The partner asks for our list of agreements"),
    ),
    Deed.GET: (
        gettext_lazy("We fetch the partner's copy: id, content and hash are right"),
        gettext_lazy("The partner fetches our copy"),
    ),
    Deed.EDIT: (
        gettext_lazy("We change our copy and send word of it"),
        gettext_lazy("The partner changes its copy and sends word of it"),
    ),
    Deed.EDIT_MORE: (
        gettext_lazy("We change our copy once more and send word of it"),
        gettext_lazy("The partner changes its copy once more and sends word of it"),
    ),
    Deed.GET_EDITED: (
        gettext_lazy("We fetch the partner's changed copy: its new hash is right"),
        gettext_lazy("The partner fetches our changed copy"),
    ),
    Deed.APPROVE: (
        gettext_lazy("We approve the partner's copy and send word of it"),
        gettext_lazy("The partner approves our copy and sends word of it"),
    ),
    Deed.CHECK: (
        gettext_lazy("We ask for the partner's approval: our id and hash stand in it"),
        gettext_lazy("The partner asks for our approval: its id and hash stand in it"),
    ),
}
_STATES: dict[State, tuple[Any, Tone]] = {
    State.DONE: (gettext_lazy("done"), "good"),
    State.OURS: (gettext_lazy("waits for us"), "info"),
    State.PARTNER: (gettext_lazy("waits for the partner"), "warn"),
    State.FAILED: (gettext_lazy("failed"), "bad"),
    State.LATER: (gettext_lazy("later"), "plain"),
}
_ACTS: dict[str, Any] = {
    "create": gettext_lazy("Make it and send word"),
    "take-in": gettext_lazy("Make our copy of it"),
    "index": gettext_lazy("Ask for the list"),
    "get": gettext_lazy("Fetch it now"),
    "edit": gettext_lazy("Change it and send word"),
    "link": gettext_lazy("They are the same one"),
    "take-theirs": gettext_lazy("Take the partner's terms over"),
    "check": gettext_lazy("Ask for the approval"),
}


def deed_words(step: Step) -> str:
    """What is done in a step, as a sentence."""
    return str(_DEEDS[step.deed][0 if step.ours else 1])


def state_words(step: Step) -> tuple[str, Tone]:
    """The state and its colour."""
    word, tone = _STATES[step.state]
    return str(word), tone


def told(step: Step) -> str:
    """What is to do or what is wrong, and what to do about it, in the reader's language."""
    found = Explained(step.sentence, step.remedy, step.blame, step.facts)
    return " ".join(part for part in (sentence(found), remedy(found)) if part)


def _passed(steps: Sequence[Step]) -> int:
    return sum(step.state is State.DONE for step in steps)


# All trials with a partner -------------------------------------------------------------------------


class StartForm(forms.Form):
    """Which institution of ours, who begins, and that the partner knows."""

    institution = ChoiceField(label=gettext_lazy("Institution"))
    begins = forms.ChoiceField(
        label=gettext_lazy("Who begins"),
        widget=forms.RadioSelect,
        initial="ours",
        choices=[
            ("ours", gettext_lazy("We make the first agreement")),
            ("partner", gettext_lazy("The partner makes the first agreement, after this moment")),
        ],
    )
    told = forms.BooleanField(
        label=gettext_lazy("The partner knows of this test and expects the test agreement"),
        required=False,
        help_text=gettext_lazy(
            "This is the real network: the partner sees the test agreement among its real ones."
        ),
    )

    def __init__(self, data: Any, *, places: Sequence[Institution]) -> None:
        super().__init__(data)
        self.places = {str(one.pk): one for one in places}
        self.fields["institution"].choices = [  # type: ignore[attr-defined]
            (key, one.name) for key, one in self.places.items()
        ]
        if not trials.in_real_network():
            del self.fields["told"]


def _places(actor: Actor) -> list[Institution]:
    """Hosted institutions for which this reader may run a trial."""
    hosted = Institution.objects.hosted().order_by("name")
    return [one for one in hosted if trials.may_run(actor, one)]


def of_partner(request: Request, hei_id: str) -> HttpResponse:
    """Every trial with this partner, and the form that begins one."""
    one = seen(request, hei_id)
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    places = _places(request.actor)
    form = StartForm(request.POST if request.method == "POST" else None, places=places)
    if request.method == "POST":
        if not places:
            raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
        if form.is_valid():
            try:
                trial = trials.start(
                    actor=request.actor,
                    institution=form.places[form.cleaned_data["institution"]],
                    partner=hei_id,
                    we_start=form.cleaned_data["begins"] == "ours",
                    partner_was_told=form.cleaned_data.get("told", False),
                    now=request.now,
                )
            except Refusal as refusal:
                problem = sentence_of(refusal)
                named = refusal.facts.get("field")
                form.add_error(
                    named if named in form.fields else None,
                    f"{problem.sentence} {problem.remedy}".strip(),
                )
            else:
                return HttpResponseRedirect(reverse("network:trial", args=[trial.pk]))
    found = list(
        Trial.objects.visible_to(request.actor)
        .filter(partner__hei_id=hei_id)
        .select_related("institution", "partner")[:100]
    )
    can_start = bool(places) and any(entry.element == "iias" for entry in one.entries)
    return page(
        request,
        "network/trials.html",
        status=400 if form.errors else 200,
        **frame(request, one, "trials"),
        form=form if can_start else None,
        table=components.table(
            _("Tests so far"),
            [
                Column(label=_("Begun")),
                Column(label=_("Institution")),
                Column(label=_("Who begins")),
                Column(label=_("How it stands")),
                Column(label=_("Steps done"), numeric=True),
            ],
            [_trial_row(each, request) for each in found],
            hide_caption=True,
            empty_text=_("No test was made yet."),
        ),
    )


def _trial_row(trial: Trial, request: Request) -> Row:
    steps = trials.standing(trial, now=request.now)
    word, tone = _result(trial, steps)
    return Row(
        [
            Cell(moment(trial.started_at), reverse("network:trial", args=[trial.pk])),
            trial.institution.name,
            _begins(trial),
            Cell(word, tone=tone),
            _("%(done)s of %(all)s") % {"done": _passed(steps), "all": len(ORDER)},
        ]
    )


def _begins(trial: Trial) -> str:
    return _("we") if trial.we_start else _("the partner")


def _result(trial: Trial, steps: Sequence[Step]) -> tuple[str, Tone]:
    if _passed(steps) == len(ORDER):
        return _("every step is done"), "good"
    if any(step.state is State.FAILED for step in steps):
        return _("something failed"), "bad"
    if trial.ended_at is not None:
        return _("ended before it was through"), "warn"
    return _("under way"), "info"


# One trial -----------------------------------------------------------------------------------------


def _trial(request: Request, pk: int) -> Trial:
    if not sees_log(request.actor):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_READ))
    found = (
        Trial.objects.visible_to(request.actor)
        .select_related("institution", "partner")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Unknown("trial.unknown")
    return found


def _frame(trial: Trial) -> dict[str, Any]:
    partner = trial.partner
    return {
        "lead": f"{trial.institution.name} – {partner.name}",
        "trail": [
            (_("Partners in the network"), reverse("network:partners")),
            (partner.name, reverse("network:partner", args=[partner.hei_id])),
            (_("Tests of agreements"), reverse("network:trials", args=[partner.hei_id])),
        ],
    }


def trial(request: Request, pk: int) -> HttpResponse:
    """How each step stands, and what is to do now; looks again by itself while it is under way."""
    one = _trial(request, pk)
    steps = trials.standing(one, now=request.now)
    is_open = one.ended_at is None
    runs = trials.may_run(request.actor, one.institution)
    edits = request.actor.has(May.AGREEMENTS_EDIT, one.institution_id)
    done = _passed(steps)
    word, tone = _result(one, steps)
    agreements = trials.agreements_of(one)
    return page(
        request,
        "network/trial.html",
        heading=_("Test of agreements with %(partner)s") % {"partner": one.partner.name},
        **_frame(one),
        one=one,
        is_open=is_open,
        runs=runs,
        refresh=_REFRESH_SECONDS if is_open and done < len(ORDER) else None,
        result=components.badge(word, tone),
        done=ngettext(
            "%(done)s of %(all)s step is done.", "%(done)s of %(all)s steps are done.", len(ORDER)
        )
        % {"done": done, "all": len(ORDER)},
        now=_tasks(one, steps, request.actor),
        through=done == len(ORDER),
        may_clean=not is_open and edits and one.cleaned_at is None and bool(agreements),
        facts=components.facts(
            [
                Fact(_("Begun"), _("%(when)s by %(who)s") % {"when": moment(one.started_at), "who": one.started_by}),
                *(
                    [Fact(_("Ended"), _("%(when)s by %(who)s") % {"when": moment(one.ended_at), "who": one.ended_by})]
                    if one.ended_at
                    else []
                ),
                Fact(_("Who begins"), _begins(one)),
                Fact(
                    _("Test agreements"),
                    format_html_join(
                        SafeString("<br>"),
                        '<a href="{}">{}</a>',
                        (
                            (reverse("agreements:agreement", args=[each.pk]), each.code)
                            for each in agreements
                        ),
                    )
                    if agreements and request.actor.has(May.AGREEMENTS_READ, one.institution_id)
                    else ", ".join(each.code for each in agreements),
                ),
                *([Fact(_("Taken away"), shown(one.cleaned_at))] if one.cleaned_at else []),
            ]
        ),
        table=components.table(
            _("The eighteen steps"),
            [
                Column(label=_("Step")),
                Column(label=_("State")),
                Column(label=_("When")),
                Column(label=_("What shows it")),
                Column(label=_("What to do, or what is wrong")),
            ],
            [_row(step) for step in steps],
            hide_caption=True,
        ),
    )  # fmt: skip


_DUE = (State.FAILED, State.OURS, State.PARTNER)


def _tasks(trial: Trial, steps: Sequence[Step], actor: Actor) -> list[dict[str, Any]]:
    """What is wrong, then what waits for us, then what waits for the partner."""
    due = sorted((step for step in steps if step.state in _DUE), key=lambda s: _DUE.index(s.state))
    tasks = [_task(trial, step, actor) for step in due]
    pressed = [task for task in tasks if task["deed"] or task["approve"]]
    waiting = [task for task in pressed if task["waits"]] or pressed
    for task in waiting[:1]:
        task["main"] = True
    return tasks


def _task(trial: Trial, step: Step, actor: Actor) -> dict[str, Any]:
    """What is due now: a sentence, whose turn, and what can be pressed."""
    word, tone = state_words(step)
    fault, fault_tone = blame_badge(step.blame)
    is_open = trial.ended_at is None
    approves = actor.has(May.AGREEMENTS_APPROVE, trial.institution_id)
    edits = actor.has(May.AGREEMENTS_EDIT, trial.institution_id)
    asks = step.act in {"index", "get", "check"} and trials.may_run(actor, trial.institution)
    needs = ""
    if is_open and step.act == "approve" and not approves:
        needs = _("Only those who may approve agreements here can do this.")
    elif is_open and step.act and step.act != "approve" and not (edits or asks):
        needs = _("Only those who edit agreements here can do this.")
    return {
        "number": step.number,
        "title": deed_words(step),
        "waits": step.state is State.OURS,
        "ticket": reverse("network:partner-ticket", args=[trial.partner.hei_id])
        if step.blame == "theirs" and step.state is State.FAILED
        else "",
        "state": components.badge(word, tone),
        "told": told(step),
        "fault": components.badge(fault, fault_tone) if step.blame else "",
        "deed": step.act if is_open and step.act in _ACTS and (edits or asks) else "",
        "word": _ACTS.get(step.act, ""),
        "copies": _choice_of_copies(trial) if step.act in {"take-in", "link"} and is_open else [],
        "approve": reverse("agreements:approve", args=[trial.first_id])
        if is_open and step.act == "approve" and approves and trial.first_id
        else "",
        "compare": reverse("agreements:comparison", args=[trial.first_id])
        if step.act == "take-theirs" and trial.first_id and actor.has(May.AGREEMENTS_READ)
        else "",
        "needs": needs,
    }


def _choice_of_copies(trial: Trial) -> list[tuple[int, str]]:
    """Which of the partner's new agreements is the test; asked only where there are several."""
    found: list[ReceivedCopy] = list(trials.proposals(trial)[:20])
    if len(found) < 2:
        return []
    return [(one.pk, f"{_code_of(one)}, {moment(one.first_at)}") for one in found]


def _code_of(received: ReceivedCopy) -> str:
    copy = received.current.copy if received.current else None
    return (copy.author.code if copy else "") or received.iia_id


def _row(step: Step) -> Row:
    word, tone = state_words(step)
    fault = blame_badge(step.blame)[0] if step.blame and step.state is State.FAILED else ""
    return Row(
        [
            Cell(f"{step.number}. {deed_words(step)}"),
            Cell(word, tone=tone),
            Cell(moment(step.at) if step.at else "", nowrap=True),
            Cell(_evidence(step)),
            Cell(
                told(step) if step.state is not State.DONE else "",
                note=_("Whose fault: %(whose)s") % {"whose": fault} if fault else "",
            ),
        ],
        key=str(step.number),
    )


def _evidence(step: Step) -> SafeString:
    parts: list[SafeString] = []
    for one in step.evidence:
        if one.exchange is not None:
            parts.append(
                format_html(
                    '<a href="{}">{}</a>',
                    reverse("network:exchange", args=[one.exchange]),
                    _("exchange %(number)s") % {"number": one.exchange},
                )
            )
        if one.digest:
            parts.append(
                format_html('<code title="{}">{}…</code>', one.digest, one.digest[:_SHORT])
            )
    return format_html_join(" ", "{}", ((part,) for part in parts))


@require_POST
def act(request: Request, pk: int) -> HttpResponse:
    """Does one of our deeds, then shows how it stands."""
    one = _trial(request, pk)
    copy = None
    if (wanted := request.POST.get("copy", "")).isdigit():
        copy = trials.proposals(one).filter(pk=int(wanted)).first()
    try:
        trials.act(
            actor=request.actor,
            trial=one,
            deed=request.POST.get("deed", ""),
            now=request.now,
            copy=copy,
        )
    except NotAllowed:
        raise
    except Refusal as refusal:
        problem = sentence_of(refusal)
        messages.warning(request, f"{problem.sentence} {problem.remedy}".strip())
    else:
        messages.success(request, _("Done. Below stands what is known now."))
    return HttpResponseRedirect(reverse("network:trial", args=[pk]))


def end(request: Request, pk: int) -> HttpResponse:
    """Asks, then keeps the report."""
    one = _trial(request, pk)
    if not trials.may_run(request.actor, one.institution):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    if request.method == "POST":
        trials.end(actor=request.actor, trial=one, now=request.now)
        messages.success(request, _("The test has ended; its report is kept."))
        return HttpResponseRedirect(reverse("network:trial", args=[pk]))
    return _asked(
        request,
        one,
        heading=_("End the test"),
        sentence=_("The eighteen steps are kept as they stand now."),
        consequences=[
            _("Nothing is added to the report afterwards; a new test can be begun."),
            _("The test agreements stay until they are taken away in a step of its own."),
        ],
        word=_("End the test and keep the report"),
        possible=one.ended_at is None,
    )


def clean(request: Request, pk: int) -> HttpResponse:
    """Asks, then takes the test agreements away."""
    one = _trial(request, pk)
    if not request.actor.has(May.AGREEMENTS_EDIT, one.institution_id):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    if request.method == "POST":
        try:
            trials.clean(actor=request.actor, trial=one, now=request.now)
        except Refusal as refusal:
            problem = sentence_of(refusal)
            messages.warning(request, f"{problem.sentence} {problem.remedy}".strip())
        else:
            messages.success(request, _("The test agreements are taken away."))
        return HttpResponseRedirect(reverse("network:trial", args=[pk]))
    return _asked(
        request,
        one,
        heading=_("Take the test agreements away"),
        sentence=_("What was never in force is deleted; what is in force is proposed to be ended."),
        consequences=[
            _("The partner is told of both. What is in force ends when both sides have approved the end."),
            _("Proposals that the partner made during the test and nobody linked are set aside."),
            _("The report of the test stays."),
        ],
        word=_("Take them away"),
        possible=one.ended_at is not None and one.cleaned_at is None,
    )  # fmt: skip


def _asked(
    request: Request,
    one: Trial,
    *,
    heading: str,
    sentence: str,
    consequences: list[str],
    word: str,
    possible: bool,
) -> HttpResponse:
    found = {**_frame(one)}
    return page(
        request,
        "agreements/deed.html",
        heading=heading,
        **found,
        sentence=sentence,
        about=components.facts(
            [
                Fact(_("Institution"), one.institution.name),
                Fact(_("Partner"), one.partner.name),
                Fact(_("Test agreements"), [each.code for each in trials.agreements_of(one)]),
            ]
        ),
        notice="" if possible else components.notice(_("This was done already, or is not due.")),
        consequences=consequences,
        deed=word,
        danger=False,
        possible=possible,
        back=reverse("network:trial", args=[one.pk]),
    )


# The report to take along ----------------------------------------------------------------------------


_HEADER: tuple[str | Promise, ...] = (
    gettext_lazy("Step"),
    gettext_lazy("What is done"),
    gettext_lazy("Who"),
    gettext_lazy("State"),
    gettext_lazy("When (UTC)"),
    gettext_lazy("Number of the request (X-Request-Id)"),
    gettext_lazy("Hash"),
    gettext_lazy("What is wrong or to do"),
    gettext_lazy("Whose fault"),
)


def _report_row(one: Trial, step: Step) -> list[str]:
    who = one.institution if step.ours else one.partner
    return [
        str(step.number),
        deed_words(step),
        f"{who.hei_id} ({'A' if ORDER[step.number - 1][1] else 'B'})",
        state_words(step)[0],
        f"{step.at:%Y-%m-%d %H:%M:%S}" if step.at else "",
        " ".join(each.request_id for each in step.evidence if each.request_id),
        " ".join(each.digest for each in step.evidence if each.digest),
        told(step) if step.state is not State.DONE else "",
        blame_badge(step.blame)[0] if step.state is State.FAILED and step.blame else "",
    ]


def as_csv(request: Request, pk: int) -> HttpResponseBase:
    """The report as a table, in English, which service desks read."""
    one = _trial(request, pk)
    with translation.override("en"):
        header = [str(word) for word in _HEADER]
        rows = [_report_row(one, step) for step in trials.standing(one, now=request.now)]
    return csv_file(f"agreement-test-{one.pk}", header, rows)


def as_pdf(request: Request, pk: int) -> HttpResponse:
    """The report on paper, in English."""
    one = _trial(request, pk)
    steps = trials.standing(one, now=request.now)
    with translation.override("en"):
        rows = [_report_row(one, step) for step in steps]
        until = one.ended_at or request.now
        facts = [
            (_("Partners"), ", ".join(f"{each.name} ({each.hei_id})" for each in (one.institution, one.partner))),
            (_("Who begins"), (one.institution if one.we_start else one.partner).hei_id),
            (_("Begun"), f"{one.started_at:%Y-%m-%d %H:%M} UTC, {one.started_by}"),
            (_("Ended"), f"{one.ended_at:%Y-%m-%d %H:%M} UTC, {one.ended_by}" if one.ended_at
                         else _("not ended; this is how it stands")),
            (_("Test agreements"), ", ".join(f"{each.code} ({each.iia_id})" for each in trials.agreements_of(one))),
            (_("Result"), f"{_passed(steps)} / {len(ORDER)}: {_result(one, steps)[0]}"),
        ]  # fmt: skip
        made = pdf(
            title=_("Test of agreements over EWP"),
            facts=[fact for fact in facts if fact[1]],
            header=[str(word) for word in _HEADER],
            rows=rows,
            day=until.date(),
            author=one.institution.name,
        )
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="agreement-test-{one.pk}.pdf"'
    return answer
