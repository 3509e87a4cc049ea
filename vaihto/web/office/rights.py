"""A study right: its states, spells and primacy drawn to scale, and the two actions upon it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.classification.models import Period
from vaihto.codes import (
    FUNDING_SOURCE,
    HEI,
    STUDY_RIGHT_CLASSIFICATION,
    STUDY_RIGHT_STATE,
    STUDY_RIGHT_TYPE,
)
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
from vaihto.people import actions
from vaihto.people.facts import PrimacyFacts, SpellFacts, StateFacts, StudyRightFacts
from vaihto.people.models import StudentRecord, StudyRight
from vaihto.refusals import NotAllowed, Refusal, Unknown
from vaihto.transcripts.models import Attainment
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Lane, Row, Span
from vaihto.web.deeds import events
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.office.mobility import name_in
from vaihto.web.wording import sentence_of

_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
ACTIVE = "1"
JOINT, DOUBLE = "6", "7"


def seen_right(actor: Actor, pk: int) -> StudyRight:
    """The right with its timelines, or `Unknown` for those who may not know of it."""
    right = (
        StudyRight.objects.filter(
            pk=pk, student__in=StudentRecord.objects.visible_to(actor).values("pk")
        )
        .select_related("student__person", "student__unit", "institution")
        .prefetch_related("states", "spells", "primacies")
        .first()
    )
    if right is None:
        raise Unknown("study-right.unknown")
    return right


def may_edit(actor: Actor, student: StudentRecord) -> bool:
    """May the actor change this student's rights?"""
    return any(
        grant.institution_id == student.institution_id
        and (grant.unit_ids is None or student.unit_id in grant.unit_ids)
        for grant in actor.reach(May.PEOPLE_EDIT)
    )


def _require_edit(actor: Actor, student: StudentRecord) -> None:
    if not may_edit(actor, student):
        raise NotAllowed("not-allowed", may=str(May.PEOPLE_EDIT))


def lanes_of(right: StudyRight, *, with_key: bool = False) -> list[Lane]:
    """States, spells and primacy of a right as lines of a drawing."""
    language = get_language() or "en"
    name = (
        _("Right %(key)s") % {"key": right.key}
        if with_key
        else STUDY_RIGHT_TYPE.name(right.type, language)
    )
    lanes = [
        Lane(
            name,
            [
                Span(
                    start=right.start,
                    end=right.end,
                    label=STUDY_RIGHT_TYPE.name(right.type, language),
                    tone="plain",
                    note=right.key,
                )
            ],
        ),
        Lane(
            _("States"),
            [
                Span(
                    start=state.start,
                    end=state.end,
                    label=STUDY_RIGHT_STATE.name(state.code, language),
                    tone="good" if state.code == ACTIVE else "warn",
                    pattern="solid" if state.code == ACTIVE else "outline",
                )
                for state in right.states.all()
            ],
        ),
        Lane(
            _("Spells"),
            [
                Span(
                    start=spell.start,
                    end=spell.end,
                    label=name_in(spell.names, language) or spell.education_code or spell.module,
                    tone="info",
                    pattern="hatched" if {JOINT, DOUBLE} & set(spell.classifications) else "solid",
                    note=", ".join(
                        STUDY_RIGHT_CLASSIFICATION.name(code, language)
                        for code in spell.classifications
                    ),
                )
                for spell in right.spells.all()
            ],
        ),
        Lane(
            _("Primary"),
            [
                Span(start=one.start, end=one.end, label=_("Primary right"), tone="good")
                for one in right.primacies.all()
            ],
        ),
    ]
    return [lane for lane in lanes if lane.spans]


def right(request: Request, pk: int) -> HttpResponse:
    """The page of a study right."""
    one = seen_right(request.actor, pk)
    language = get_language() or "en"
    student = one.student
    can_edit = may_edit(request.actor, student)
    spells = list(one.spells.all())
    is_office = request.actor.has(May.PEOPLE_READ, one.institution_id)
    entries = list(Entry.objects.about(one)[:50]) if is_office else []
    periods = Period.objects.visible_to(request.actor).filter(right=one).select_related("side")
    return page(
        request,
        "office/right.html",
        heading=_("Study right %(key)s") % {"key": one.key},
        lead=_("%(person)s, %(place)s")
        % {"person": student.person.full_name or student.key, "place": one.institution.name},
        trail=_trail(request.actor, student),
        right=one,
        student=student,
        facts=components.facts(
            [
                Fact(_("Type"), STUDY_RIGHT_TYPE.name(one.type, language)),
                Fact(_("First day"), one.start),
                Fact(_("Last day"), one.end),
                Fact(_("Student"), student.key),
                Fact(_("Institution"), one.institution.name),
                Fact(_("Granted by"), _granter(one, language)),
            ]
        ),
        days=components.spans(
            _("The right to scale"), lanes_of(one), name="right", today=request.today
        ),
        spells=_spells(spells, language) if spells else None,
        periods=_periods(periods),
        attainments=_attainments(request.actor, one, language),
        timeline=components.timeline(events(entries)) if entries else None,
        can_edit=can_edit,
        can_give_up=can_edit and any(DOUBLE in s.classifications for s in spells),
    )


def _granter(one: StudyRight, language: str) -> str:
    """Who granted the right; mostly the institution itself."""
    if one.granted_by in {"", one.institution.national_code}:
        return one.institution.name
    return HEI.name(one.granted_by, language)


def _trail(actor: Actor, student: StudentRecord) -> list[tuple[str, str]]:
    if not actor.has(May.PEOPLE_READ):
        return [(_("My data"), reverse("student:own"))]
    return [
        (_("People"), reverse("office:people")),
        (
            student.person.full_name or student.key,
            reverse("office:person", args=[student.person_id]),
        ),
    ]


def _spells(spells: Sequence[Any], language: str) -> object:
    return components.table(
        _("Spells"),
        [
            Column(label=_("Education")),
            Column(label=_("First day")),
            Column(label=_("Last day")),
            Column(label=_("Classification")),
            Column(label=_("Funding")),
            Column(label=_("Language")),
        ],
        [
            Row(
                [
                    Cell(
                        name_in(s.names, language) or s.education_code or s.module or "–",
                        note=s.education_code,
                    ),
                    Cell(s.start, nowrap=True),
                    Cell(s.end, nowrap=True),
                    ", ".join(
                        STUDY_RIGHT_CLASSIFICATION.name(code, language)
                        for code in s.classifications
                    ),
                    FUNDING_SOURCE.name(s.funding_source, language),
                    s.language,
                ]
            )
            for s in spells
        ],
    )


def _periods(periods: Any) -> object:
    rows = [
        Row(
            [
                Cell(p.key, href=reverse("office:mobility", args=[p.side.mobility_id])),
                Cell(p.start, nowrap=True),
                Cell(p.end, nowrap=True),
                p.days,
            ]
        )
        for p in periods[:100]
    ]
    if not rows:
        return None
    return components.table(
        _("Mobility periods on this right"),
        [
            Column(label=_("Period")),
            Column(label=_("First day")),
            Column(label=_("Last day")),
            Column(label=_("Days"), numeric=True),
        ],
        rows,
    )


def _attainments(actor: Actor, one: StudyRight, language: str) -> object:
    rows = [
        Row(
            [
                Cell(name_in(item.names, language) or item.key, note=item.key),
                item.credits,
                Cell(item.completed_on, nowrap=True),
                Cell(_("Degree"), tone="good") if item.is_degree else "",
            ]
        )
        for item in Attainment.objects.visible_to(actor)
        .filter(right=one)
        .order_by("-kind", "completed_on", "pk")[:100]
    ]
    if not rows:
        return None
    return components.table(
        _("Attainments"),
        [
            Column(label=_("Name")),
            Column(label=_("Credits"), numeric=True),
            Column(label=_("Completed")),
            Column(label=_("Degree")),
        ],
        rows,
    )


# Actions ---------------------------------------------------------------------------------------


class GiveUpForm(forms.Form):
    """When the student stopped aiming at the double degree, and why."""

    on = forms.DateField(
        label=gettext_lazy("Last day of the aim"),
        widget=_DAY,
        help_text=gettext_lazy(
            "The spell classified as double degree ends on this day; a new one begins the next day."
        ),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, required=False)


def give_up(request: Request, pk: int) -> HttpResponse:
    """The student stops aiming at the double degree (V23)."""
    one = seen_right(request.actor, pk)
    _require_edit(request.actor, one.student)
    form = GiveUpForm(
        request.POST if request.method == "POST" else None, initial={"on": request.today}
    )
    back = reverse("office:right", args=[one.pk])
    if request.method == "POST" and form.is_valid():
        try:
            actions.give_up_double_degree(
                actor=request.actor,
                right=one,
                on=form.cleaned_data["on"],
                now=request.now,
                reason=form.cleaned_data["reason"],
            )
        except Refusal as refusal:
            told = sentence_of(refusal)
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, told.sentence)
        else:
            messages.success(request, _("The double degree was given up on this right."))
            return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=_("Give up the double degree"),
        trail=[*_trail(request.actor, one.student), (one.key, back)],
        sentence=_("The study right stays the same; only its classification ends."),
        consequences=[
            _("The spell classified as double degree ends on the day you give."),
            _("A new spell without it begins the next day on the same right."),
            _("Mobility periods are not touched."),
        ],
        form=form,
        deed=_("Give up the double degree"),
        back=back,
        details=components.spans(
            _("The right as it is now"), lanes_of(one), name="now", today=request.today
        ),
    )


class DegreeRightForm(forms.Form):
    """A new right that leads to a degree."""

    key = forms.CharField(label=gettext_lazy("Key of the new right"), max_length=100)
    type = ChoiceField(label=gettext_lazy("Type"))
    start = forms.DateField(label=gettext_lazy("First day"), widget=_DAY)
    end = forms.DateField(label=gettext_lazy("Last day"), widget=_DAY, required=False)
    education_code = forms.CharField(
        label=gettext_lazy("Education code"), max_length=10, required=False
    )
    classification = ChoiceField(label=gettext_lazy("Joint or double degree"), required=False)
    primary = forms.BooleanField(
        label=gettext_lazy("It is the student's primary right from its first day"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = get_language() or "en"
        self.fields["type"].choices = [  # type: ignore[attr-defined]
            (c.code, c.name(language))
            for c in STUDY_RIGHT_TYPE
            if c.facts["degree_leading"] == "yes"
        ]
        self.fields["classification"].choices = [  # type: ignore[attr-defined]
            ("", _("Neither")),
            *((code, STUDY_RIGHT_CLASSIFICATION.name(code, language)) for code in (JOINT, DOUBLE)),
        ]

    def facts(self, student: StudentRecord) -> StudyRightFacts:
        """The right as facts: active from its first day."""
        given = self.cleaned_data
        start: date = given["start"]
        return StudyRightFacts(
            key=given["key"],
            student_key=student.key,
            type=given["type"],
            start=start,
            end=given["end"],
            states=(StateFacts(code=ACTIVE, start=start, end=given["end"]),),
            spells=(
                SpellFacts(
                    start=start,
                    end=given["end"],
                    education_code=given["education_code"],
                    classifications=(given["classification"],) if given["classification"] else (),
                ),
            ),
            primacies=(PrimacyFacts(start=start, end=given["end"]),) if given["primary"] else (),
        )


def add_right(request: Request, pk: int) -> HttpResponse:
    """A new right leading to a degree beside what the student has; an exchange right stays as it is (V02)."""
    student = (
        StudentRecord.objects.visible_to(request.actor)
        .filter(pk=pk)
        .select_related("person", "institution")
        .first()
    )
    if student is None:
        raise Unknown("student.unknown")
    _require_edit(request.actor, student)
    form = DegreeRightForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.add_degree_right(
                actor=request.actor, student=student, facts=form.facts(student), now=request.now
            )
        except Refusal as refusal:
            told = sentence_of(refusal)
            field = str(refusal.facts.get("field", ""))
            form.add_error(field if field in form.fields else None, told.sentence)
        else:
            messages.success(request, _("The new right was added; the others are as they were."))
            return HttpResponseRedirect(reverse("office:right", args=[made.pk]))
    back = reverse("office:person", args=[student.person_id])
    return page(
        request,
        "web/confirm.html",
        heading=_("Add a degree right"),
        lead=_("%(person)s, %(place)s")
        % {"person": student.person.full_name or student.key, "place": student.institution.name},
        trail=_trail(request.actor, student),
        sentence=_("A right that leads to a degree is added beside the rights the student has."),
        consequences=[
            _("An exchange right and its mobility periods stay as they are."),
            _("The new right has a key of its own."),
        ],
        form=form,
        deed=_("Add the right"),
        back=back,
    )
