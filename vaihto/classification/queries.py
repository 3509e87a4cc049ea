"""What pages and exports ask: why something counts, and what a collection would hold today.

A rehearsal gives the rows of an extraction with the columns of the national reference (4.2, 4.5, 4.6), those
that are left out with the reason, and totals. It can be frozen (`collections`) and compared with today.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from threading import Lock
from typing import Any

import polars as pl
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext

from vaihto.classification import columns, outcome, ruleset
from vaihto.classification.models import Judgement, Period, Scheme, Stamp, Verdict
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Kind, Side
from vaihto.people.models import StudyRightSpell
from vaihto.refusals import Invalid
from vaihto.rules import catalogue, reasons
from vaihto.transcripts.models import Attainment
from vaihto.wording import mark as _

OPH_EXTRACTIONS = (
    "oph_long_outgoing",
    "oph_short_outgoing",
    "oph_long_incoming",
    "oph_short_incoming",
)
TK, OKM, OKM_STAFF = "tk", "okm", "okm_staff"
EXTRACTIONS = (*OPH_EXTRACTIONS, TK, OKM, OKM_STAFF)
LONG = 87  # where to list what is left out; whether it counts is the rules' business
ROWS_AT_ONCE = 2000
CREDITS_AT_ONCE = 5000


class UnknownExtraction(Invalid):
    """No collection of that name."""

    sentence = _("There is no extraction called “%(value)s”.")


# --- Why ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SchemeRow:
    """One line of "Does it count?": the verdict, the rule that decided, and what it compared."""

    scheme: str
    period: Period | None
    included: bool | None
    kind: str
    year: int | None
    amount: Any
    reason_code: str
    reason: str
    rule: str
    sentence: str
    missing: tuple[str, ...]


def reason_sentence(code: str, language: str) -> str:
    """Why something is not counted, or a note, in the reader's language; an unknown code as it is."""
    if code in outcome.OWN_REASONS:
        with translation.override(language):
            return gettext(outcome.OWN_REASONS[code])
    return reasons.reason(code, language) if code in reasons.reasons() else code


def explanation(side: Side, language: str) -> list[SchemeRow]:
    """The lines of one side, scheme by scheme; two queries. The caller has checked `visible_to`."""
    judgement = Judgement.objects.filter(side=side).first()
    order = {scheme: at for at, scheme in enumerate(Scheme.values)}
    verdicts = sorted(
        Verdict.objects.filter(side=side).select_related("period"),
        key=lambda one: (order[one.scheme], one.period_id or 0, one.year or 0, one.kind),
    )
    findings = judgement.findings if judgement else []
    return [
        SchemeRow(
            scheme=one.scheme,
            period=one.period,
            included=one.included,
            kind=one.kind,
            year=one.year,
            amount=one.amount,
            reason_code=one.reason_code,
            reason=reason_sentence(one.reason_code, language),
            rule=one.rule,
            sentence=_sentence(one, findings, language),
            missing=tuple(one.missing),
        )
        for one in verdicts
    ]


def _sentence(verdict: Verdict, findings: Sequence[Mapping[str, Any]], language: str) -> str:
    index = verdict.period.index if verdict.period else None
    fitting = [one for one in findings if one["rule"] == verdict.rule]
    fitting.sort(key=lambda one: (one["period"] != index, one["period"] is not None))
    if not fitting:
        return ""
    finding = fitting[0]
    compared = {name: as_value(value) for name, value in finding["compared"].items()}
    return catalogue.rule_of(verdict.rule).sentence(finding["holds"], compared, language)


def as_value(stored: Any) -> Any:
    """A compared value as it was before it became JSON: a day is a day again."""
    if isinstance(stored, str) and len(stored) == 10 and stored[4] == stored[7] == "-":
        try:
            return date.fromisoformat(stored)
        except ValueError:
            return stored
    return stored


def cannot_be_told(actor: Actor) -> QuerySet[Verdict]:
    """Verdicts that somebody could complete: something is not known of records one may see."""
    return (
        Verdict.objects.visible_to(actor)
        .filter(included__isnull=True)
        .select_related("side__mobility", "institution")
    )


# --- Rehearsal ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of an extraction. `values` has the extraction's own columns, by name."""

    key: str
    side_id: int | None
    mobility_id: int | None
    included: bool | None
    reason_code: str
    rule: str
    missing: tuple[str, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Total:
    """How many included lines (and credits, where the extraction counts those) have a value."""

    value: str
    count: int
    amount: float | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What a collection would hold today: counts, totals by dimension, and why lines are left out."""

    extraction: str
    year: int
    included: int
    excluded: int
    not_told: int
    columns: tuple[str, ...]
    totals: Mapping[str, tuple[Total, ...]]
    reasons: Mapping[str, int]
    graduates: int | None = None
    graduates_with_mobility: int | None = None


OPH_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "oph_long_outgoing": ("kohdemaa",),
    "oph_short_outgoing": ("kohdemaa",),
    "oph_long_incoming": ("lahtomaa", "kansalaisuus"),
    "oph_short_incoming": ("lahtomaa",),
}
_OPH_FIRST = ("hetu", "jaksoAlkupvm", "jaksoLoppupvm", "kesto")
_OPH_LAST = (
    "liikkuvuusohjelma", "liikkuvuudenluokittelu", "tyyppi", "koultyp", "opintoaste",
    "koulutuskoodi", "oppilaitos", "sp", "xika", "xxaloitusvuosi", "opiskelijaavain",
    "opiskeluoikeusavain", "liikkuvuusjaksoavain",
)  # fmt: skip
_TK_COLUMNS = (
    "oppilaitos", "tutkinnonSuoritusPvm", "tilastovuosi", "koulutuskoodi", "taso", "sp", "ika",
    "liikkuvuusvuosi", "kohdemaa", "tyyppi", "liikkuvuusohjelma", "suunta", "kesto",
    "lyhyetJaksot", "pitkatJaksot", "pituusluokka", "suoritusmaa", "opiskelijaavain",
    "opiskeluoikeusavain", "liikkuvuusjaksoavain",
)  # fmt: skip
_OKM_COLUMNS = (
    "oppilaitos", "vuosi", "opintosuoritusavain", "suoritusPvm", "laji", "laajuus",
    "perustutkinto", "hyvaksiluetut", "ulkomaaHarjoittelu", "kvVaihto",
)  # fmt: skip
_STAFF_COLUMNS = ("oppilaitos", "vuosi", "suunta", "paivat", "pituus", "sisalto", "maa", "avain")
# The national names of the ministry's columns, by those of the rules.
OKM_NAMES = {
    "own_credits": "perustutkinto",
    "recognised_from_abroad": "hyvaksiluetut",
    "traineeship_abroad": "ulkomaaHarjoittelu",
    "incoming_exchange": "kvVaihto",
}


def columns_of(extraction: str) -> tuple[str, ...]:
    """The columns of an extraction, in order. Source: reference 4.2, 4.5, 4.6."""
    if extraction in OPH_EXTRACTIONS:
        return (*_OPH_FIRST, *OPH_COLUMNS[extraction], *_OPH_LAST)
    known = {TK: _TK_COLUMNS, OKM: _OKM_COLUMNS, OKM_STAFF: _STAFF_COLUMNS}
    if extraction not in known:
        raise UnknownExtraction("extraction.unknown", field="extraction", value=extraction)
    return known[extraction]


def _verdicts(
    actor: Actor, institution: Institution, extraction: str, year: int
) -> QuerySet[Verdict]:
    """Everything the extraction looks at in the year: what it takes and what it leaves out."""
    actor.require(May.VIRTA_READ, institution.pk)
    columns_of(extraction)
    seen = Verdict.objects.visible_to(actor).filter(institution=institution, year=year)
    if extraction == TK:
        return seen.filter(scheme=Scheme.TK)
    if extraction == OKM_STAFF:
        return seen.filter(scheme=Scheme.OKM, side__mobility__kind=Kind.STAFF)
    if extraction == OKM:
        return seen.filter(scheme=Scheme.OKM, side__mobility__kind=Kind.STUDENT)
    _oph, length, direction = extraction.split("_")
    of_direction = seen.filter(scheme=Scheme.OPH, direction=direction)
    if length == "long":
        return of_direction.filter(period__days__gte=LONG)
    return of_direction.exclude(period__days__gte=LONG)


class _Held:
    """Answers that hold until something else is said of the institution; a few, in this process only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = Lock()

    def answer(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """The answer under `key`, made when it is not there."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make()
        with self._lock:
            self._answers[key] = made
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return made


HELD = _Held(most=200)


def _held(
    actor: Actor, institution: Institution, about: tuple[Any, ...], make: Callable[[], Any]
) -> Any:
    """The answer, held for those who see the whole institution until something else is said of its records."""
    whole = actor.sees_everything or any(
        grant.institution_id == institution.pk and grant.unit_ids is None
        for grant in actor.reach(May.MOBILITIES_READ)
    )
    stamp = Stamp.objects.filter(pk=institution.pk).values_list("number", flat=True).first()
    if not whole or stamp is None or connection.in_atomic_block:
        # An open transaction may yet be taken back, and its stamp used again for something else.
        return make()
    return HELD.answer((connection.settings_dict["NAME"], institution.pk, stamp, *about), make)


def rehearsal(*, actor: Actor, institution: Institution, extraction: str, year: int) -> Rehearsal:
    """Counts, totals and reasons of an extraction as it would be today; few queries at any size."""
    actor.require(May.VIRTA_READ, institution.pk)
    columns_of(extraction)
    found: Rehearsal = _held(
        actor,
        institution,
        (extraction, year),
        lambda: _rehearsal(actor, institution, extraction, year),
    )
    return found


def _rehearsal(actor: Actor, institution: Institution, extraction: str, year: int) -> Rehearsal:
    if extraction == OKM:
        return _credit_rehearsal(actor, institution, year)
    looked_at = _verdicts(actor, institution, extraction, year).order_by()
    totals: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    why: dict[str, int] = {}
    counts = {True: 0, False: 0, None: 0}
    grouped = looked_at.values_list(
        "included", "reason_code", "rule", "kind", "period__country",
        "period__programme", "period__type", "period__level",
    ).annotate(n=Count("pk"))  # fmt: skip
    for included, reason, rule, kind, country, programme, type_, level, n in grouped:
        counts[included] += n
        if included is False:
            why[reason or rule] = why.get(reason or rule, 0) + n
        if included:
            found = {
                "country": country, "programme": programme, "type": type_, "level": level,
                "length": kind,
            }  # fmt: skip
            for name, value in found.items():
                totals[name][value or ""] += n
    graduates = with_mobility = None
    if extraction == TK:
        graduates = (
            Attainment.objects.filter(institution=institution, kind="1", completed_on__year=year)
            .values("student__person_id")
            .distinct()
            .count()
        )
        with_mobility = looked_at.filter(included=True).values("person_id").distinct().count()
    return Rehearsal(
        extraction=extraction,
        year=year,
        included=counts[True],
        excluded=counts[False],
        not_told=counts[None],
        columns=columns_of(extraction),
        totals={name: _ranked(values) for name, values in totals.items()},
        reasons=dict(sorted(why.items(), key=lambda one: (-one[1], one[0]))),
        graduates=graduates,
        graduates_with_mobility=with_mobility,
    )


def _ranked(counts: Mapping[str, int]) -> tuple[Total, ...]:
    return tuple(
        Total(value, count)
        for value, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    )


def rows(
    *,
    actor: Actor,
    institution: Institution,
    extraction: str,
    year: int,
    included: bool | None = True,
    offset: int = 0,
    limit: int | None = None,
) -> list[Row]:
    """Lines of an extraction in a steady order: those counted, those left out (False), or not told (None)."""
    end = None if limit is None else offset + limit
    if extraction == OKM:
        return list(islice(_credit_rows(actor, institution, year, included), offset, end))
    looked_at = _verdicts(actor, institution, extraction, year)
    chosen = (
        looked_at.filter(included__isnull=True)
        if included is None
        else looked_at.filter(included=included)
    )
    part = chosen.order_by("side_id", "period_id", "kind")[offset:end]
    return list(_lines(part, institution, extraction, year))


_FIELDS = (
    "pk", "side_id", "side__key", "side__mobility_id", "included", "reason_code", "rule", "missing",
    "kind", "amount", "direction", "person_id",
    "period__key", "period__start", "period__end", "period__days", "period__country",
    "period__type", "period__programme", "period__level", "period__classifications",
    "period__right_id", "period__right__key", "period__right__type", "period__right__start",
    "period__belongs_to_id", "period__belongs_to__key", "period__belongs_to__type",
    "person__identity_hash", "person__gender", "person__birth_date", "person__citizenships",
    "side__student__key", "side__mobility__visit__content",
    "side__mobility__receiving_country", "side__mobility__sending_country",
)  # fmt: skip


def _lines(
    verdicts: QuerySet[Verdict], institution: Institution, extraction: str, year: int
) -> Iterator[Row]:
    made = {TK: _tk_values, OKM_STAFF: _staff_values}.get(extraction, _oph_values)
    found = [dict(zip(_FIELDS, row, strict=True)) for row in verdicts.values_list(*_FIELDS)]
    for at in range(0, len(found), ROWS_AT_ONCE):
        some = found[at : at + ROWS_AT_ONCE]
        context = _Context.of(some, institution, extraction, year)
        for row in some:
            values = made(row, context)
            yield Row(
                key=row["period__key"] or row["side__key"],
                side_id=row["side_id"],
                mobility_id=row["side__mobility_id"],
                included=row["included"],
                reason_code=row["reason_code"],
                rule=row["rule"],
                missing=tuple(row["missing"]),
                values={name: values.get(name, "") for name in columns_of(extraction)},
            )


@dataclass(frozen=True)
class _Context:
    """What the lines of one portion need from other tables, in two queries at most."""

    institution: Institution
    extraction: str
    year: int
    spells: Mapping[int, Sequence[tuple[date, date | None, str]]] = field(default_factory=dict)
    degrees: Mapping[int, tuple[date, str, str]] = field(default_factory=dict)
    lengths: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        found: Sequence[Mapping[str, Any]],
        institution: Institution,
        extraction: str,
        year: int,
    ) -> _Context:
        if extraction == OKM_STAFF:
            return cls(institution, extraction, year)
        name = "period__belongs_to_id" if extraction == TK else "period__right_id"
        rights = sorted({row[name] for row in found if row[name]})
        spells: dict[int, list[tuple[date, date | None, str]]] = defaultdict(list)
        for some in _portions(rights):
            for right, start, end, code in (
                StudyRightSpell.objects.filter(right__in=some)
                .order_by("right", "start")
                .values_list("right_id", "start", "end", "education_code")
            ):
                spells[right].append((start, end, code))
        if extraction != TK:
            return cls(institution, extraction, year, spells)
        degrees: dict[int, tuple[date, str, str]] = {}
        for some in _portions(rights):
            for right, day, code, country in Attainment.objects.filter(
                kind="1", right__in=some, completed_on__year=year
            ).values_list("right_id", "completed_on", "education_code", "completed_in_country"):
                if right is not None and day is not None:
                    degrees[right] = (day, code, country)
        lengths: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        persons = sorted({row["person_id"] for row in found})
        for some in _portions(persons):
            for person, kind in Verdict.objects.filter(
                institution=institution, scheme=Scheme.TK, year=year, included=True, person__in=some
            ).values_list("person_id", "kind"):
                lengths[person][1 if kind == "long" else 0] += 1
        return cls(
            institution,
            extraction,
            year,
            spells,
            degrees,
            {person: (short, long) for person, (short, long) in lengths.items()},
        )

    def education_code(self, right: int | None, day: date | None, *, fallback: str) -> str:
        """The education code of the spell on a day; a general code by level where none is known."""
        for start, end, code in self.spells.get(right or 0, ()):
            if day is not None and start <= day and (end is None or end >= day):
                return code if code and code != "999999" else fallback
        return fallback


def _portions(numbers: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for at in range(0, len(numbers), size):
        yield numbers[at : at + size]


# Levels of the extraction by study right type, and the general education code of each (4.2).
UAS_LEVELS = {"1": ("1", "691999"), "3": ("2", "791999")}
UNIVERSITY_LEVELS = {
    "2": ("1", "699999"), "4": ("2", "799999"), "6": ("3", "899999"), "7": ("3", "899999"),
}  # fmt: skip


def _level(institution: Institution, type_: str | None) -> tuple[str, str]:
    levels = UAS_LEVELS if institution.sector == Institution.Sector.UAS else UNIVERSITY_LEVELS
    return levels.get(type_ or "", ("", ""))


def _age(born: date | None, on: date) -> int | str:
    if born is None:
        return ""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _oph_values(row: Mapping[str, Any], context: _Context) -> dict[str, Any]:
    incoming = row["direction"] == "incoming"
    start: date | None = row["period__start"]
    new = start is not None and start.year >= 2022  # S23, S24
    long = (row["period__days"] or 0) >= LONG
    type_ = row["period__level"] if incoming else row["period__right__type"]
    level, general = _level(context.institution, type_ or row["period__level"])
    is_uas = context.institution.sector == Institution.Sector.UAS
    return {
        "hetu": "x" if row["person__identity_hash"] else "",  # known or not: the code stays shut
        "jaksoAlkupvm": _iso(start),
        "jaksoLoppupvm": _iso(row["period__end"]),
        "kesto": row["period__days"] or "",
        "kohdemaa": row["period__country"] or row["side__mobility__receiving_country"] or "",
        "lahtomaa": row["period__country"] or row["side__mobility__sending_country"] or "",
        "kansalaisuus": (row["person__citizenships"] or [""])[0],
        "liikkuvuusohjelma": row["period__programme"] if long or new else "",
        "liikkuvuudenluokittelu": "".join(row["period__classifications"] or []) if new else "",
        "tyyppi": row["period__type"] or "",
        "koultyp": level if is_uas else "",
        "opintoaste": "" if is_uas else level,
        "koulutuskoodi": context.education_code(row["period__right_id"], start, fallback=general),
        "oppilaitos": context.institution.national_code,
        "sp": row["person__gender"] or "9",
        "xika": _age(row["person__birth_date"], date(context.year, 12, 31)),
        "xxaloitusvuosi": row["period__right__start"].year if row["period__right__start"] else "",
        "opiskelijaavain": row["side__student__key"] or "",
        "opiskeluoikeusavain": row["period__right__key"] or "",
        "liikkuvuusjaksoavain": row["period__key"] or row["side__key"],
    }


def _tk_values(row: Mapping[str, Any], context: _Context) -> dict[str, Any]:
    right = row["period__belongs_to_id"]
    day, code, country = context.degrees.get(right or 0, (None, "", ""))
    level, general = _level(context.institution, row["period__belongs_to__type"])
    short, long = context.lengths.get(row["person_id"], (0, 0))
    return {
        "oppilaitos": context.institution.national_code,
        "tutkinnonSuoritusPvm": _iso(day),
        "tilastovuosi": context.year,
        "koulutuskoodi": code or context.education_code(right, day, fallback=general),
        "taso": level,
        "sp": row["person__gender"] or "9",
        "ika": _age(row["person__birth_date"], date(context.year, 12, 31)),
        "liikkuvuusvuosi": row["period__start"].year if row["period__start"] else "",
        "kohdemaa": row["period__country"] or "",
        "tyyppi": row["period__type"] or "",
        "liikkuvuusohjelma": row["period__programme"] or "",
        "suunta": "1" if row["direction"] == "outgoing" else "2",
        "kesto": row["period__days"] or "",
        "lyhyetJaksot": short,
        "pitkatJaksot": long,
        "pituusluokka": "2" if long else "1" if short else "",  # A17
        "suoritusmaa": country or context.institution.country,  # S27
        "opiskelijaavain": row["side__student__key"] or "",
        "opiskeluoikeusavain": row["period__belongs_to__key"] or "",
        "liikkuvuusjaksoavain": row["period__key"] or row["side__key"],
    }


def _staff_values(row: Mapping[str, Any], context: _Context) -> dict[str, Any]:
    outgoing = row["direction"] == "outgoing"
    name = "side__mobility__receiving_country" if outgoing else "side__mobility__sending_country"
    return {
        "oppilaitos": context.institution.national_code,
        "vuosi": context.year,
        "suunta": "1" if outgoing else "2",
        "paivat": int(row["amount"]) if row["amount"] is not None else "",
        "pituus": row["kind"],
        "sisalto": row["side__mobility__visit__content"] or "",
        "maa": row[name],
        "avain": row["side__key"],
    }


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


# --- Credits -----------------------------------------------------------------------------------


def _credit_frames(actor: Actor, institution: Institution, year: int) -> Iterator[pl.DataFrame]:
    """The attainments of the year, by key and some at a time, with the ministry's columns.

    Judged now, for they are not stored. Credits of one's own institution without a mobility count too,
    hence the whole year is read.
    """
    actor.require(May.VIRTA_READ, institution.pk)
    at = columns.places()
    wanted = (
        Attainment.objects.visible_to(actor)
        .filter(institution=institution)
        .filter(
            Q(completed_on__gte=date(year, 1, 1), completed_on__lte=date(year, 12, 31))
            | Q(completed_on__isnull=True, mobility__end__year=year)
        )
        .exclude(kind=columns.DEGREE)
    )
    last = ""
    while True:
        numbers = list(
            wanted.filter(key__gt=last).order_by("key").values_list("pk", "key")[:CREDITS_AT_ONCE]
        )
        if not numbers:
            return
        last = numbers[-1][1]
        order = pl.DataFrame(
            numbers, schema={"attainment": pl.Int64(), "key": pl.String()}, orient="row"
        )
        found = columns.attainment_table(
            Attainment.objects.filter(pk__in=[number for number, _key in numbers]).order_by(), at
        )
        judged = _judged_credits(found, institution, at)
        yield order.join(judged, on="attainment", maintain_order="left").with_columns(
            counts=_counts_credits()
        )


def _judged_credits(
    attainments: pl.DataFrame, institution: Institution, at: columns.Places
) -> pl.DataFrame:
    of_mobilities = Side.objects.filter(institution=institution).order_by()
    numbers = attainments["mobility_id"].drop_nulls().unique().sort().to_list()
    sides: list[tuple[Any, ...]] = []
    for some in _portions(numbers, CREDITS_AT_ONCE):
        sides += of_mobilities.filter(mobility__in=some).values_list(
            "mobility_id", "institution_id", "pk", "direction", "mobility__purpose",
            "mobility__start", "mobility__end", "judgement__mode",
        )  # fmt: skip
    table = pl.DataFrame(
        sides,
        schema={
            "mobility_id": pl.Int64(),
            "institution_id": pl.Int64(),
            "side": pl.Int64(),
            "direction": pl.String(),
            "purpose": pl.String(),
            "first_day": pl.Date(),
            "last_day": pl.Date(),
            "mode": pl.String(),
        },
        orient="row",
    )
    with_facts = outcome.credit_table(
        attainments, table, columns.named(pl.col("institution_id"), at)
    )
    return outcome.counted_credits(with_facts, ruleset.OWN)


def _counts_credits() -> pl.Expr:
    some = pl.any_horizontal((pl.col(name) > 0).fill_null(value=False) for name in OKM_NAMES)
    unknown = pl.any_horizontal(pl.col(name).is_null() for name in OKM_NAMES)
    return pl.when(some).then(pl.lit(value=True)).when(~unknown).then(pl.lit(value=False))


def _credit_rehearsal(actor: Actor, institution: Institution, year: int) -> Rehearsal:
    counts: Counter[bool | None] = Counter()
    lines: Counter[str] = Counter()
    amounts: dict[str, float] = dict.fromkeys(OKM_NAMES, 0.0)
    for frame in _credit_frames(actor, institution, year):
        counts.update(dict(frame.group_by("counts").len().iter_rows()))
        for name in OKM_NAMES:
            lines[name] += frame.filter((pl.col(name) > 0).fill_null(value=False)).height
            amounts[name] += float(frame[name].sum() or 0)
    return Rehearsal(
        extraction=OKM,
        year=year,
        included=counts[True],
        excluded=counts[False],
        not_told=counts[None],
        columns=columns_of(OKM),
        totals={
            "column": tuple(
                Total(OKM_NAMES[name], lines[name], amounts[name]) for name in OKM_NAMES
            )
        },
        reasons={"S32": counts[False]} if counts[False] else {},
    )


def _credit_rows(
    actor: Actor, institution: Institution, year: int, included: bool | None
) -> Iterator[Row]:
    for frame in _credit_frames(actor, institution, year):
        chosen = frame.filter(pl.col("counts").eq_missing(pl.lit(included, pl.Boolean)))
        for row in chosen.iter_rows(named=True):
            yield _credit_row(row, institution, year)


def _credit_row(row: Mapping[str, Any], institution: Institution, year: int) -> Row:
    return Row(
        key=row["key"],
        side_id=row["side"],
        mobility_id=row["mobility_id"],
        included=row["counts"],
        reason_code="",
        rule="S32",
        missing=() if row["counts"] is not None else ("credits",),
        values={
            "oppilaitos": institution.national_code,
            "vuosi": year,
            "opintosuoritusavain": row["key"],
            "suoritusPvm": _iso(row["sent_completed"] or row["completed"]),
            "laji": row["kind"],
            "laajuus": _plain(row["ects"]),
            **{theirs: _plain(row[ours]) for ours, theirs in OKM_NAMES.items()},
        },
    )


def _plain(number: float | None) -> int | float | str:
    if number is None:
        return ""
    return int(number) if number == int(number) else number


def years_of(actor: Actor, institution: Institution) -> list[int]:
    """Years in which something of the institution counts or would; newest first."""
    found: list[int] = _held(actor, institution, ("years",), lambda: _years(actor, institution))
    return found


def _years(actor: Actor, institution: Institution) -> list[int]:
    found: Iterable[int | None] = (
        Verdict.objects.visible_to(actor)
        .filter(institution=institution, scheme__in=[Scheme.OPH, Scheme.TK])
        .order_by()
        .values_list("year", flat=True)
        .distinct()
    )
    return sorted({year for year in found if year is not None}, reverse=True)
