"""Why something counts or does not, in sentences: the one place where pages meet the catalogue of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import TextChoices
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from vaihto.classification import queries
from vaihto.classification.models import Judgement, MobilityMode, Period, Scheme, Verdict
from vaihto.mobilities.models import Direction, Programme, Purpose, StaffVisit, State
from vaihto.rules import catalogue
from vaihto.web.components import Tone
from vaihto.web.wording import label, shown

_SHORT = {
    Scheme.VIRTA: "VIRTA",
    Scheme.OPH: "OPH",
    Scheme.TK: "TK",
    Scheme.OKM: "OKM",
    Scheme.ERASMUS: "Erasmus+",
    Scheme.ALLIANCE: _("alliance"),
}
_KINDS = {
    "long_outgoing": _("long, outgoing"),
    "long_incoming": _("long, incoming"),
    "short_outgoing": _("short, outgoing"),
    "short_incoming": _("short, incoming"),
    "long": _("long"),
    "short": _("short"),
    "physical": _("physical"),
    "blended": _("blended"),
    "virtual": _("virtual"),
    "sent": _("sent"),
    "recorded": _("recorded here"),
    "own_credits": _("own credits"),
    "recognised_from_abroad": _("credits recognised from abroad"),
    "traineeship_abroad": _("credits of a traineeship abroad"),
    "incoming_exchange": _("credits of incoming exchange students"),
}
_MISSING = {
    "part_of_degree": _("whether the stay belongs to the degree studies"),
    "home_degree_right_abroad": _("whether the student has a degree right at a foreign home"),
    "home_degree_abroad": _("whether the student has a degree right at a foreign home"),
    "segments.start": _("the first day of a segment"),
    "segments.end": _("the last day of a segment"),
    "study_rights.states": _("the states of the study right"),
    "study_rights.start": _("study right"),
    "agreed_as_one_whole": _("whether the parts were agreed as one whole"),
    "degrees.right": _("the study right of the degree"),
    "direction": _("the direction"),
    "level": _("the level of education"),
    "start": _("the first day"),
    "end": _("the last day"),
    "hours": _("the hours"),
    "credits": _("the credits"),
}


def short_name(scheme: str) -> str:
    """The scheme as it is called in a narrow column."""
    return str(_SHORT.get(Scheme(scheme), scheme)) if scheme in Scheme.values else scheme


def kind_word(kind: str) -> str:
    """The scheme's own word for what it counts."""
    return str(_KINDS.get(kind, kind))


def missing_word(name: str) -> str:
    """What is not known, in words; an unnamed one as the rules name it."""
    return str(_MISSING.get(name) or _MISSING.get(name.rpartition("].")[2]) or name)


def rule_title(code: str) -> str:
    """The short name of a rule in the active language, or its code when the catalogue lacks it."""
    try:
        return catalogue.rule_of(code).title(_language())
    except KeyError:
        return code


def rule_href(code: str) -> str:
    """The page of a rule, or nothing when the pages of rules are not installed."""
    if not code:
        return ""
    try:
        return reverse("rules:rule", args=[code])
    except NoReverseMatch:
        return ""


def sentence(finding: Mapping[str, Any]) -> str:
    """What a rule found, with the values it compared, in the active language."""
    try:
        rule = catalogue.rule_of(finding["rule"])
    except KeyError:
        return ""
    compared = {
        name: _said(name, _day(value)) for name, value in (finding.get("compared") or {}).items()
    }
    try:
        return rule.sentence(finding.get("holds"), compared, _language())
    except (KeyError, TypeError, ValueError):
        # A stored finding may lack a value that a newer sentence names.
        return rule.title(_language())


def reason_text(code: str) -> str:
    """A reason or note code in words."""
    return queries.reason_sentence(code, _language())


def _language() -> str:
    return (get_language() or "en")[:2]


def _day(value: object) -> object:
    """A day that was stored as text, as a day again."""
    if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


_WORDS: dict[str, type[TextChoices]] = {
    "frame": Programme,
    "mode": MobilityMode,
    "state": State,
    "direction": Direction,
    "purpose": Purpose,
    "content": StaffVisit.Content,
}


def _said(name: str, value: object) -> object:
    """Days as the language writes them, choices of the records in its words; the rules word the rest."""
    if isinstance(value, date):
        return shown(value)
    choices = _WORDS.get(name)
    if choices is None or not isinstance(value, str) or value not in choices.values:
        return value
    word = label(choices, value)
    return word if choices is Programme else word.lower()


@dataclass(frozen=True)
class Answer:
    """Does it count for one scheme: the word, why, by which rule, and what is missing."""

    scheme: str
    name: str
    word: str
    tone: Tone
    year: int | None
    kind: str
    period: Period | None
    rule: str
    title: str
    href: str
    sentence: str
    reason: str
    reason_code: str
    missing: Sequence[str]


def answers(
    verdicts: Iterable[Verdict],
    judgement: Judgement | None,
    periods: Mapping[int, Period],
) -> list[Answer]:
    """The verdicts on one side as a person reads them, in the order of the schemes."""
    findings = judgement.findings if judgement else []
    return [
        _answer(one, findings, periods.get(one.period_id) if one.period_id else None)
        for one in in_order(verdicts)
    ]


def _answer(
    verdict: Verdict, findings: Sequence[Mapping[str, Any]], period: Period | None
) -> Answer:
    word, tone = _verdict_word(verdict)
    finding = _deciding(findings, verdict.rule, period.index if period else None)
    said = sentence(finding) if finding else ""
    if not said and verdict.included is None:
        said = gettext("Something that decides is not known.")
    return Answer(
        scheme=verdict.scheme,
        name=label(Scheme, verdict.scheme),
        word=word,
        tone=tone,
        year=verdict.year,
        kind="" if verdict.scheme == Scheme.VIRTA else kind_word(verdict.kind),
        period=period,
        rule=verdict.rule,
        title=rule_title(verdict.rule) if verdict.rule else "",
        href=rule_href(verdict.rule),
        sentence=said,
        reason=reason_text(verdict.reason_code),
        reason_code=verdict.reason_code,
        missing=[missing_word(name) for name in verdict.missing],
    )


def short_answer(verdict: Verdict) -> str:
    """The scheme and its answer in one breath."""
    return gettext("%(scheme)s: %(answer)s") % {
        "scheme": short_name(verdict.scheme),
        "answer": _verdict_word(verdict)[0].lower(),
    }


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Verdicts in the order of the schemes."""
    order = {scheme: number for number, scheme in enumerate(Scheme.values)}
    return sorted(verdicts, key=lambda v: (order.get(v.scheme, 99), v.period_id or 0, v.pk))


def _verdict_word(verdict: Verdict) -> tuple[str, Tone]:
    """The answer in a word; the register does not count, it is written into."""
    if verdict.included is None:
        return gettext("Cannot be told"), "warn"
    if verdict.scheme == Scheme.VIRTA:
        if verdict.included:
            return gettext("Sent"), "good"
        return (
            (gettext("Kept, not sent"), "plain")
            if verdict.kind == "recorded"
            else (gettext("Not recorded"), "plain")
        )
    return (gettext("Counted"), "good") if verdict.included else (gettext("Not counted"), "plain")


def _deciding(
    findings: Sequence[Mapping[str, Any]], rule: str, index: int | None
) -> Mapping[str, Any] | None:
    """The finding of the rule on this very period, else on the mobility as a whole."""
    same = [finding for finding in findings if finding.get("rule") == rule]
    exact = [finding for finding in same if finding.get("period") == index]
    whole = [finding for finding in same if finding.get("period") is None]
    return next(iter([*exact, *whole, *same]), None)


@dataclass(frozen=True)
class Found:
    """One finding as a line: which rule, about which period, what it says."""

    rule: str
    title: str
    href: str
    period: int | None
    holds: bool | None
    sentence: str
    compared: Sequence[tuple[str, object]]


def found(judgement: Judgement | None) -> list[Found]:
    """Every finding of a judgement, in the order the rules were asked."""
    return [
        Found(
            rule=one["rule"],
            title=rule_title(one["rule"]),
            href=rule_href(one["rule"]),
            period=one.get("period"),
            holds=one.get("holds"),
            sentence=sentence(one),
            compared=[(name, _day(value)) for name, value in (one.get("compared") or {}).items()],
        )
        for one in (judgement.findings if judgement else [])
    ]
