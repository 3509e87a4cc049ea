"""The list of mobilities: filter, sort, page, select, take along. The address carries the state."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from vaihto.classification.models import MobilityMode, Scheme, Verdict
from vaihto.codes import COUNTRY, REASON, country_name
from vaihto.codes.erasmus_code import normal_erasmus_code
from vaihto.institutions.models import Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Direction, Kind, Mobility, Programme, Purpose, Side, State
from vaihto.web import components, explain
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Row, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file, xlsx_file
from vaihto.web.frame import Request, page
from vaihto.web.listing import COUNTED_TO, Order, Slice, orders_of, page_of
from vaihto.web.wording import label, options

SORTS: dict[str, Sequence[Order]] = {
    "start": (Order("start", nullable=True),),
    "end": (Order("end", nullable=True),),
    "person": (Order("person__family_name"), Order("person__given_names")),
}
STATE_TONES: dict[str, Tone] = {
    State.PLANNED: "plain",
    State.AGREED: "plain",
    State.ONGOING: "info",
    State.DONE: "good",
    State.CANCELLED: "bad",
}
_COUNTED = {"yes": True, "no": False, "untold": None}
_EARLIEST, _LATEST = 1900, 2100
# Up to so many are looked for first and filtered afterwards.
_FEW = 2000


class Filters(forms.Form):
    """What the list may be narrowed by; every value is one parameter of the address."""

    direction = ChoiceField(required=False)
    kind = ChoiceField(required=False)
    purpose = ChoiceField(required=False)
    state = ChoiceField(required=False)
    year = forms.IntegerField(required=False, min_value=_EARLIEST, max_value=_LATEST)
    country = ChoiceField(required=False)
    partner = forms.CharField(required=False, max_length=120)
    counted = ChoiceField(required=False)
    mode = ChoiceField(required=False)
    programme = ChoiceField(required=False)
    reason = ChoiceField(required=False)
    institution = ChoiceField(required=False)
    unit = ChoiceField(required=False)
    wait = ChoiceField(required=False)

    def __init__(self, data: Any, *, actor: Actor, language: str) -> None:
        super().__init__(data, auto_id="filter_%s")
        any_word = _("Any")
        fields = self.fields
        for name, word, choices in (
            ("direction", _("Direction"), options(Direction, empty=any_word)),
            ("kind", _("Who"), options(Kind, empty=any_word)),
            ("purpose", _("Purpose"), options(Purpose, empty=any_word)),
            ("state", _("State"), options(State, empty=any_word)),
            ("mode", _("Mode"), options(MobilityMode, empty=any_word)),
            ("programme", _("Programme"), options(Programme, empty=any_word)),
            ("country", _("Partner country"), _countries(language, any_word)),
            ("counted", _("Counted"), _counted_choices(any_word)),
            ("reason", _("Reason"), _reasons(any_word)),
            ("wait", _("Waits for"), _waits(any_word)),
        ):
            fields[name].label = word
            fields[name].choices = choices  # type: ignore[attr-defined]
        fields["year"].label = _("Starts in year")
        fields["partner"].label = _("Partner")
        self._places(actor, any_word)

    def _places(self, actor: Actor, any_word: str) -> None:
        """Institution and unit are asked only where there is a choice."""
        places = actor.institutions(May.MOBILITIES_READ)
        hosted = Institution.objects.filter(pk__in=places) if places is not None else None
        known = list((hosted or Institution.objects.hosted()).values_list("pk", "name"))
        units = list(
            Unit.objects.filter(institution__in=[pk for pk, _name in known])
            .order_by("name")
            .values_list("pk", "name")[:500]
        )
        for name, word, rows in (
            ("institution", _("Institution"), known),
            ("unit", _("Unit"), units),
        ):
            if len(rows) < (2 if name == "institution" else 1):
                del self.fields[name]
                continue
            self.fields[name].label = word
            self.fields[name].choices = [  # type: ignore[attr-defined]
                ("", any_word),
                *((str(pk), str(shown)) for pk, shown in rows),
            ]


def _countries(language: str, any_word: str) -> list[tuple[str, str]]:
    present = [c.code for c in COUNTRY if c.facts["accepted_by_schema"] == "yes"]
    named = sorted((country_name(code, language), code) for code in present)
    return [("", any_word), *((code, name) for name, code in named)]


def _counted_choices(any_word: str) -> list[Any]:
    groups = [
        (
            label(Scheme, scheme.value),
            [
                (f"{scheme.value}-yes", _("%(scheme)s: counted") % {"scheme": short}),
                (f"{scheme.value}-no", _("%(scheme)s: not counted") % {"scheme": short}),
                (f"{scheme.value}-untold", _("%(scheme)s: cannot be told") % {"scheme": short}),
            ],
        )
        for scheme in Scheme
        for short in [explain.short_name(scheme)]
    ]
    return [("", any_word), *groups]


def _reasons(any_word: str) -> list[tuple[str, str]]:
    return [
        ("", any_word),
        *((c.code, c.code) for c in REASON if c.facts.get("kind") == "not_counted"),
    ]


def _waits(any_word: str) -> list[tuple[str, str]]:
    return [
        ("", any_word),
        ("end", _("confirmation of the end")),
        ("level", _("the level of education")),
        ("verdict", _("what is missing for a verdict")),
    ]


def narrowed(
    actor: Actor, chosen: dict[str, Any], *, today: date | None = None
) -> QuerySet[Mobility]:
    """Mobilities the actor may see that fit what was chosen."""
    found = Mobility.objects.visible_to(actor)
    for name in ("kind", "purpose", "state", "programme"):
        if chosen.get(name):
            found = found.filter(**{name: chosen[name]})
    if chosen.get("year"):
        year = chosen["year"]
        found = found.filter(start__range=(date(year, 1, 1), date(year, 12, 31)))
    if chosen.get("partner"):
        found = found.filter(_with_partner(chosen["partner"]))
    sides = Side.objects.visible_to(actor).filter(mobility=OuterRef("pk"))
    conditions = _side_conditions(chosen)
    if conditions:
        found = found.filter(Exists(sides.filter(*conditions)))
    if chosen.get("wait") == "end":
        found = found.filter(end_is_estimate=True).exclude(state=State.CANCELLED)
        found = found.filter(end__lt=today) if today else found
    rare = _rare(actor, chosen)
    return found if rare is None else found.filter(pk__in=rare)


def _rare(actor: Actor, chosen: dict[str, Any]) -> QuerySet[Side, Any] | None:
    """Where what is asked is rare by its nature: the few, found along an index of their own."""
    untold = chosen.get("wait") == "verdict" or chosen.get("counted", "").endswith("-untold")
    if untold:
        verdicts = Verdict.objects.filter(_at(actor, "institution"), included__isnull=True)
        return Side.objects.filter(pk__in=verdicts.values("side")).values("mobility")
    if chosen.get("reason"):
        verdicts = Verdict.objects.filter(
            _at(actor, "institution"), included=False, reason_code=chosen["reason"]
        )
        few = list(verdicts.order_by().values_list("side", flat=True)[: _FEW + 1])
        if len(few) <= _FEW:
            return Side.objects.filter(pk__in=few).values("mobility")
    if chosen.get("wait") == "level":
        sides = Side.objects.filter(
            _at(actor, "institution"), direction=Direction.INCOMING, level=""
        )
        return sides.values("mobility")
    return None


def _at(actor: Actor, column: str) -> Q:
    places = actor.institutions(May.MOBILITIES_READ)
    return Q() if places is None else Q(**{f"{column}__in": places})


def streams_of(
    actor: Actor, chosen: dict[str, Any], found: QuerySet[Mobility]
) -> list[QuerySet[Mobility]]:
    """What was found in parts that the database reads by institution and first day.

    An institution is the sender of what it sees as outgoing and the receiver of what it sees as incoming.
    """
    places = actor.institutions(May.MOBILITIES_READ)
    if places is None:
        return [found]
    asked = {int(chosen["institution"])} if chosen.get("institution") else places
    ways = {
        Direction.OUTGOING: "sending_institution",
        Direction.INCOMING: "receiving_institution",
    }
    return [
        found.filter(**{column: place})
        for place in sorted(places & asked)
        for way, column in ways.items()
        if chosen.get("direction") in {None, "", way}
    ]


def shown_page(
    actor: Actor, chosen: dict[str, Any], address: Address, *, today: date
) -> tuple[str, Slice[Mobility], bool]:
    """The sorting, the page, and whether there were too many rows for the sorting that was asked.

    Up to a cap any sorting is possible; beyond it rows come by first day, which is how they are kept.
    """
    sort, orders = orders_of(address.get("sort"), SORTS, default="-start")
    found = narrowed(actor, chosen, today=today)
    streams = streams_of(actor, chosen, found)
    numbers: set[int] = set()
    for stream in streams:
        if len(numbers) <= COUNTED_TO:
            numbers |= set(
                stream.order_by().values_list("pk", flat=True)[: COUNTED_TO + 1 - len(numbers)]
            )
    around = ("person", "sending_institution", "receiving_institution")
    if len(numbers) <= COUNTED_TO:
        few = Mobility.objects.filter(pk__in=numbers).select_related(*around)
        return sort, page_of(few, orders, address, total=len(numbers)), False
    too_many = sort.lstrip("-") != "start"
    if too_many:
        sort, orders = orders_of("-start", SORTS, default="-start")
    return (
        sort,
        page_of(
            found,
            orders,
            address,
            streams=[stream.select_related(*around) for stream in streams],
            total=len(numbers),
        ),
        too_many,
    )


def _with_partner(text: str) -> Q:
    known = Institution.objects.filter(
        Q(hei_id__iexact=text) | Q(erasmus_code=normal_erasmus_code(text)) | Q(name__icontains=text)
    ).order_by()[:100]
    numbers = list(known.values_list("pk", flat=True))
    return (
        Q(sending_institution__in=numbers)
        | Q(receiving_institution__in=numbers)
        | Q(host_organisation__icontains=text)
    )


def _side_conditions(chosen: dict[str, Any]) -> list[Q | Exists]:
    conditions: list[Q | Exists] = []
    for name in ("direction", "institution", "unit"):
        if chosen.get(name):
            conditions.append(Q(**{name: chosen[name]}))  # noqa: PERF401 - the others follow
    if chosen.get("mode"):
        conditions.append(Q(judgement__mode=chosen["mode"]))
    if chosen.get("country"):
        code = chosen["country"]
        conditions.append(
            Q(direction=Direction.OUTGOING, mobility__receiving_country=code)
            | Q(direction=Direction.INCOMING, mobility__sending_country=code)
        )
    verdicts = Verdict.objects.filter(side=OuterRef("pk"))
    if chosen.get("counted"):
        scheme, _dash, answer = chosen["counted"].partition("-")
        conditions.append(Exists(verdicts.filter(_answered(answer), scheme=scheme)))
    if chosen.get("reason"):
        conditions.append(Exists(verdicts.filter(reason_code=chosen["reason"])))
    if chosen.get("wait") == "verdict":
        conditions.append(Exists(verdicts.filter(included__isnull=True)))
    if chosen.get("wait") == "level":
        conditions.append(Q(direction=Direction.INCOMING, level="", mobility__kind=Kind.STUDENT))
    return conditions


def _answered(answer: str) -> Q:
    included = _COUNTED[answer]
    return Q(included__isnull=True) if included is None else Q(included=included)


def _chosen(request: Request) -> tuple[Filters, dict[str, Any]]:
    """The filter form and what in it is understood; what is not is marked by the form."""
    form = Filters(request.GET, actor=request.actor, language=get_language() or "en")
    form.is_valid()
    return form, form.cleaned_data


def mobilities(request: Request) -> HttpResponse:
    """The list."""
    request.actor.require(May.MOBILITIES_READ)
    form, chosen = _chosen(request)
    address = Address.of(request)
    sort, found, too_many = shown_page(request.actor, chosen, address, today=request.today)
    rows = _rows(found.rows, request.actor)
    return page(
        request,
        "office/mobilities.html",
        heading=_("Mobilities"),
        too_many=_(
            "More than %(count)s rows fit, so they stand by first day. Narrow the list to sort it otherwise."
        )
        % {"count": components.number(COUNTED_TO)}
        if too_many
        else "",
        filters=components.filters(
            form, address, more=("mode", "programme", "reason", "institution", "unit", "wait")
        ),
        table=components.table(
            _("Mobilities"),
            [
                Column(label=_("Key")),
                Column(label=_("Person"), sort="person"),
                Column(label=_("Partner")),
                Column(label=_("First day"), sort="start"),
                Column(label=_("Last day"), sort="end"),
                Column(label=_("Days"), numeric=True),
                Column(label=_("Purpose")),
                Column(label=_("State")),
                Column(label=_("Counted by")),
            ],
            rows,
            address=address,
            sort=sort,
            paging=found.paging,
            selects="pick",
            selected=frozenset(row.key for row in rows)
            if address.get("pick") == "all"
            else frozenset(),
            hide_caption=True,
            dense=True,
            empty_text=_("No mobility fits the filters."),
        ),
        downloads=components.downloads(
            [
                Download(_("What the filters show"), str(_export(address, "csv")), "CSV"),
                Download(_("What the filters show"), str(_export(address, "xlsx")), "XLSX"),
            ]
        ),
        may_confirm=request.actor.has(May.MOBILITIES_EDIT),
        here=str(address),
    )


def _export(address: Address, kind: str) -> Address:
    return address.without("after", "before", "n", "pick").at(reverse(f"office:mobilities-{kind}"))


def _rows(found: Sequence[Mobility], actor: Actor) -> list[Row]:
    sides: dict[int, list[Side]] = defaultdict(list)
    for side in Side.objects.visible_to(actor).filter(mobility__in=[m.pk for m in found]):
        sides[side.mobility_id].append(side)
    verdicts: dict[int, list[Verdict]] = defaultdict(list)
    numbers = [side.pk for several in sides.values() for side in several]
    for verdict in Verdict.objects.filter(side__in=numbers).order_by("pk"):
        verdicts[verdict.side_id].append(verdict)
    for several in verdicts.values():
        several.sort(key=lambda verdict: Scheme.values.index(verdict.scheme))
    return [_row(one, sides[one.pk], verdicts) for one in found]


def _row(one: Mobility, sides: Sequence[Side], verdicts: dict[int, list[Verdict]]) -> Row:
    keys = ", ".join(side.key for side in sides) or f"#{one.pk}"
    partner, country, _lang = partner_of(one, sides)
    return Row(
        [
            Cell(keys, href=reverse("office:mobility", args=[one.pk]), nowrap=True),
            one.person.full_name,
            Cell(_heading(sides) % {"partner": partner or country}, note=partner and country),
            Cell(one.start, nowrap=True),
            Cell(one.end, note=_("estimate") if one.end_is_estimate else ""),
            (one.end - one.start).days + 1 if one.start and one.end else None,
            label(Purpose, one.purpose),
            Cell(label(State, one.state), tone=STATE_TONES[one.state]),
            _counted_by([v for side in sides for v in verdicts[side.pk]]),
        ],
        key=str(one.pk),
        name=keys,
    )


def _heading(sides: Sequence[Side]) -> str:
    """Which way the mobility goes, as seen from here."""
    if sides and sides[0].direction == Direction.INCOMING:
        return _("from %(partner)s")
    return _("to %(partner)s")


def partner_of(one: Mobility, sides: Sequence[Side]) -> tuple[str, str, str]:
    """The other institution's name, its country, and the language of the name where it is known."""
    outgoing = not sides or sides[0].direction == Direction.OUTGOING
    other = one.receiving_institution if outgoing else one.sending_institution
    code = one.receiving_country if outgoing else one.sending_country
    language = get_language() or "en"
    if other is None:
        return one.host_organisation, country_name(code, language), ""
    name = other.names.get(language)
    return name or other.name, country_name(other.country, language), language if name else ""


def _counted_by(verdicts: Iterable[Verdict]) -> Cell:
    yes: list[str] = []
    open_ones: list[str] = []
    for verdict in verdicts:
        name = explain.short_name(verdict.scheme)
        if verdict.included:
            yes.append(name)
        elif verdict.included is None:
            open_ones.append(name)
    note = ""
    if open_ones:
        note = _("cannot be told: %(schemes)s") % {"schemes": ", ".join(dict.fromkeys(open_ones))}
    return Cell(", ".join(dict.fromkeys(yes)) or "–", note=note)


# Taking along ----------------------------------------------------------------------------------

_HEADER = [
    "institution", "key", "direction", "student_key", "family_name", "given_names", "kind", "purpose",
    "programme", "action", "call_year", "partner", "partner_name", "partner_country", "start", "end",
    "end_is_estimate", "part_of_degree", "state", "level", "unit", "mode",
    *(f"counted_{scheme}" for scheme in Scheme.values),
]  # fmt: skip


def _lines(actor: Actor, found: QuerySet[Mobility]) -> Iterator[list[object]]:
    """One line per side that the actor may see, a thousand at a time.

    The numbers are asked first and alone: a database that sorts whole rows of everything keeps them all in memory.
    """
    numbers = array(
        "q",
        Side.objects.visible_to(actor)
        .filter(mobility__in=found.order_by().values("pk"))
        .order_by("pk")
        .values_list("pk", flat=True)
        .iterator(chunk_size=10_000),
    )
    for at in range(0, len(numbers), 1000):
        piece = list(
            Side.objects.filter(pk__in=numbers[at : at + 1000].tolist())
            .select_related(
                "institution",
                "unit",
                "judgement",
                "mobility__person",
                "mobility__sending_institution",
                "mobility__receiving_institution",
            )
            .defer("kept_aside", "judgement__kept", "judgement__note_codes")
            .order_by("pk")
        )
        counted: dict[tuple[int, str], str] = {}
        for side_id, scheme, included in Verdict.objects.filter(
            side__in=[side.pk for side in piece]
        ).values_list("side", "scheme", "included"):
            word = {True: "yes", False: "no", None: "cannot be told"}[included]
            if counted.get((side_id, scheme)) != "yes":
                counted[side_id, scheme] = word
        for side in piece:
            yield _line(side, counted)


def _line(side: Side, counted: dict[tuple[int, str], str]) -> list[object]:
    one = side.mobility
    outgoing = side.direction == Direction.OUTGOING
    other = one.receiving_institution if outgoing else one.sending_institution
    code = one.receiving_country if outgoing else one.sending_country
    judgement = getattr(side, "judgement", None)
    return [
        side.institution.hei_id, side.key, side.direction, side.student_key, one.person.family_name,
        one.person.given_names, one.kind, one.purpose, one.programme, one.action, one.call_year,
        other.hei_id if other else "", other.name if other else one.host_organisation,
        (other.country if other else "") or code, one.start, one.end, one.end_is_estimate,
        one.part_of_degree, one.state, side.level, side.unit.code if side.unit else "",
        judgement.mode if judgement else "",
        *(counted.get((side.pk, scheme), "") for scheme in Scheme.values),
    ]  # fmt: skip


def as_csv(request: Request) -> HttpResponseBase:
    """What the filters show, as CSV."""
    request.actor.require(May.MOBILITIES_READ)
    _form, chosen = _chosen(request)
    found = narrowed(request.actor, chosen, today=request.today)
    return csv_file("mobilities", _HEADER, _lines(request.actor, found))


def as_xlsx(request: Request) -> HttpResponseBase:
    """What the filters show, as a spreadsheet."""
    request.actor.require(May.MOBILITIES_READ)
    _form, chosen = _chosen(request)
    found = narrowed(request.actor, chosen, today=request.today)
    return xlsx_file("mobilities", _HEADER, _lines(request.actor, found))


@require_POST
def selected(request: Request) -> HttpResponseBase:
    """A deed on the rows that were selected: take along, or confirm the ends."""
    request.actor.require(May.MOBILITIES_READ)
    numbers = [int(value) for value in request.POST.getlist("pick") if value.isdecimal()][:500]
    found = Mobility.objects.visible_to(request.actor).filter(pk__in=numbers)
    if request.POST.get("deed") == "csv":
        return csv_file("mobilities", _HEADER, _lines(request.actor, found))
    if request.POST.get("deed") == "xlsx":
        return xlsx_file("mobilities", _HEADER, _lines(request.actor, found))
    from vaihto.web.office.correcting import confirm_ends  # noqa: PLC0415 - hidden cycle

    return confirm_ends(request, list(found))
