"""The page of one mobility: facts, days to scale, sides, attainments, and "does it count?".

The same page for the office of each side and for the person; what one may see and do differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vaihto.classification.models import Judgement, MobilityMode, Period, Verdict
from vaihto.codes import (
    ATTAINMENT_KIND,
    MOBILITY_CLASSIFICATION,
    MOBILITY_PROGRAMME,
    MOBILITY_TYPE,
    STUDY_RIGHT_TYPE,
    country_name,
)
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry
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
from vaihto.refusals import Unknown
from vaihto.transcripts.models import Attainment
from vaihto.web import components, explain
from vaihto.web.components import Cell, Column, Event, Fact, Lane, Pattern, Row, Span, Tab
from vaihto.web.deeds import events
from vaihto.web.frame import Request, page
from vaihto.web.office.mobilities import STATE_TONES, partner_of
from vaihto.web.wording import label


@dataclass(frozen=True)
class Told:
    """A side with what the rules said of it, ready for the page."""

    side: Side
    answers: Sequence[explain.Answer]
    judgement: Judgement | None
    notes: Sequence[tuple[str, str]]
    may_edit: bool
    waits_for_end: bool
    nothing_recorded: str
    facts: SafeString


def may_edit(actor: Actor, side: Side) -> bool:
    """May the actor correct this side? A role in a unit holds for that unit and what is below it."""
    return any(
        grant.institution_id == side.institution_id
        and (grant.unit_ids is None or side.unit_id in grant.unit_ids)
        for grant in actor.reach(May.MOBILITIES_EDIT)
    )


def seen_mobility(actor: Actor, pk: int) -> Mobility:
    """The mobility, or `Unknown` for those who may not know that there is one."""
    one = (
        Mobility.objects.visible_to(actor)
        .filter(pk=pk)
        .select_related("person", "sending_institution", "receiving_institution", "visit")
        .first()
    )
    if one is None:
        raise Unknown("mobility.unknown")
    return one


def seen_sides(actor: Actor, one: Mobility) -> list[Side]:
    """The sides of the mobility that the actor may see, with what is around them."""
    return list(
        Side.objects.visible_to(actor)
        .filter(mobility=one)
        .select_related(
            "institution", "unit", "student", "right", "judgement", "nested_in", "mobility"
        )
        .order_by("pk")
    )


def mobility(request: Request, pk: int) -> HttpResponse:
    """Overview: does it count, the days, the facts, what happened."""
    one = seen_mobility(request.actor, pk)
    sides = seen_sides(request.actor, one)
    segments = list(one.segments.order_by("start", "pk"))
    periods = list(
        Period.objects.visible_to(request.actor)
        .filter(side__in=sides)
        .select_related("right", "belongs_to")
        .order_by("side", "index")
    )
    verdicts: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in Verdict.objects.visible_to(request.actor).filter(side__in=sides):
        verdicts[verdict.side_id].append(verdict)
    told = [_told(side, verdicts[side.pk], periods, request.actor, request.today) for side in sides]
    return page(
        request,
        "office/mobility.html",
        **_head(request, one, sides, "overview"),
        told=told,
        days=components.spans(
            _("Days to scale"),
            _lanes(segments, periods, sides),
            name="days",
            today=request.today,
        ),
        periods=_periods_table(periods, sides),
        attainments=_attainments(request, one),
        facts=components.facts(_facts(one)),
        visit=_visit(one),
        timeline=components.timeline(_events(request, one, segments)),
    )


def findings(request: Request, pk: int) -> HttpResponse:
    """Every finding of the rules on each side, with the values compared."""
    one = seen_mobility(request.actor, pk)
    sides = seen_sides(request.actor, one)
    tables = [(side, _judgement(side), _findings_table(side)) for side in sides if _judgement(side)]
    return page(
        request,
        "office/findings.html",
        **_head(request, one, sides, "findings"),
        tables=tables,
    )


def journal(request: Request, pk: int) -> HttpResponse:
    """Who did what to this mobility; for the offices."""
    one = seen_mobility(request.actor, pk)
    if not request.actor.has(May.MOBILITIES_READ):
        raise Unknown("mobility.unknown")
    sides = seen_sides(request.actor, one)
    entries = _entries(request.actor, one)[:200]
    return page(
        request,
        "office/mobility_journal.html",
        **_head(request, one, sides, "journal"),
        timeline=components.timeline(events(entries)),
        is_empty=not entries,
    )


def _head(request: Request, one: Mobility, sides: Sequence[Side], view: str) -> dict[str, Any]:
    """What the three views of a mobility have in common."""
    keys = ", ".join(side.key for side in sides) or f"#{one.pk}"
    tabs = [
        Tab(_("Overview"), reverse("office:mobility", args=[one.pk]), view == "overview"),
        Tab(
            _("Findings"),
            reverse("office:findings", args=[one.pk]),
            view == "findings",
            sum(len(judged.findings) for side in sides if (judged := _judgement(side))),
        ),
    ]
    is_office = request.actor.has(May.MOBILITIES_READ)
    if is_office:
        tabs.append(
            Tab(_("Journal"), reverse("office:mobility-journal", args=[one.pk]), view == "journal")
        )
    trail = (
        [(_("Mobilities"), reverse("office:mobilities"))]
        if is_office
        else [(_("My data"), reverse("student:own"))]
    )
    return {
        "trail": trail,
        "heading": _("%(person)s, %(key)s") % {"person": one.person.full_name or "–", "key": keys},
        "one": one,
        "partner": partner_of(one, sides),
        "directions": [label(Direction, side.direction) for side in sides],
        "state": components.badge(label(State, one.state), STATE_TONES[one.state]),
        "mode": _modes(sides),
        "tabs": components.tabs(tabs, label=_("Views of the mobility")),
        "person_href": reverse("office:person", args=[one.person_id]) if is_office else "",
        "sides": sides,
        "editable": [side for side in sides if may_edit(request.actor, side)],
    }


def _modes(sides: Sequence[Side]) -> SafeString | str:
    modes = {judged.mode for side in sides if (judged := _judgement(side)) and judged.mode}
    return (
        components.badge(label(MobilityMode, next(iter(modes))), "info") if len(modes) == 1 else ""
    )


def _judgement(side: Side) -> Judgement | None:
    return getattr(side, "judgement", None)


def _told(
    side: Side, verdicts: Sequence[Verdict], periods: Sequence[Period], actor: Actor, today: date
) -> Told:
    judged = _judgement(side)
    own = {period.pk: period for period in periods if period.side_id == side.pk}
    one = side.mobility
    return Told(
        side=side,
        answers=explain.answers(verdicts, judged, own),
        judgement=judged,
        notes=[(code, explain.reason_text(code)) for code in (judged.note_codes if judged else [])],
        may_edit=may_edit(actor, side),
        waits_for_end=one.end_is_estimate
        and one.end is not None
        and one.end < today
        and one.state != State.CANCELLED,
        nothing_recorded=explain.reason_text(judged.reason_code)
        if judged and judged.reason_code
        else "",
        facts=components.facts(_side_facts(side, actor)),
    )


def _side_facts(side: Side, actor: Actor) -> list[Fact]:
    language = get_language() or "en"
    right_href = (
        reverse("office:right", args=[side.right_id])
        if side.right_id and actor.has(May.PEOPLE_READ, side.institution_id)
        else ""
    )
    lines = [
        Fact(_("Institution"), side.institution.name,
             reverse("office:institution", args=[side.institution_id])),
        Fact(_("Direction"), label(Direction, side.direction)),
        Fact(_("Key"), side.key),
        Fact(_("Unit"), side.unit.name if side.unit else ""),
    ]  # fmt: skip
    if side.mobility.kind == Kind.STUDENT:
        right = side.right
        hint = ""
        if right is None and side.right_key:
            hint = _("no such study right is known")
        elif right is not None:
            hint = STUDY_RIGHT_TYPE.name(right.type, language)
        lines += [
            Fact(_("Student"), side.student_key or (side.student and side.student.key)),
            Fact(_("Study right"), side.right_key or (right and right.key), right_href, hint=hint),
        ]
    if side.direction == Direction.INCOMING and side.mobility.kind == Kind.STUDENT:
        lines += [
            Fact(_("Level here"), side.level),
            Fact(_("Degree right at a foreign home"), side.home_degree_abroad),
        ]
    if side.adult_education:
        lines.append(Fact(_("Adult education"), value=True))
    if side.nested_in:
        lines.append(
            Fact(
                _("Made during"),
                side.nested_in.key,
                reverse("office:mobility", args=[side.nested_in.mobility_id]),
            )
        )
    return lines


def _facts(one: Mobility) -> list[Fact]:
    language = get_language() or "en"
    lines = [
        Fact(_("Who"), label(Kind, one.kind)),
        Fact(_("Purpose"), label(Purpose, one.purpose)),
        Fact(_("Programme"), label(Programme, one.programme)),
        Fact(_("Action and call year"), f"{one.action} {one.call_year or ''}".strip()),
        Fact(
            _("Sent by"),
            one.sending_institution or country_name(one.sending_country, language),
            _institution_href(one.sending_institution_id),
        ),
        Fact(
            _("Received by"),
            one.receiving_institution
            or one.host_organisation
            or country_name(one.receiving_country, language),
            _institution_href(one.receiving_institution_id),
        ),
        Fact(_("First day"), one.start),
        Fact(_("Last day"), one.end, hint=_("an estimate") if one.end_is_estimate else ""),
        Fact(_("Part of the degree"), one.part_of_degree),
    ]
    if one.roles_reason:
        lines.append(Fact(_("Why these are sender and receiver"), one.roles_reason))
    for term, value in (
        (_("Host organisation"), one.host_organisation if one.receiving_institution else ""),
        (_("Funding"), one.funding),
        (_("Reason of the change"), label(ChangeReason, one.change_reason)),
        (_("Planned credits"), one.planned_credits),
        (_("Blended intensive programme"), one.bip_id),
        (_("Planned as blended"), one.planned_blended or None),
        (_("Agreed as one whole"), one.agreed_as_one_whole or None),
        (_("Force majeure"), one.force_majeure or None),
    ):
        if value not in {None, ""}:
            lines.append(Fact(term, value))
    return lines


def _institution_href(pk: int | None) -> str:
    return reverse("office:institution", args=[pk]) if pk else ""


def _visit(one: Mobility) -> SafeString | None:
    visit: StaffVisit | None = getattr(one, "visit", None)
    if visit is None:
        return None
    return components.facts(
        [
            (_("Content"), label(StaffVisit.Content, visit.content)),
            (_("Began"), visit.started_at),
            (_("Ended"), visit.ended_at),
            (_("Hours"), visit.hours),
            (_("Teaching hours"), visit.teaching_hours),
        ]
    )


# Days ------------------------------------------------------------------------------------------


def segment_span(segment: Segment, language: str) -> Span | None:
    """A segment as it is drawn; one without days cannot be."""
    if segment.start is None:
        return None
    pattern: Pattern = "solid" if segment.mode == Mode.PHYSICAL else "hatched"
    return Span(
        start=segment.start,
        end=segment.end,
        label=segment_words(segment, language),
        pattern="struck" if segment.cancelled else pattern,
        tone="plain" if segment.cancelled else "info",
        note=_("cancelled") if segment.cancelled else "",
    )


def segment_words(segment: Segment, language: str) -> str:
    """Mode and place of a segment in words."""
    return _("%(mode)s, %(place)s") % {
        "mode": label(Mode, segment.mode),
        "place": country_name(segment.country, language) or label(Place, segment.place),
    }


def _lanes(
    segments: Sequence[Segment], periods: Sequence[Period], sides: Sequence[Side]
) -> list[Lane]:
    language = get_language() or "en"
    drawn = [span for one in segments if (span := segment_span(one, language))]
    lanes = [Lane(_("Segments"), drawn)] if drawn else []
    for side in sides:
        own = [period for period in periods if period.side_id == side.pk]
        if own:
            lanes.append(
                Lane(
                    _("Periods of %(institution)s") % {"institution": side.institution.name},
                    [
                        Span(
                            start=period.start,
                            end=period.end,
                            label=_("Period %(key)s") % {"key": period.key},
                            tone="good" if period.sent else "plain",
                            pattern="solid" if period.sent else "outline",
                            note="" if period.sent else _("not sent"),
                        )
                        for period in own
                    ],
                )
            )
    return lanes


def _periods_table(periods: Sequence[Period], sides: Sequence[Side]) -> SafeString | None:
    if not periods:
        return None
    language = get_language() or "en"
    names: Mapping[int, str] = (
        {side.pk: side.institution.name for side in sides} if len(sides) > 1 else {}
    )
    return components.table(
        _("What is written into the register"),
        [
            Column(label=_("Period")),
            Column(label=_("First day")),
            Column(label=_("Last day")),
            Column(label=_("Days"), numeric=True),
            Column(label=_("Country")),
            Column(label=_("Type")),
            Column(label=_("Programme")),
            Column(label=_("Classification")),
            Column(label=_("Study right")),
            Column(label=_("Goes to VIRTA")),
        ],
        [
            Row(
                [
                    Cell(period.key, nowrap=True, note=names.get(period.side_id, "")),
                    Cell(period.start, nowrap=True),
                    Cell(period.end, nowrap=True),
                    period.days,
                    country_name(period.country, language),
                    MOBILITY_TYPE.name(period.type, language),
                    MOBILITY_PROGRAMME.name(period.programme, language),
                    ", ".join(
                        MOBILITY_CLASSIFICATION.name(code, language)
                        for code in period.classifications
                    ),
                    Cell(
                        period.right.key if period.right else "",
                        href=reverse("office:right", args=[period.right_id])
                        if period.right
                        else "",
                    ),
                    Cell(_("yes"), tone="good") if period.sent else Cell(_("no"), tone="plain"),
                ]
            )
            for period in periods
        ],
    )


# Around ----------------------------------------------------------------------------------------


def _attainments(request: Request, one: Mobility) -> SafeString | None:
    language = get_language() or "en"
    rows = [
        Row(
            [
                Cell(name_in(item.names, language) or item.key, note=item.key),
                ATTAINMENT_KIND.name(item.kind, language),
                item.credits,
                item.grade,
                Cell(item.completed_on, nowrap=True),
                Cell(item.recognised_on, nowrap=True),
            ]
        )
        for item in Attainment.objects.visible_to(request.actor)
        .filter(mobility=one)
        .order_by("completed_on", "pk")[:200]
    ]
    if not rows:
        return None
    return components.table(
        _("Attainments from this mobility"),
        [
            Column(label=_("Name")),
            Column(label=_("Kind")),
            Column(label=_("Credits"), numeric=True),
            Column(label=_("Grade")),
            Column(label=_("Completed")),
            Column(label=_("Recognised")),
        ],
        rows,
    )


def name_in(names: Mapping[str, str], language: str) -> str:
    """The name in the language, else in any language that exists."""
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


def _entries(actor: Actor, one: Mobility) -> list[Entry]:
    """Journal lines about the mobility by one's own institutions, or by nobody in particular."""
    places = actor.institutions(May.MOBILITIES_READ)
    found = Entry.objects.about(one)
    if places is not None:
        found = found.filter(Q(institution_id__in=places) | Q(institution_id__isnull=True))
    return list(found[:200])


def _events(request: Request, one: Mobility, segments: Sequence[Segment]) -> list[Event]:
    """Days of the mobility and the last things done, newest first."""
    language = get_language() or "en"
    days: list[Event] = []
    for segment in segments:
        if segment.cancelled or segment.start is None:
            continue
        words = segment_words(segment, language)
        days.append(
            Event(
                at=segment.start,
                title=_("Begins: %(segment)s") % {"segment": words},
                tone="info",
                future=segment.start > request.today,
            )
        )
        if segment.end:
            days.append(
                Event(
                    at=segment.end,
                    title=_("Ends: %(segment)s") % {"segment": words},
                    tone="info",
                    future=segment.end > request.today,
                )
            )
    done = (
        events(_entries(request.actor, one)[:6], short=True)
        if request.actor.has(May.MOBILITIES_READ)
        else []
    )
    return sorted([*days, *done], key=_when, reverse=True)


def _when(event: Event) -> str:
    return event.at.isoformat() if event.at else ""


def _findings_table(side: Side) -> SafeString:
    words = {True: _("yes"), False: _("no"), None: _("cannot be told")}
    tones: dict[bool | None, components.Tone] = {True: "good", False: "plain", None: "warn"}
    return components.table(
        _("Findings of %(institution)s") % {"institution": side.institution.name},
        [
            Column(label=_("Rule")),
            Column(label=_("Period"), numeric=True),
            Column(label=_("Holds")),
            Column(label=_("What was found")),
        ],
        [
            Row(
                [
                    Cell(one.rule, href=one.href, note=one.title),
                    one.period + 1 if one.period is not None else None,
                    Cell(words[one.holds], tone=tones[one.holds]),
                    one.sentence,
                ]
            )
            for one in explain.found(_judgement(side))
        ],
        hide_caption=True,
        empty_text=_("The rules found nothing to say."),
    )
