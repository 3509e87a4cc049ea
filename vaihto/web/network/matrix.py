"""Who can do what: interfaces by institution of an alliance, its survey rounds, and how two of them differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import zip_longest
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.institutions import actions, capabilities
from vaihto.institutions.capabilities import Difference, Matrix, Round, Standing, Step
from vaihto.institutions.facts import AbilityFacts
from vaihto.institutions.models import Alliance, Capability, Institution, Membership
from vaihto.institutions.surveying import CHANNELS, may_answer_for
from vaihto.journal.actors import Actor, May
from vaihto.refusals import NotAllowed, Refusal, Unknown
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Download, Figure, Row, Tab, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.files import csv_file
from vaihto.web.frame import Request, page
from vaihto.web.network.pages import api_word, tabs
from vaihto.web.wording import label, sentence_of, shown

State = Capability.State
_TONES: dict[str, Tone] = {
    State.LIVE: "good",
    State.TESTING: "info",
    State.NONE: "plain",
    State.UNKNOWN: "warn",
}
_STEPS: dict[Step, tuple[Any, Tone]] = {
    Step.FORWARD: (gettext_lazy("forward"), "good"),
    Step.BACK: (gettext_lazy("back"), "bad"),
    Step.OTHER: (gettext_lazy("otherwise"), "info"),
    Step.NEW: (gettext_lazy("new answer"), "info"),
    Step.GONE: (gettext_lazy("no answer any more"), "warn"),
    Step.SAME: (gettext_lazy("the same"), "plain"),
}
_CHANNELS: dict[str, Any] = {
    "ewp": gettext_lazy("EWP"),
    "here": gettext_lazy("the same installation"),
    "guest": gettext_lazy("a link sent by e-mail"),
    "file": gettext_lazy("a file"),
}
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _alliances(request: Request) -> list[Alliance]:
    """Those whose matrix the reader sees: of the secretariat, of members' staff; operators see all."""
    actor = request.actor
    found = Alliance.objects.visible_to(actor)
    places, own = actor.alliances(May.ALLIANCE_READ), actor.institutions(May.ALLIANCE_READ)
    if actor.is_operator or places is None or own is None:
        return list(found)
    on = Q(memberships__until__isnull=True) | Q(memberships__until__gte=request.today)
    mine = Alliance.objects.filter(
        on, memberships__institution__in=own, memberships__since__lte=request.today
    )
    return list(found.filter(Q(pk__in=places) | Q(pk__in=mine.order_by().values("pk"))))


def _seen(request: Request, code: str) -> Alliance:
    found = Alliance.objects.visible_to(request.actor).filter(code=code).first()
    if found is None:
        raise Unknown("alliance.unknown")
    if found not in _alliances(request):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_READ))
    return found


def _institutions(alliance: Alliance, on: date) -> list[Institution]:
    """Members first, then associates, by name."""
    rows = (
        alliance.memberships.filter(Q(until__isnull=True) | Q(until__gte=on), since__lte=on)
        .select_related("institution")
        .order_by("-since")
    )
    kinds = {row.institution: row.kind for row in reversed(rows)}
    return sorted(
        kinds, key=lambda one: (kinds[one] != Membership.Kind.MEMBER, _name(one).casefold())
    )


def _name(one: Institution) -> str:
    return one.names.get(get_language() or "en") or one.name


def _frame(request: Request, alliance: Alliance, current: str) -> dict[str, Any]:
    views = [
        ("matrix", _("Now")),
        ("rounds", _("Survey rounds")),
        ("difference", _("Difference between two rounds")),
    ]
    return {
        "tabs": tabs(request.actor, "matrix"),
        "views": components.tabs(
            [
                Tab(word, reverse(f"network:{name}", args=[alliance.code]), name == current)
                for name, word in views
            ],
            label=_("Views of what the members can do"),
        ),
        "alliance": alliance,
    }


def matrices(request: Request) -> HttpResponse:
    """The alliances whose matrix one may see; the only one at once."""
    found = _alliances(request)
    if not found and not request.actor.has(May.ALLIANCE_READ):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_READ))
    if len(found) == 1:
        return redirect("network:matrix", code=found[0].code)
    return page(
        request,
        "network/matrices.html",
        heading=_("Who can do what"),
        tabs=tabs(request.actor, "matrix"),
        table=components.table(
            _("Alliances"),
            [Column(label=_("Alliance"))],
            [
                Row([Cell(one.name, href=reverse("network:matrix", args=[one.code]))])
                for one in found
            ],
            hide_caption=True,
            empty_text=_("There is no alliance yet."),
        ),
    )


# Now -------------------------------------------------------------------------------------------


def matrix(request: Request, code: str) -> HttpResponse:
    """Interfaces by institution as they are known now."""
    alliance = _seen(request, code)
    places = _institutions(alliance, request.today)
    known = capabilities.matrix(places)
    address = Address.of(request)
    every = address.get("all") == "yes"
    interfaces = _columns(known, every=every)
    return page(
        request,
        "network/matrix.html",
        heading=_("Who can do what in %(alliance)s") % {"alliance": alliance.name},
        lead=_("Which interfaces the members have live or in testing, and how we know."),
        **_frame(request, alliance, "matrix"),
        downloads=components.downloads(
            [
                Download(
                    _("Everything that is known"),
                    reverse("network:matrix-csv", args=[alliance.code]),
                    "CSV",
                )
            ]
        ),
        cards=components.cards(_figures(known, len(places)), label=_("In short")),
        table=_table(known, places, interfaces, alliance),
        other_view=(
            (_("Only the main interfaces"), str(address.having(all=None)))
            if every
            else (_("All interfaces"), str(address.having(all="yes")))
        ),
        legend=[components.badge(label(State, value), _TONES[value]) for value in State.values],
    )


def _columns(known: Matrix, *, every: bool) -> list[str]:
    """The main interfaces, and with `every` all of which anything is known."""
    return capabilities.in_order({*capabilities.MAIN, *(known.interfaces if every else ())})


def _figures(known: Matrix, institutions: int) -> list[Figure]:
    return [
        Figure(
            label=api_word(interface),
            value=_("%(live)s of %(all)s")
            % {"live": known.count(interface, State.LIVE), "all": institutions},
            note=_("live, %(count)s more testing")
            % {"count": known.count(interface, State.TESTING)},
        )
        for interface in ("iias", "omobilities", "omobility-las", "imobility-tors")
    ]


def _table(
    known: Matrix, places: Sequence[Institution], interfaces: Sequence[str], alliance: Alliance
) -> SafeString:
    return components.table(
        _("Interfaces by institution"),
        [
            Column(label=_("Institution")),
            *(
                Column(
                    label=api_word(interface),
                    hint=interface if api_word(interface) != interface else "",
                )
                for interface in interfaces
            ),
        ],
        [
            Row(
                [
                    Cell(
                        _name(one),
                        href=reverse("network:abilities", args=[alliance.code, one.pk]),
                    ),
                    *(_standing(known.at(one.pk, interface)) for interface in interfaces),
                ]
            )
            for one in places
        ],
        empty_text=_("The alliance has no members yet."),
    )


def _standing(found: Standing | None) -> Cell:
    if found is None:
        return Cell(label(State, State.UNKNOWN), tone=_TONES[State.UNKNOWN])
    newest = found.newest
    source = (
        _("catalogue")
        if newest.source == Capability.Source.CATALOGUE
        else newest.survey_round or _("survey")
    )
    parts = [newest.version, _("since %(day)s") % {"day": shown(newest.since)}, source]
    if found.disputed_by is not None:
        parts.append(
            _("the survey says: %(state)s") % {"state": label(State, found.disputed_by.state)}
        )
    return Cell(
        label(State, newest.state),
        tone=_TONES[newest.state],
        note=", ".join(part for part in parts if part),
    )


_HEADER = [
    "institution", "hei_id", "process", "interface", "state", "version", "channel", "system", "since", "source",
    "survey_round",
]  # fmt: skip


def as_csv(request: Request, code: str) -> HttpResponseBase:
    """Everything that is known, newest and older, one line each."""
    alliance = _seen(request, code)
    rows = (
        Capability.objects.filter(institution__in=_institutions(alliance, request.today))
        .select_related("institution")
        .order_by("institution__name", "process", "interface", "since", "pk")
    )
    lines = (
        [
            row.institution.name, row.institution.hei_id, row.process, row.interface, row.state, row.version,
            row.channel, row.system, row.since, row.source, row.survey_round,
        ]
        for row in rows.iterator(chunk_size=2000)
    )  # fmt: skip
    return csv_file(f"capabilities-{alliance.code}", _HEADER, lines)


# One institution -------------------------------------------------------------------------------


def abilities(request: Request, code: str, pk: int) -> HttpResponse:
    """Everything that is known of one institution, with what was known before."""
    alliance = _seen(request, code)
    one = next(
        (each for each in _institutions(alliance, request.today) if each.pk == pk),
        None,
    )
    if one is None:
        raise Unknown("institution.unknown")
    rows = list(Capability.objects.filter(institution=one).order_by("-since", "-pk")[:500])
    rows.sort(key=lambda row: capabilities.in_order({row.interface, *_all()}).index(row.interface))
    return page(
        request,
        "network/abilities.html",
        heading=_name(one),
        lead=one.hei_id,
        trail=[(_("Who can do what"), reverse("network:matrix", args=[alliance.code]))],
        table=components.table(
            _("What it can do, and how we know"),
            [
                Column(label=_("Interface")),
                Column(label=_("State")),
                Column(label=_("Version")),
                Column(label=_("Since")),
                Column(label=_("Source")),
                Column(label=_("System")),
                Column(label=_("How it is reached")),
            ],
            [
                Row(
                    [
                        Cell(api_word(row.interface), note=row.interface),
                        Cell(label(State, row.state), tone=_TONES[row.state]),
                        row.version,
                        Cell(row.since, nowrap=True),
                        Cell(label(Capability.Source, row.source), note=row.survey_round),
                        row.system,
                        str(_CHANNELS.get(row.channel, row.channel)),
                    ]
                )
                for row in rows
            ],
            empty_text=_("Nothing is known yet."),
        ),
        answer=reverse("network:answer", args=[alliance.code, one.pk])
        if _may_answer(request.actor, one)
        else "",
        partner=reverse("network:partner", args=[one.hei_id]),
    )


def _all() -> set[str]:
    return {interface for _process, interface in capabilities.INTERFACES}


def _may_answer(actor: Actor, one: Institution) -> bool:
    in_reach = may_answer_for(actor)
    return in_reach is None or one.pk in in_reach


# Rounds ----------------------------------------------------------------------------------------


def rounds(request: Request, code: str) -> HttpResponse:
    """The survey rounds, newest first, and where the next one is entered."""
    alliance = _seen(request, code)
    places = _institutions(alliance, request.today)
    found = capabilities.rounds(places)
    in_reach = may_answer_for(request.actor)
    enters = [one for one in places if in_reach is None or one.pk in in_reach]
    return page(
        request,
        "network/rounds.html",
        heading=_("Survey rounds of %(alliance)s") % {"alliance": alliance.name},
        **_frame(request, alliance, "rounds"),
        table=components.table(
            _("Survey rounds"),
            [
                Column(label=_("Round")),
                Column(label=_("Answers of")),
                Column(label=_("Institutions"), numeric=True),
                *(Column(label=label(State, value), numeric=True) for value in State.values),
                Column(label=_("Difference")),
            ],
            [
                _round(one, older, len(places), alliance)
                for one, older in zip_longest(found, found[1:])
            ],
            hide_caption=True,
            empty_text=_("There was no survey yet."),
        ),
        enters=[
            (_name(one), reverse("network:answer", args=[alliance.code, one.pk])) for one in enters
        ],
        brings=reverse("imports:bring", args=["survey"])
        if enters
        and (request.actor.has(May.ALLIANCE_EDIT) or request.actor.has(May.INSTITUTIONS_EDIT))
        else "",
    )


def _round(one: Round, older: Round | None, institutions: int, alliance: Alliance) -> Row:
    days = shown(one.first)
    if one.last != one.first:
        days = _("%(first)s to %(last)s") % {"first": shown(one.first), "last": shown(one.last)}
    to_older = Cell("–")
    if older is not None:
        query = Address(
            reverse("network:difference", args=[alliance.code]),
            (("before", older.name), ("after", one.name)),
        )
        to_older = Cell(_("to %(round)s") % {"round": older.name}, href=str(query))
    return Row(
        [
            one.name,
            days,
            _("%(count)s of %(all)s") % {"count": one.institutions, "all": institutions},
            *(str(one.states.get(value, 0)) for value in State.values),
            to_older,
        ]
    )


class Comparison(forms.Form):
    """Which two rounds are compared."""

    before = ChoiceField(label=gettext_lazy("Before"), required=False)
    after = ChoiceField(label=gettext_lazy("After"), required=False)
    same = forms.BooleanField(label=gettext_lazy("Show also what is the same"), required=False)

    def __init__(self, data: Any, names: Sequence[str]) -> None:
        super().__init__(data, auto_id="filter_%s")
        for field in ("before", "after"):
            self.fields[field].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


def _compared(
    request: Request, alliance: Alliance
) -> tuple[Comparison, list[Difference], str, str]:
    places = _institutions(alliance, request.today)
    names = [one.name for one in capabilities.rounds(places)]
    asked = request.GET
    after = asked.get("after") if asked.get("after") in names else names[0] if names else ""
    older = names[names.index(after) + 1 :] if after else []
    before = asked.get("before") if asked.get("before") in names else (older or names or [""])[0]
    form = Comparison({"before": before, "after": after, "same": asked.get("same", "")}, names)
    if not before or not after:
        return form, [], "", ""
    found = capabilities.difference(
        capabilities.answers(places, before), capabilities.answers(places, after)
    )
    return form, found, before, after


def difference(request: Request, code: str) -> HttpResponse:
    """How the answers of two rounds differ."""
    alliance = _seen(request, code)
    form, found, before, after = _compared(request, alliance)
    every = bool(request.GET.get("same"))
    steps = Counter(one.step for one in found)
    rows = sorted(
        (one for one in found if every or one.step is not Step.SAME),
        key=lambda one: _name(one.institution).casefold(),
    )
    address = Address.of(request)
    return page(
        request,
        "network/difference.html",
        heading=_("Difference between two rounds"),
        lead=f"{before} → {after}" if before else "",
        **_frame(request, alliance, "difference"),
        form=form,
        path=address.path,
        has_rounds=bool(before),
        cards=components.cards(
            [
                Figure(
                    label=str(word),
                    value=steps.get(step, 0),
                    tone=tone if steps.get(step) and step is not Step.SAME else "plain",
                )
                for step, (word, tone) in _STEPS.items()
                if steps.get(step) or step in {Step.FORWARD, Step.BACK}
            ],
            label=_("Answers by direction"),
        )
        if before
        else "",
        downloads=components.downloads(
            [
                Download(
                    _("The difference"),
                    str(address.at(reverse("network:difference-csv", args=[alliance.code]))),
                    "CSV",
                )
            ]
        )
        if before
        else "",
        table=components.table(
            _("From %(before)s to %(after)s") % {"before": before, "after": after},
            [
                Column(label=_("Institution")),
                Column(label=_("Interface")),
                Column(label=_("Direction")),
                Column(label=before or _("Before")),
                Column(label=after or _("After")),
            ],
            [_difference(one) for one in rows],
            empty_text=_("Nothing differs between these two rounds."),
        )
        if before
        else "",
    )


def _difference(one: Difference) -> Row:
    word, tone = _STEPS[one.step]
    return Row(
        [
            _name(one.institution),
            Cell(api_word(one.interface), note=one.interface),
            Cell(str(word), tone=tone),
            _answered(one.before),
            _answered(one.after),
        ]
    )


def _answered(row: Capability | None) -> Cell:
    if row is None:
        return Cell(_("no answer"))
    parts = [row.version, row.system, str(_CHANNELS.get(row.channel, row.channel))]
    return Cell(
        components.badge(label(State, row.state), _TONES[row.state]),
        note=", ".join(part for part in parts if part),
    )


_DIFFERENCE = [
    "institution", "hei_id", "interface", "step", "state_before", "state_after", "version_before", "version_after",
    "system_before", "system_after", "channel_before", "channel_after",
]  # fmt: skip


def difference_csv(request: Request, code: str) -> HttpResponseBase:
    """The difference, every line of it, as CSV."""
    alliance = _seen(request, code)
    _form, found, _before, _after = _compared(request, alliance)

    def lines() -> Iterator[list[object]]:
        for one in found:
            pair = (one.before, one.after)
            yield [
                one.institution.name,
                one.institution.hei_id,
                one.interface,
                str(one.step),
                *(
                    getattr(row, name) if row is not None else ""
                    for name in ("state", "version", "system", "channel")
                    for row in pair
                ),
            ]

    return csv_file(f"difference-{alliance.code}", _DIFFERENCE, lines())


# Answering -------------------------------------------------------------------------------------

_ASKED = (*capabilities.MAIN, "file", "simple-course-replication")
_NOT_ASKED = ""


class Answers(forms.Form):
    """The answers of one institution in one round: a name, a day, and a row for each interface."""

    survey_round = forms.CharField(
        label=gettext_lazy("Name of the round"),
        max_length=40,
        help_text=gettext_lazy("The same for all institutions, as “Survey, autumn 2026”."),
        widget=forms.TextInput(attrs={"list": "rounds"}),
    )
    since = forms.DateField(label=gettext_lazy("Day of the answers"), widget=_DAY)

    def __init__(self, data: Any, *, interfaces: Sequence[str], initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        self.interfaces = list(interfaces)
        states = [
            (_NOT_ASKED, _("no answer")),
            *((value, label(State, value)) for value in State.values),
        ]
        channels = [("", "–"), *((value, str(_CHANNELS[value])) for value in CHANNELS)]
        for name in self.interfaces:
            self.fields[f"{name}-state"] = ChoiceField(
                label=_("State"), choices=states, required=False
            )
            self.fields[f"{name}-version"] = forms.CharField(
                label=_("Version"), max_length=20, required=False
            )
            self.fields[f"{name}-system"] = forms.CharField(
                label=_("System"), max_length=100, required=False
            )
            self.fields[f"{name}-channel"] = ChoiceField(
                label=_("How it is reached"), choices=channels, required=False
            )

    @property
    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Each interface in words with its four fields."""
        parts = ("state", "version", "system", "channel")
        return [
            (api_word(name), [self[f"{name}-{part}"] for part in parts]) for name in self.interfaces
        ]

    def facts(self, institution: Institution) -> list[AbilityFacts]:
        """What was answered."""
        told = self.cleaned_data
        return [
            AbilityFacts(
                institution=institution.hei_id,
                survey_round=" ".join(told["survey_round"].split()),
                since=told["since"],
                interface=name,
                state=told[f"{name}-state"],
                version=told[f"{name}-version"].strip(),
                system=told[f"{name}-system"].strip(),
                channel=told[f"{name}-channel"],
            )
            for name in self.interfaces
            if told[f"{name}-state"] != _NOT_ASKED
        ]


def answer(request: Request, code: str, pk: int) -> HttpResponse:
    """What an institution answers in a round; begins with what it answered last."""
    alliance = _seen(request, code)
    places = _institutions(alliance, request.today)
    one = next((each for each in places if each.pk == pk), None)
    if one is None:
        raise Unknown("institution.unknown")
    if not _may_answer(request.actor, one):
        raise NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT))
    names = [found.name for found in capabilities.rounds(places)]
    chosen = request.GET.get("round", "") or (names[0] if names else "")
    rows = capabilities.answers([one], chosen)
    if not rows and names:
        rows = next((found for name in names if (found := capabilities.answers([one], name))), [])
    initial: dict[str, Any] = {
        "survey_round": chosen,
        "since": next((row.since for row in rows if row.survey_round == chosen), request.today),
    }
    for row in rows:
        for part in ("state", "version", "system", "channel"):
            initial[f"{row.interface}-{part}"] = getattr(row, part)
    interfaces = capabilities.in_order({*_ASKED, *(row.interface for row in rows)})
    form = Answers(
        request.POST if request.method == "POST" else None, interfaces=interfaces, initial=initial
    )
    back = reverse("network:abilities", args=[alliance.code, one.pk])
    if request.method == "POST" and form.is_valid():
        try:
            actions.answer_survey(
                actor=request.actor,
                institution=one,
                survey_round=" ".join(form.cleaned_data["survey_round"].split()),
                facts=form.facts(one),
                now=request.now,
            )
        except NotAllowed:
            raise
        except Refusal as refusal:
            told = sentence_of(refusal)
            field = str(refusal.facts.get("field", ""))
            form.add_error(
                field if field in form.fields else None, f"{told.sentence} {told.remedy}"
            )
        else:
            messages.success(request, _("The answers are kept."))
            return HttpResponseRedirect(back)
    return page(
        request,
        "network/answer.html",
        heading=_("Answers of %(institution)s") % {"institution": _name(one)},
        trail=[
            (_("Who can do what"), reverse("network:matrix", args=[alliance.code])),
            (_name(one), back),
        ],
        form=form,
        names=names,
        back=back,
    )
