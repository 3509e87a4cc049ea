"""Correcting what an institution stated about a mobility, and the smaller decisions about it.

The form works without JavaScript: "add a row" is a button that sends the form. Input is never lost, also not
when somebody else changed the record in the meantime: the differences are shown, and saving again decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as fields_of
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.forms import BaseFormSet, formset_factory
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.codes import COUNTRY, STUDY_RIGHT_TYPE, country_name
from vaihto.journal.actors import Actor, May
from vaihto.mobilities import actions
from vaihto.mobilities.facts import MobilityFacts, SegmentFacts, VisitFacts
from vaihto.mobilities.models import (
    ChangeReason,
    Direction,
    Kind,
    Mobility,
    Mode,
    Place,
    Programme,
    Purpose,
    Segment,
    Side,
    StaffVisit,
    State,
)
from vaihto.people.models import StudyRight
from vaihto.refusals import NotAllowed, Refusal, Stale, Unknown
from vaihto.web import components
from vaihto.web.account.signing_in import safe_next
from vaihto.web.components import Change
from vaihto.web.deeds import field_word
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.office.mobility import may_edit
from vaihto.web.wording import label, options, sentence_of

_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
_STUDENT_PURPOSES = (Purpose.STUDY, Purpose.TRAINEESHIP, Purpose.COMBINED)
_STAFF_PURPOSES = (Purpose.TEACHING, Purpose.TRAINING, Purpose.RESEARCH)
_YES_NO = {"yes": True, "no": False, "": None}


# Reading the record ----------------------------------------------------------------------------


def seen_side(actor: Actor, pk: int) -> Side:
    """The side to be changed: `Unknown` where it may not be seen, `NotAllowed` where only read."""
    side = (
        Side.objects.visible_to(actor)
        .filter(pk=pk)
        .select_related(
            "institution",
            "unit",
            "nested_in",
            "mobility__person",
            "mobility__sending_institution",
            "mobility__receiving_institution",
            "mobility__visit__employment",
        )
        .first()
    )
    if side is None:
        raise Unknown("mobility.unknown")
    if not may_edit(actor, side):
        raise NotAllowed("not-allowed", may=str(May.MOBILITIES_EDIT))
    return side


def facts_of(side: Side) -> MobilityFacts | VisitFacts:
    """What the institution states now, as the facts it would bring."""
    one = side.mobility
    outgoing = side.direction == Direction.OUTGOING
    other = one.receiving_institution if outgoing else one.sending_institution
    common: dict[str, Any] = {
        "key": side.key,
        "direction": side.direction,
        "purpose": one.purpose,
        "programme": one.programme,
        "action": one.action,
        "call_year": one.call_year,
        "partner": other.hei_id if other else "",
        "partner_country": one.receiving_country if outgoing else one.sending_country,
        "host_organisation": one.host_organisation,
        "state": one.state,
        "unit": side.unit.code if side.unit else "",
    }
    segments = list(one.segments.order_by("start", "pk"))
    if one.kind == Kind.STAFF:
        return _visit_facts(side, segments, common)
    return MobilityFacts(
        **common,
        student_key=side.student_key,
        funding=one.funding,
        part_of_degree=one.part_of_degree,
        planned_blended=one.planned_blended,
        agreed_as_one_whole=one.agreed_as_one_whole,
        change_reason=one.change_reason,
        end_is_estimate=one.end_is_estimate,
        planned_credits=one.planned_credits,
        bip_id=one.bip_id,
        right_key=side.right_key,
        level=side.level,
        home_degree_abroad=side.home_degree_abroad,
        adult_education=side.adult_education,
        nested_in=side.nested_in.key if side.nested_in else "",
        segments=tuple(
            SegmentFacts(
                mode=s.mode,
                place=s.place,
                country=s.country,
                start=s.start,
                end=s.end,
                purpose=s.purpose,
                cancelled=s.cancelled,
            )
            for s in segments
        ),
    )


def _visit_facts(side: Side, segments: Sequence[Segment], common: Mapping[str, Any]) -> VisitFacts:
    visit: StaffVisit | None = getattr(side.mobility, "visit", None)
    first = segments[0] if segments else None
    return VisitFacts(
        **common,
        employment_key=visit.employment.key if visit and visit.employment else "",
        family_name=side.mobility.person.family_name,
        given_names=side.mobility.person.given_names,
        content=visit.content if visit else StaffVisit.Content.OTHER,
        start=side.mobility.start or date.min,
        end=side.mobility.end or date.min,
        started_at=visit.started_at if visit else None,
        ended_at=visit.ended_at if visit else None,
        hours=visit.hours if visit else None,
        teaching_hours=visit.teaching_hours if visit else None,
        virtual=bool(first and first.mode == Mode.VIRTUAL),
    )


# Forms -----------------------------------------------------------------------------------------


def _country_choices() -> list[tuple[str, str]]:
    language = get_language() or "en"
    codes = [c.code for c in COUNTRY if c.facts["accepted_by_schema"] == "yes"]
    named = sorted((country_name(code, language), code) for code in codes)
    return [("", "–"), *((code, name) for name, code in named)]


class YesNoField(ChoiceField):
    """Yes, no, or not known: three answers, because not knowing is one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=[
                ("", gettext_lazy("Not known")),
                ("yes", gettext_lazy("Yes")),
                ("no", gettext_lazy("No")),
            ],
            required=False,
            **kwargs,
        )

    def clean(self, value: Any) -> Any:
        """True, False, or None for not known."""
        return _YES_NO[super().clean(value) or ""]

    def prepare_value(self, value: Any) -> Any:
        """The stored answer as its choice."""
        return {True: "yes", False: "no", None: ""}.get(value, value)


class SideForm(forms.Form):
    """What an institution states about any mobility."""

    purpose = ChoiceField(label=gettext_lazy("Purpose"))
    state = ChoiceField(label=gettext_lazy("State"))
    programme = ChoiceField(label=gettext_lazy("Programme"))
    action = forms.CharField(
        label=gettext_lazy("Action"),
        required=False,
        max_length=20,
        help_text="KA131, KA171, Nordplus",
    )
    call_year = forms.IntegerField(
        label=gettext_lazy("Call year"), required=False, min_value=1987, max_value=2100
    )
    partner = forms.CharField(
        label=gettext_lazy("Partner"),
        required=False,
        max_length=120,
        help_text=gettext_lazy("The institution's domain or Erasmus code."),
    )
    partner_country = ChoiceField(label=gettext_lazy("Partner country"), required=False)
    host_organisation = forms.CharField(
        label=gettext_lazy("Host organisation"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("A workplace, for instance."),
    )
    unit = ChoiceField(label=gettext_lazy("Unit"), required=False)
    reason = forms.CharField(
        label=gettext_lazy("Why it is corrected"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Kept in the journal."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    purposes: Sequence[Purpose] = _STUDENT_PURPOSES

    def __init__(self, side: Side, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.side = side
        choose = self._choose
        choose("purpose", [(str(p.value), label(Purpose, p.value)) for p in self.purposes])
        choose("state", options(State))
        choose("programme", options(Programme))
        choose("partner_country", _country_choices())
        units = list(side.institution.units.order_by("name").values_list("code", "name")[:1000])
        if units:
            choose("unit", [("", "–"), *units])
        else:
            del self.fields["unit"]

    def _choose(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    @property
    def stated(self) -> dict[str, Any]:
        """The fields that go into the facts."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in {"reason", "version"}
        }


class MobilityForm(SideForm):
    """What an institution states about a student's mobility, the segments apart."""

    funding = forms.CharField(label=gettext_lazy("Funding"), required=False, max_length=100)
    right_key = ChoiceField(label=gettext_lazy("Study right"), required=False)
    level = ChoiceField(
        label=gettext_lazy("Level here"),
        required=False,
        help_text=gettext_lazy("The main level of the studies at this institution."),
    )
    home_degree_abroad = YesNoField(label=gettext_lazy("Degree right at a foreign home"))
    part_of_degree = YesNoField(label=gettext_lazy("Part of the degree"))
    planned_credits = forms.DecimalField(
        label=gettext_lazy("Planned credits"),
        required=False,
        min_value=0,
        max_digits=6,
        decimal_places=2,
    )
    change_reason = ChoiceField(label=gettext_lazy("Reason of the change"), required=False)
    bip_id = forms.CharField(
        label=gettext_lazy("Blended intensive programme"), required=False, max_length=60
    )
    nested_in = forms.CharField(
        label=gettext_lazy("Made during"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Key of the incoming stay from which this trip was made."),
    )
    planned_blended = forms.BooleanField(
        label=gettext_lazy("A virtual part was planned and agreed beforehand"), required=False
    )
    agreed_as_one_whole = forms.BooleanField(
        label=gettext_lazy("Parts separated by a virtual stretch are one agreed whole"),
        required=False,
    )
    end_is_estimate = forms.BooleanField(
        label=gettext_lazy("The last day is an estimate"), required=False
    )
    adult_education = forms.BooleanField(label=gettext_lazy("Adult education"), required=False)

    def __init__(self, side: Side, *args: Any, **kwargs: Any) -> None:
        super().__init__(side, *args, **kwargs)
        self._choose("change_reason", options(ChangeReason, empty="–"))
        language = get_language() or "en"
        self._choose(
            "level",
            [("", "–"), *((c.code, f"{c.code} · {c.name(language)}") for c in STUDY_RIGHT_TYPE)],
        )
        rights = StudyRight.objects.filter(student=side.student_id).order_by("start", "pk")
        keys = {
            right.key: f"{right.key} · {STUDY_RIGHT_TYPE.name(right.type, language)}"
            for right in rights
        }
        if side.right_key:
            keys.setdefault(side.right_key, side.right_key)
        self._choose("right_key", [("", "–"), *keys.items()])
        if side.direction == Direction.INCOMING:
            del self.fields["nested_in"]
        else:
            del self.fields["level"], self.fields["home_degree_abroad"]


class VisitForm(SideForm):
    """What an institution states about a staff visit."""

    content = ChoiceField(label=gettext_lazy("Content"))
    start = forms.DateField(label=gettext_lazy("First day"), widget=_DAY)
    end = forms.DateField(label=gettext_lazy("Last day"), widget=_DAY)
    started_at = forms.DateTimeField(
        label=gettext_lazy("Began at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    ended_at = forms.DateTimeField(
        label=gettext_lazy("Ended at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    hours = forms.DecimalField(label=gettext_lazy("Hours"), required=False, min_value=0)
    teaching_hours = forms.DecimalField(
        label=gettext_lazy("Teaching hours"), required=False, min_value=0
    )
    virtual = forms.BooleanField(label=gettext_lazy("Virtual"), required=False)

    purposes = _STAFF_PURPOSES

    def __init__(self, side: Side, *args: Any, **kwargs: Any) -> None:
        super().__init__(side, *args, **kwargs)
        self._choose("content", options(StaffVisit.Content))


class SegmentForm(forms.Form):
    """One dated part; an empty row is no part."""

    mode = ChoiceField(label=gettext_lazy("Mode"), required=False)
    place = ChoiceField(label=gettext_lazy("Place"), required=False)
    country = ChoiceField(label=gettext_lazy("Country"), required=False)
    start = forms.DateField(label=gettext_lazy("First day"), required=False, widget=_DAY)
    end = forms.DateField(label=gettext_lazy("Last day"), required=False, widget=_DAY)
    purpose = ChoiceField(label=gettext_lazy("Purpose"), required=False)
    cancelled = forms.BooleanField(label=gettext_lazy("Cancelled"), required=False)
    remove = forms.BooleanField(label=gettext_lazy("Remove"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("mode", options(Mode, empty="–")),
            ("place", options(Place, empty="–")),
            ("country", _country_choices()),
            ("purpose", options(Segment.Purpose, empty="–")),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Mode and place are asked of a row that is not empty; the last day is not before the first."""
        given = super().clean() or {}
        if given.get("remove") or not self.has_changed():
            return given
        for name in ("mode", "place"):
            if not given.get(name):
                self.add_error(name, _("Choose one."))
        start, end = given.get("start"), given.get("end")
        if start and end and end < start:
            self.add_error("end", _("The last day is before the first."))
        return given

    @property
    def facts(self) -> SegmentFacts | None:
        """The part, or nothing when the row is empty or to be removed."""
        given = self.cleaned_data
        if given.get("remove") or not given.get("mode"):
            return None
        return SegmentFacts(**{name: given[name] for name in _SEGMENT_FIELDS})


_SEGMENT_FIELDS = tuple(field.name for field in fields_of(SegmentFacts))
SegmentForms = formset_factory(SegmentForm, extra=0, max_num=40, absolute_max=60)


def _segment_forms(
    facts: MobilityFacts | VisitFacts, data: Any = None, *, unbound: bool = False, more: int = 0
) -> BaseFormSet[SegmentForm] | None:
    """The rows of segments: as stored, as sent, or as sent with rows added and nothing judged yet."""
    if isinstance(facts, VisitFacts):
        return None
    if data is not None and not unbound:
        return SegmentForms(data, prefix="segments")
    if data is None:
        rows: list[dict[str, Any]] = [
            {name: getattr(part, name) for name in _SEGMENT_FIELDS} for part in facts.segments
        ]
    else:
        count = min(int(data.get("segments-TOTAL_FORMS") or 0), 40)
        rows = [
            {
                name: data.get(f"segments-{number}-{name}", "")
                for name in (*_SEGMENT_FIELDS, "remove")
            }
            for number in range(count)
        ]
    rows += [{} for _each in range(more)]
    return SegmentForms(initial=rows, prefix="segments")


def _form_of(side: Side, *args: Any, **kwargs: Any) -> SideForm:
    kind = VisitForm if side.mobility.kind == Kind.STAFF else MobilityForm
    return kind(side, *args, **kwargs)


def _initial(facts: MobilityFacts | VisitFacts, version: int) -> dict[str, Any]:
    named = {field.name: getattr(facts, field.name) for field in fields_of(facts)}
    return named | {"version": version}


# Pages -----------------------------------------------------------------------------------------


def correct(request: Request, pk: int) -> HttpResponse:
    """The form: shown, a row added, or sent."""
    side = seen_side(request.actor, pk)
    stored = facts_of(side)
    if request.method != "POST":
        form = _form_of(side, initial=_initial(stored, side.mobility.version))
        return _shown(request, side, form, _segment_forms(stored))
    if "add" in request.POST:
        form = _form_of(side, initial=request.POST.dict())
        return _shown(
            request, side, form, _segment_forms(stored, request.POST, unbound=True, more=1)
        )
    form = _form_of(side, request.POST)
    rows = _segment_forms(stored, request.POST)
    if not form.is_valid() or (rows is not None and not rows.is_valid()):
        return _shown(request, side, form, rows)
    facts, said = _facts(stored, form, rows)
    try:
        actions.correct(
            actor=request.actor,
            side=side,
            facts=facts,
            seen_version=form.cleaned_data["version"],
            now=request.now,
            reason=form.cleaned_data["reason"],
            said=said,
        )
    except Stale as stale:
        return _stale(request, side, stored, facts, said, stale)
    except Refusal as refusal:
        _tell(form, refusal)
        return _shown(request, side, form, rows)
    messages.success(request, _("The mobility was corrected."))
    return HttpResponseRedirect(reverse("office:mobility", args=[side.mobility_id]))


def _facts(
    stored: MobilityFacts | VisitFacts, form: SideForm, rows: BaseFormSet[SegmentForm] | None
) -> tuple[MobilityFacts | VisitFacts, frozenset[str]]:
    """What is stated now, and which fields that speaks of; what the form does not ask stays."""
    given = form.stated
    if rows is not None:
        given["segments"] = tuple(part for row in rows if (part := row.facts))
    kept = {field.name: getattr(stored, field.name) for field in fields_of(stored)}
    return type(stored)(**(kept | given)), frozenset(given)


def _tell(form: SideForm, refusal: Refusal) -> None:
    """Puts a refusal beside the field it is about, or on top."""
    told = sentence_of(refusal)
    field = str(refusal.facts.get("field", ""))
    text = _("%(sentence)s %(remedy)s") % {"sentence": told.sentence, "remedy": told.remedy}
    form.add_error(field if field in form.fields else None, text.strip())


def _stale(
    request: Request,
    side: Side,
    stored: MobilityFacts | VisitFacts,
    wanted: MobilityFacts | VisitFacts,
    said: frozenset[str],
    stale: Stale,
) -> HttpResponse:
    """Somebody was quicker: the differences, the input as it was, and the choice to save all the same."""
    told = sentence_of(stale)
    data = request.POST.copy()
    data["version"] = str(side.mobility.version)
    changes = [
        Change(field_word(name), _in_words(name, stored), _in_words(name, wanted))
        for name in sorted(said)
        if getattr(stored, name) != getattr(wanted, name)
    ]
    return _shown(
        request,
        side,
        _form_of(side, data),
        _segment_forms(stored, data),
        stale=components.notice(
            _("Look at the differences below. Saving again makes your values the present ones."),
            tone="warn",
            title=told.sentence,
        ),
        differences=components.diff(
            changes,
            caption=_("What is stored now and what you sent"),
            before=_("Stored now"),
            after=_("You sent"),
        ),
        status=409,
    )


_CHOICES: dict[str, Any] = {
    "purpose": Purpose,
    "programme": Programme,
    "state": State,
    "change_reason": ChangeReason,
    "content": StaffVisit.Content,
}


def _in_words(name: str, facts: MobilityFacts | VisitFacts) -> object:
    value = getattr(facts, name)
    if name in _CHOICES:
        return label(_CHOICES[name], value)
    if name == "partner_country":
        return country_name(value, get_language() or "en")
    if name == "segments":
        return [
            f"{part.start or '?'} – {part.end or '?'} {label(Mode, part.mode)}" for part in value
        ]
    return value


def _shown(
    request: Request,
    side: Side,
    form: SideForm,
    rows: BaseFormSet[SegmentForm] | None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    checks = [bound for bound in form.visible_fields() if _is_check(bound)]
    last = {"reason", *(bound.name for bound in checks)}
    return page(
        request,
        "office/correct.html",
        status=status,
        heading=_("Correct %(key)s") % {"key": side.key},
        lead=_("%(person)s, as %(place)s sees it")
        % {"person": side.mobility.person.full_name or "–", "place": side.institution.name},
        trail=[
            (_("Mobilities"), reverse("office:mobilities")),
            (side.key, reverse("office:mobility", args=[side.mobility_id])),
        ],
        side=side,
        form=form,
        fields=[bound for bound in form.visible_fields() if bound.name not in last],
        checks=checks,
        rows=rows,
        row_forms=list(rows) if rows is not None else [],
        **more,
    )


def _is_check(bound: forms.BoundField) -> bool:
    return isinstance(bound.field, forms.BooleanField)


# Smaller decisions -----------------------------------------------------------------------------


@require_POST
def confirm_end(request: Request, pk: int) -> HttpResponse:
    """The estimated last day was the last day."""
    side = seen_side(request.actor, pk)
    version = request.POST.get("version", "")
    _confirm(
        request.actor,
        side,
        int(version) if version.isdecimal() else side.mobility.version,
        request.now,
    )
    messages.success(request, _("The last day is confirmed."))
    return HttpResponseRedirect(
        safe_next(request, reverse("office:mobility", args=[side.mobility_id]))
    )


def _confirm(actor: Actor, side: Side, version: int, now: datetime) -> None:
    stored = facts_of(side)
    if isinstance(stored, VisitFacts):
        return
    kept = {field.name: getattr(stored, field.name) for field in fields_of(stored)}
    actions.correct(
        actor=actor,
        side=side,
        facts=MobilityFacts(**(kept | {"end_is_estimate": False})),
        seen_version=version,
        now=now,
        said={"end_is_estimate"},
    )


def confirm_ends(request: Request, found: Sequence[Mobility]) -> HttpResponse:
    """The same for the mobilities selected in the list; says how many, and what was left out."""
    done, left = 0, 0
    for one in found:
        sides = Side.objects.visible_to(request.actor).filter(mobility=one)
        editable = next((side for side in sides if may_edit(request.actor, side)), None)
        if not one.end_is_estimate or editable is None or one.kind != Kind.STUDENT:
            left += 1
            continue
        try:
            _confirm(request.actor, seen_side(request.actor, editable.pk), one.version, request.now)
            done += 1
        except Refusal:
            left += 1
    if done:
        messages.success(
            request,
            ngettext(
                "The last day of %(count)d mobility is confirmed.",
                "The last days of %(count)d mobilities are confirmed.",
                done,
            )
            % {"count": done},
        )
    if left or not done:
        messages.warning(
            request,
            ngettext(
                "%(count)d mobility was left as it is: its last day is no estimate, or you may not change it.",
                "%(count)d mobilities were left as they are: their last days are no estimates, or you may not "
                "change them.",
                left,
            )
            % {"count": left},
        )
    return HttpResponseRedirect(safe_next(request, reverse("office:mobilities")))


class ReasonForm(forms.Form):
    """Why a decision is taken; kept in the journal."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=500,
        help_text=gettext_lazy("Kept in the journal."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


def _decided(
    request: Request,
    pk: int,
    *,
    heading: str,
    sentence: str,
    deed: str,
    act: Callable[[Side, ReasonForm], str],
    consequences: Sequence[str] = (),
    danger: bool = False,
) -> HttpResponse:
    """A page that says what will be, asks why, and does it."""
    side = seen_side(request.actor, pk)
    form = ReasonForm(
        request.POST if request.method == "POST" else None,
        initial={"version": side.mobility.version},
    )
    back = reverse("office:mobility", args=[side.mobility_id])
    if request.method == "POST" and form.is_valid():
        messages.success(request, act(side, form))
        return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=heading % {"key": side.key},
        trail=[(_("Mobilities"), reverse("office:mobilities")), (side.key, back)],
        sentence=sentence,
        consequences=consequences,
        form=form,
        deed=deed,
        danger=danger,
        back=back,
    )


def cancel(request: Request, pk: int) -> HttpResponse:
    """The stay does not happen, or did not."""

    def act(side: Side, form: ReasonForm) -> str:
        actions.cancel(
            actor=request.actor,
            side=side,
            seen_version=form.cleaned_data["version"] or side.mobility.version,
            now=request.now,
            reason=form.cleaned_data["reason"],
        )
        return _("The mobility is cancelled.")

    return _decided(
        request,
        pk,
        heading=_("Cancel %(key)s"),
        sentence=_("The stay does not happen, or did not. Nothing of it is counted any more."),
        consequences=[
            _("The record and its history stay."),
            _("A period that was sent to VIRTA is left out of the next batch."),
        ],
        deed=_("Cancel the mobility"),
        act=act,
        danger=True,
    )


def send_anyway(request: Request, pk: int) -> HttpResponse:
    """Whether periods that are not sent by default are sent all the same (V38, V39)."""
    wanted = not seen_side(request.actor, pk).send_anyway

    def act(side: Side, form: ReasonForm) -> str:
        actions.send_anyway(
            actor=request.actor,
            side=side,
            wanted=wanted,
            now=request.now,
            reason=form.cleaned_data["reason"],
        )
        return _("The decision is written down.")

    return _decided(
        request,
        pk,
        heading=_("Sending %(key)s to VIRTA"),
        sentence=_("Periods that are not sent by default will be sent all the same.")
        if wanted
        else _("Periods that are not sent by default will stay here again."),
        consequences=[_("Periods that are sent by default are sent in any case.")],
        deed=_("Send all the same") if wanted else _("Do not send"),
        act=act,
    )


def purge(request: Request, pk: int) -> HttpResponse:
    """Register data is kept for good (V24): the asking is written down and refused with the reason."""
    side = seen_side(request.actor, pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    back = reverse("office:mobility", args=[side.mobility_id])
    refused = None
    if request.method == "POST" and form.is_valid():
        refusal = actions.purge(
            actor=request.actor, side=side, now=request.now, reason=form.cleaned_data["reason"]
        )
        told = sentence_of(refusal)
        refused = components.notice(
            told.remedy,
            tone="bad",
            title=told.sentence,
            links=[
                (_("Correct it"), reverse("office:correct", args=[side.pk])),
                (_("Cancel it"), reverse("office:cancel", args=[side.pk])),
            ],
        )
    return page(
        request,
        "office/purge.html",
        status=409 if refused else 200,
        heading=_("Delete %(key)s") % {"key": side.key},
        trail=[(_("Mobilities"), reverse("office:mobilities")), (side.key, back)],
        form=form,
        refused=refused,
        back=back,
    )
