"""Every rule with its source, its dates and its cases, as whoever knows the law would check them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vaihto.classification import ruleset
from vaihto.refusals import NotAllowed, Unknown
from vaihto.rules import catalogue
from vaihto.rules.cases import Case, cases_of
from vaihto.rules.declarations import ROOM
from vaihto.rules.findings import Effect, Rule, every_part
from vaihto.rules.parameters import Parameter, parameters
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Row, Tone
from vaihto.web.frame import Frame, Request, page
from vaihto.web.wording import shown
from vaihto.wording import mark

EFFECTS = {
    Effect.BLOCK: gettext_lazy("stops"),
    Effect.WARN: gettext_lazy("warns"),
    Effect.EXPLAIN: gettext_lazy("explains"),
    Effect.COUNT: gettext_lazy("counts"),
    Effect.CLOCK: gettext_lazy("sets a date"),
}
_TONES: dict[Effect, Tone] = {
    Effect.BLOCK: "bad",
    Effect.WARN: "warn",
    Effect.EXPLAIN: "plain",
    Effect.COUNT: "info",
    Effect.CLOCK: "info",
}
TOPICS = {
    "finland": gettext_lazy("Finland: recording and statistics"),
    "checks": gettext_lazy("Checks before sending"),
    "student": gettext_lazy("Student mobility"),
    "blended": gettext_lazy("Blended intensive programmes"),
    "staff": gettext_lazy("Staff mobility"),
    "grants": gettext_lazy("Grants and funded lengths"),
    "participation": gettext_lazy("What the alliance counts"),
    "restated": gettext_lazy("Finland in short"),
}
# Words of the rules' declarations, so that the collectors of translatable text find them.
SUBJECTS: tuple[str, ...] = (
    mark("attainment"),
    mark("attainment of a batch"),
    mark("blended intensive programme"),
    mark("credits and the stay they come from"),
    mark("event of mobility"),
    mark("graduate"),
    mark("key of a record"),
    mark("number of periods against the year before"),
    mark("number of periods by start year"),
    mark("participant of a blended intensive programme"),
    mark("period"),
    mark("period of a batch"),
    mark("primacy of a student"),
    mark("published figure"),
    mark("record in a batch"),
    mark("staff visit"),
    mark("stay"),
    mark("student of a batch"),
    mark("study right"),
    mark("study right of a batch"),
    mark("transfer to the national warehouse"),
    mark("transfers"),
    mark("value of a record"),
)
UNITS: tuple[str, ...] = (
    mark("days"),
    mark("months"),
    mark("years"),
    mark("hours"),
    mark("weeks"),
    mark("persons"),
    mark("institutions"),
    mark("countries"),
    mark("credits"),
    mark("euro"),
    mark("percent"),
    mark("kilometres"),
    mark("choice"),
    mark("yes or no"),
    mark("count"),
    mark("level"),
    mark("characters"),
)


class RuleFilter(forms.Form):
    """Which rules to list."""

    q = forms.CharField(label=gettext_lazy("Search"), required=False)
    topic = forms.ChoiceField(label=gettext_lazy("Topic"), required=False)
    effect = forms.ChoiceField(label=gettext_lazy("Effect"), required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # Django's own signature
        present = dict.fromkeys(one.topic for one in catalogue.rules())
        self.fields["topic"].choices = [  # type: ignore[attr-defined]  # a choice field
            ("", _("All topics")),
            *((topic, str(TOPICS.get(topic, topic))) for topic in present),
        ]
        self.fields["effect"].choices = [  # type: ignore[attr-defined]  # a choice field
            ("", _("All effects")),
            *((str(effect), str(word)) for effect, word in EFFECTS.items()),
        ]


def _readers_only(request: Request) -> None:
    if request.actor.is_stranger:
        raise NotAllowed("not-allowed")


def rules(request: Request) -> HttpResponse:
    """All rules, searched and filtered by the address."""
    _readers_only(request)
    form = RuleFilter(request.GET)
    form.is_valid()
    language = Frame(request, request.actor).language
    chosen = [one for one in catalogue.rules() if _fits(one, form.cleaned_data, language)]
    rows = [
        Row(
            (
                Cell(one.code, href=reverse("rules:rule", args=[one.code])),
                one.title(language),
                Cell(str(EFFECTS[one.effect]), tone=_TONES[one.effect]),
                validity(one),
                one.source,
            )
        )
        for one in chosen
    ]
    return page(
        request,
        "rules/rules.html",
        heading=_("Rules"),
        lead=ngettext(
            "%(count)s rule, edition %(edition)s",
            "%(count)s rules, edition %(edition)s",
            len(catalogue.rules()),
        )
        % {"count": len(catalogue.rules()), "edition": ruleset.OWN.key},
        filters=components.filters(form, Address.of(request)),
        table=components.table(
            _("Rules"),
            (
                Column(label=_("Code")),
                Column(label=_("What it says")),
                Column(label=_("Effect")),
                Column(label=_("In force")),
                Column(label=_("Source")),
            ),
            rows,
            hide_caption=True,
            empty_text=_("No rule fits the filter."),
        ),
    )


def _fits(one: Rule, chosen: dict[str, str], language: str) -> bool:
    if chosen.get("topic") and one.topic != chosen["topic"]:
        return False
    if chosen.get("effect") and str(one.effect) != chosen["effect"]:
        return False
    wanted = (chosen.get("q") or "").casefold()
    text = f"{one.code} {one.title(language)} {one.source}".casefold()
    return all(word in text for word in wanted.split())


def validity(one: Rule) -> str:
    """From when to when the rule holds, in words."""
    since, until = one.texts.since, one.texts.until
    if since and until:
        return _("%(since)s to %(until)s") % {"since": shown(since), "until": shown(until)}
    if since:
        return _("from %(since)s") % {"since": shown(since)}
    if until:
        return _("until %(until)s") % {"until": shown(until)}
    return _("always")


@dataclass(frozen=True)
class ShownCase:
    """A case in the words of its file."""

    name: str
    given: list[tuple[str, str]]
    expected: list[tuple[str, str]]


def rule(request: Request, code: str) -> HttpResponse:
    """One rule: what it says when it holds and when not, its parameters with their days, its cases."""
    _readers_only(request)
    try:
        one = catalogue.rule_of(code)
    except KeyError as error:
        raise Unknown("rules.unknown") from error
    language = Frame(request, request.actor).language
    codes = [each.code for each in catalogue.rules()]
    place = codes.index(code)
    return page(
        request,
        "rules/rule.html",
        heading=f"{one.code} · {one.title(language)}",
        trail=((_("Rules"), reverse("rules:list")),),
        rule=one,
        facts=components.facts(
            (
                (_("Effect"), components.badge(str(EFFECTS[one.effect]), _TONES[one.effect])),
                (_("Topic"), str(TOPICS.get(one.topic, one.topic))),
                (_("About one"), _(one.subject.name)),
                (_("In force"), validity(one)),
                (_("Source"), one.source),
                (_("Edition"), ruleset.OWN.key),
            )
        ),
        holds=_readable(one.texts.holds, language),
        fails=_readable(one.texts.fails, language),
        parameters=[_parameter(each, language) for each in parameters_of(one)],
        cases=_cases(one),
        before=codes[place - 1] if place else "",
        after=codes[place + 1] if place + 1 < len(codes) else "",
    )


_NAMED = re.compile(r"%\((\w+)\)s")


def _readable(texts: Mapping[str, str], language: str) -> str:
    """A sentence with the places of its values shown as ‹name›."""
    text = every_part(texts.get(language) or texts["en"])
    return _NAMED.sub(r"‹\1›", text).replace("%%", "%")


@lru_cache(maxsize=256)
def _names_used(topic: str, code: str) -> frozenset[str]:
    """Parameters that the rule's own lines and its topic's helpers name."""
    logic = inspect.getsource(catalogue.rule_of(code).logic)
    named = set(re.findall(r'parameter\(\s*"(\w+)"', logic))
    helpers = re.findall(
        r"def (\w+)\(.*?(?=\n(?:@|def |class |[A-Z_]+ ?[:=])|\Z)", _source(topic), re.DOTALL
    )
    for name in helpers:
        if re.search(rf"\b{name}\(", logic.partition("\n")[2]):
            body = re.search(
                rf"def {name}\(.*?(?=\n(?:@|def |class )|\Z)", _source(topic), re.DOTALL
            )
            named |= set(re.findall(r'parameter\(\s*"(\w+)"', body[0])) if body else set()
    return frozenset(named)


@lru_cache(maxsize=16)
def _source(topic: str) -> str:
    return (ROOM / f"{topic}.py").read_text("utf-8")


def parameters_of(one: Rule) -> list[Parameter]:
    """The dated parameters that the rule compares with."""
    known = parameters()
    return [known[name] for name in sorted(_names_used(one.topic, one.code)) if name in known]


def _parameter(one: Parameter, language: str) -> dict[str, object]:
    return {
        "label": one.label[language if language in one.label else "en"],
        "name": one.name,
        "unit": _(one.unit),
        "source": f"{one.source.title}, {one.source.section}",
        "read": one.source.read,
        "open_point": one.open_point,
        "values": [
            (_("from the beginning") if day <= date(1900, 1, 1) else shown(day), _value(value))
            for day, value in one.values
        ],
    }


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(one)}" for key, one in value.items())
    return _("no longer in force") if value is None else shown(value)


def _cases(one: Rule) -> list[ShownCase]:
    if not (ROOM / f"{one.topic}.cases.yaml").exists():
        return []
    found = [case for case in cases_of(one.topic) if _speaks_of(case, one.code)]
    return [
        ShownCase(
            name=case.name,
            given=_pairs(case.row if case.row is not None else case.given),
            expected=_pairs(case.expect) if case.expect is not None else [],
        )
        for case in found
    ]


def _speaks_of(case: Case, code: str) -> bool:
    return case.rule == code or (case.rule is None and code in str(case.expect))


def _pairs(values: object) -> list[tuple[str, str]]:
    if isinstance(values, dict):
        return [(str(key), _plain(value)) for key, value in values.items()]
    return [("", _plain(values))] if values is not None else []


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " | ".join(_plain(one) for one in value) if value else "–"
    return _("not known") if value is None else shown(value)
