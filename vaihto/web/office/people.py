"""Persons: the list, and one person with everything that the reader may see of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.codes import TERM_ENROLMENT_STATE, country_name
from vaihto.journal.actors import Actor, May
from vaihto.journal.models import Entry, subject_type
from vaihto.mobilities.models import Kind, Mobility, Purpose, Side, State
from vaihto.people.models import Employment, Person, StudentRecord, StudyRight, TermEnrolment
from vaihto.refusals import Unknown
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Fact, Lane, Row, Span
from vaihto.web.deeds import events
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, orders_of, page_of
from vaihto.web.office.mobilities import STATE_TONES, partner_of
from vaihto.web.office.rights import lanes_of
from vaihto.web.office.rights import may_edit as may_edit_rights
from vaihto.web.wording import label, options

SORTS: dict[str, Sequence[Order]] = {
    "name": (Order("family_name"), Order("given_names")),
}


class Filters(forms.Form):
    """What the list of persons may be narrowed by."""

    name = forms.CharField(
        label=gettext_lazy("Family name begins with"), required=False, max_length=100
    )
    who = ChoiceField(label=gettext_lazy("Who"), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter_%s")
        self.fields["who"].choices = options(Kind, empty=_("Any"))  # type: ignore[attr-defined]


def people(request: Request) -> HttpResponse:
    """The list of persons one may read."""
    request.actor.require(May.PEOPLE_READ)
    form = Filters(request.GET)
    form.is_valid()
    chosen = form.cleaned_data
    found = Person.objects.visible_to(request.actor)
    if chosen.get("name"):
        found = found.filter(family_name__startswith=chosen["name"].strip())
    records = StudentRecord.objects.filter(person=OuterRef("pk"))
    employments = Employment.objects.filter(person=OuterRef("pk"))
    if chosen.get("who") == Kind.STUDENT:
        found = found.filter(Exists(records))
    elif chosen.get("who") == Kind.STAFF:
        found = found.filter(Exists(employments))
    address = Address.of(request)
    sort, orders = orders_of(address.get("sort"), SORTS, default="name")
    shown = page_of(found, orders, address, counted_to=250)
    places = _places(shown.rows, request.actor)
    return page(
        request,
        "office/people.html",
        heading=_("People"),
        filters=components.filters(form, address),
        table=components.table(
            _("People"),
            [
                Column(label=_("Name"), sort="name"),
                Column(label=_("Keys")),
                Column(label=_("Where")),
                Column(label=_("National learner number")),
            ],
            [
                Row(
                    [
                        Cell(
                            _family_first(one),
                            href=reverse("office:person", args=[one.pk]),
                        ),
                        ", ".join(key for key, _place in places[one.pk]),
                        ", ".join(dict.fromkeys(place for _key, place in places[one.pk])),
                        Cell(one.learner_number, nowrap=True),
                    ]
                )
                for one in shown.rows
            ],
            address=address,
            sort=sort,
            paging=shown.paging,
            hide_caption=True,
            empty_text=_("Nobody fits the filters."),
        ),
    )


def _family_first(one: Person) -> str:
    named = f"{one.family_name}, {one.given_names}".strip(", ")
    return named or f"#{one.pk}"


def _places(found: Sequence[Person], actor: Actor) -> dict[int, list[tuple[str, str]]]:
    places: dict[int, list[tuple[str, str]]] = defaultdict(list)
    numbers = [one.pk for one in found]
    for kind in (StudentRecord, Employment):
        seen = kind.objects.visible_to(actor).filter(person__in=numbers)  # type: ignore[attr-defined]
        for person, key, place in seen.values_list("person", "key", "institution__name"):
            places[person].append((key, place))
    return places


def person(request: Request, pk: int) -> HttpResponse:
    """One person: records per institution, rights, enrolments, mobilities, who did what."""
    one = Person.objects.visible_to(request.actor).filter(pk=pk).first()
    if one is None:
        raise Unknown("person.unknown")
    is_office = request.actor.has(May.PEOPLE_READ)
    return page(
        request,
        "office/person.html",
        heading=one.full_name or f"#{one.pk}",
        trail=[(_("People"), reverse("office:people"))] if is_office else [],
        one=one,
        **about(request, one),
        timeline=_journal(request.actor, one) if is_office else None,
    )


def about(request: Request, one: Person) -> dict[str, Any]:
    """What a reader may see of a person; the person's own page shows the same."""
    actor = request.actor
    language = get_language() or "en"
    records = list(
        StudentRecord.objects.visible_to(actor)
        .filter(person=one)
        .select_related("institution", "unit")
        .order_by("institution__name", "key")
    )
    employments = list(
        Employment.objects.visible_to(actor)
        .filter(person=one)
        .select_related("institution", "unit")
        .order_by("start", "pk")
    )
    rights: dict[int, list[StudyRight]] = defaultdict(list)
    for right in (
        StudyRight.objects.filter(student__in=records)
        .prefetch_related("states", "spells", "primacies")
        .order_by("start", "key")
    ):
        rights[right.student_id].append(right)
    enrolments: dict[int, list[TermEnrolment]] = defaultdict(list)
    for enrolment in TermEnrolment.objects.filter(student__in=records).order_by("start", "pk"):
        enrolments[enrolment.student_id].append(enrolment)
    return {
        "facts": components.facts(_facts(one, records, employments, actor, language)),
        "records": [
            _Record(
                record,
                rights[record.pk],
                enrolments[record.pk],
                request,
                language,
            )
            for record in records
        ],
        "employments": _employments(employments),
        "mobilities": _mobilities(actor, one),
    }


class _Record:
    """A student record with its rights and enrolments, ready for the page."""

    def __init__(
        self,
        record: StudentRecord,
        rights: Sequence[StudyRight],
        enrolments: Sequence[TermEnrolment],
        request: Request,
        language: str,
    ) -> None:
        self.record = record
        self.rights = rights
        self.may_edit = may_edit_rights(request.actor, record)
        lanes = [lane for right in rights for lane in lanes_of(right, with_key=len(rights) > 1)]
        terms = [
            Span(
                start=term.start,
                end=term.end,
                label=TERM_ENROLMENT_STATE.name(term.state, language),
                tone="info" if term.state == "1" else "plain",
                pattern="solid" if term.state == "1" else "outline",
            )
            for term in enrolments
        ]
        if terms:
            lanes.append(Lane(_("Term enrolments"), terms))
        self.days = (
            components.spans(
                _("Study rights to scale"), lanes, name=f"rec{record.pk}", today=request.today
            )
            if lanes
            else SafeString("")
        )
        self.facts = components.facts(
            [
                (_("Key"), record.key),
                (_("Unit"), record.unit.name if record.unit else ""),
                (_("First enrolled"), record.first_enrolled),
                (_("Mother tongue"), record.mother_tongue),
            ]
        )


def sensitive_seen(
    actor: Actor,
    one: Person,
    records: Sequence[StudentRecord],
    employments: Sequence[Employment],
) -> bool:
    """May the identity code be shown: to the person, and to registrars where they have a record."""
    if actor.person_id == one.pk:
        return True
    places = {record.institution_id for record in records}
    places |= {employment.institution_id for employment in employments}
    return any(actor.has(May.PEOPLE_SENSITIVE, place) for place in places)


def _facts(
    one: Person,
    records: Sequence[StudentRecord],
    employments: Sequence[Employment],
    actor: Actor,
    language: str,
) -> list[Fact]:
    lines = [
        Fact(_("Family name"), one.family_name),
        Fact(_("Given names"), one.given_names),
        Fact(_("Date of birth"), one.birth_date),
        Fact(_("Gender"), label(Person.Gender, one.gender)),
        Fact(
            _("Citizenships"), ", ".join(country_name(code, language) for code in one.citizenships)
        ),
        Fact(_("E-mail"), one.email),
        Fact(_("National learner number"), one.learner_number),
    ]
    if sensitive_seen(actor, one, records, employments):
        lines.append(Fact(_("Identity code"), one.identity_code))
    if one.esis:
        lines.append(Fact(_("European student identifiers"), ", ".join(one.esis)))
    return lines


def _employments(employments: Sequence[Employment]) -> SafeString | None:
    if not employments:
        return None
    return components.table(
        _("Employments"),
        [
            Column(label=_("Institution")),
            Column(label=_("Key")),
            Column(label=_("Group")),
            Column(label=_("Title")),
            Column(label=_("Unit")),
            Column(label=_("First day")),
            Column(label=_("Last day")),
        ],
        [
            Row(
                [
                    e.institution.name,
                    e.key,
                    label(Employment.Group, e.group),
                    e.title,
                    e.unit.name if e.unit else "",
                    Cell(e.start, nowrap=True),
                    Cell(e.end, nowrap=True),
                ]
            )
            for e in employments
        ],
    )


def _mobilities(actor: Actor, one: Person) -> SafeString | None:
    found = list(
        Mobility.objects.visible_to(actor)
        .filter(person=one)
        .select_related("sending_institution", "receiving_institution")
        .order_by("-start", "pk")[:200]
    )
    if not found:
        return None
    sides: dict[int, list[Side]] = defaultdict(list)
    for side in Side.objects.visible_to(actor).filter(mobility__in=found):
        sides[side.mobility_id].append(side)
    rows = []
    for mobility in found:
        partner, country, lang = partner_of(mobility, sides[mobility.pk])
        rows.append(
            Row(
                [
                    Cell(
                        ", ".join(side.key for side in sides[mobility.pk]) or f"#{mobility.pk}",
                        href=reverse("office:mobility", args=[mobility.pk]),
                    ),
                    Cell(partner, note=country, lang=lang),
                    Cell(mobility.start, nowrap=True),
                    Cell(mobility.end, nowrap=True),
                    label(Purpose, mobility.purpose),
                    Cell(label(State, mobility.state), tone=STATE_TONES[mobility.state]),
                ]
            )
        )
    return components.table(
        _("Mobilities"),
        [
            Column(label=_("Key")),
            Column(label=_("Partner")),
            Column(label=_("First day")),
            Column(label=_("Last day")),
            Column(label=_("Purpose")),
            Column(label=_("State")),
        ],
        rows,
    )


def _journal(actor: Actor, one: Person) -> SafeString | None:
    """Lines about the person and their records, by one's own institutions or nobody in particular."""
    records = StudentRecord.objects.visible_to(actor).filter(person=one)
    found = Entry.objects.filter(
        Q(subject_type=subject_type(Person), subject_id=str(one.pk))
        | Q(
            subject_type=subject_type(StudentRecord),
            subject_id__in=[str(pk) for pk in records.values_list("pk", flat=True)],
        )
    )
    places = actor.institutions(May.PEOPLE_READ)
    if places is not None:
        found = found.filter(Q(institution_id__in=places) | Q(institution_id__isnull=True))
    made = events(found[:40])
    return components.timeline(made) if made else None
