"""Comparing facts about the catalogue with what is stored. `actions.py` is the door."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vaihto.institutions.models import Institution
from vaihto.institutions.values import Link
from vaihto.journal.bringing import (
    Draft,
    Outcome,
    Verdict,
    missing,
    not_in_reach,
    refused,
    repeated,
    shown,
    unknown_key,
)
from vaihto.offers.facts import CreditFacts, OpportunityFacts, RealisationFacts
from vaihto.offers.models import (
    ECTS,
    Containment,
    Kind,
    LearningOpportunity,
    Realisation,
    new_loi_id,
    new_los_id,
    title_and_search,
)
from vaihto.offers.wrong import wrong_opportunity, wrong_realisation
from vaihto.people.bringing.setting import Setting
from vaihto.refusals import Invalid, Refusal
from vaihto.wording import mark as _

_FIELDS = (
    "code",
    "titles",
    "descriptions",
    "isced_code",
    "subject_area",
    "eqf_level",
    "addresses",
    "exposed",
)
_REALISATION_FIELDS = (
    "start",
    "end",
    "academic_year",
    "term_number",
    "term_count",
    "term_names",
    "term_start",
    "term_end",
    "grading_labels",
    "grading_descriptions",
    "results",
    "results_descriptions",
    "credits",
    "language",
    "engagement_hours",
)


# --- Programmes, modules, courses, classes -----------------------------------------------------


@dataclass
class _Catalogue:
    """What a piece of facts refers to, asked for once; accepted facts are added as they come."""

    by_key: dict[str, LearningOpportunity]
    by_code: dict[str, LearningOpportunity]  # not withdrawn
    links: dict[int, list[Containment]]  # by number of the part, of those that facts are about
    above: dict[int | str, set[int | str]]  # part -> wholes, all of the institution


def _node(one: LearningOpportunity) -> int | str:
    return one.pk or one.key


def _catalogue(
    institution: Institution,
    piece: Sequence[tuple[int, OpportunityFacts]],
    setting: Setting,
    given: LearningOpportunity | None,
) -> _Catalogue:
    own = LearningOpportunity.objects.filter(institution=institution).order_by()
    keys = {facts.key for _at, facts in piece if facts.key}
    keys |= {key for _at, facts in piece for key in facts.part_of}
    codes = {facts.code for _at, facts in piece if facts.code}
    by_key = {one.key: one for one in own.filter(key__in=keys)} if keys else {}
    # Two objects of one row must not disagree.
    same = {one.pk: one for one in (*by_key.values(), *([given] if given else []))}
    for key in keys & setting.coming.opportunities.keys():
        by_key.setdefault(key, LearningOpportunity(key=key, kind=setting.coming.opportunities[key]))
    by_code = {
        one.code: same.setdefault(one.pk, one)
        for one in own.filter(code__in=codes, withdrawn_at__isnull=True)
    }
    found = _Catalogue(by_key, by_code, {}, {})
    if setting.says("part_of"):
        links = Containment.objects.filter(part__institution=institution).order_by()
        for part, whole in links.values_list("part_id", "whole_id"):
            found.above.setdefault(part, set()).add(whole)
        for link in links.filter(part__in=list(same)).select_related("whole"):
            found.links.setdefault(link.part_id, []).append(link)
    return found


def _wrong_kind(facts: OpportunityFacts, record: LearningOpportunity) -> list[Refusal]:
    if facts.kind == record.kind or facts.kind not in Kind.values:
        return []
    return [
        Invalid(
            "offer.kind-changed",
            sentence=_("The kind of this entry is “%(before)s”, and the kind never changes."),
            remedy=_("Withdraw this entry and make a new one with a key of its own."),
            field="kind",
            value=facts.kind,
            before=record.kind,
        )
    ]


def code_taken(code: str, holder: str) -> Invalid:
    """The refusal of a code that names something else of the institution."""
    return Invalid(
        "offer.code-taken",
        sentence=_("The code “%(value)s” already names “%(holder)s”."),
        remedy=_("One code names one entry of an institution; correct one of the two."),
        field="code",
        value=code,
        holder=holder,
    )


def _wrong_code(
    facts: OpportunityFacts,
    record: LearningOpportunity | None,
    catalogue: _Catalogue,
    setting: Setting,
) -> list[Refusal]:
    if not facts.code or (record is not None and record.withdrawn_at is not None):
        return []
    holder = catalogue.by_code.get(facts.code)
    if holder is not None and holder is not record:
        return [code_taken(facts.code, holder.key or holder.title)]
    earlier = setting.coming.codes.get(facts.code, facts.key)
    return [code_taken(facts.code, earlier)] if earlier != facts.key else []


def contains_itself(whole: object) -> Invalid:
    """The refusal of a circle."""
    return Invalid(
        "offer.contains-itself",
        sentence=_("“%(value)s” is part of this already, so it cannot contain it."),
        remedy=_("Remove one of the two links."),
        field="part_of",
        value=whole,
    )


def whole_narrower(whole: object) -> Invalid:
    """The refusal of a course that would contain a programme."""
    return Invalid(
        "offer.whole-narrower",
        sentence=_("“%(value)s” is of a narrower kind and cannot contain this."),
        remedy=_("Programmes contain modules, modules contain courses, courses contain classes."),
        field="part_of",
        value=whole,
    )


def is_above(
    above: Mapping[int | str, Collection[int | str]], start: int | str, wanted: int | str
) -> bool:
    """Is `wanted` among what contains `start`, however far up, or `start` itself?"""
    waiting, met = [start], {start}
    while waiting:
        one = waiting.pop()
        if one == wanted:
            return True
        fresh = set(above.get(one, ())) - met
        met |= fresh
        waiting += fresh
    return False


def _wrong_wholes(
    facts: OpportunityFacts,
    record: LearningOpportunity | None,
    catalogue: _Catalogue,
) -> list[Refusal]:
    """Wholes that are not here or further below in the file, that are narrower, or that are a part of this."""
    found: list[Refusal] = []
    kind = Kind(record.kind if record is not None else facts.kind)
    for key in facts.part_of:
        whole = catalogue.by_key.get(key)
        if whole is None or key == facts.key:
            found.append(unknown_key("part_of", key))
        elif Kind(whole.kind).width < kind.width:
            found.append(whole_narrower(key))
        elif record is not None and is_above(catalogue.above, _node(whole), _node(record)):
            found.append(contains_itself(key))
    return found


def draft_opportunities(
    piece: Sequence[tuple[int, OpportunityFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[Any, int],
    *,
    given: LearningOpportunity | None = None,
) -> list[Outcome]:
    """What becomes of each entry; `given` is the record the one fact is about, where a page knows it.

    What contains something comes before it in the file, or is here already.
    """
    catalogue = _catalogue(setting.institution, piece, setting, given)
    outcomes = []
    for at, facts in piece:
        record = given or (catalogue.by_key.get(facts.key) if facts.key else None)
        if record is None and facts.key:
            # What was entered here by hand is taken over by the register that knows its code.
            named = catalogue.by_code.get(facts.code) if facts.code else None
            if named is not None and not named.key and named.kind == facts.kind:
                record = named
        wrong = _wrong(facts, record, setting, catalogue)
        if facts.key:
            if facts.key in seen:
                wrong.append(repeated(facts.key, first=seen[facts.key]))
            seen.setdefault(facts.key, at)
        if wrong:
            outcomes.append(refused(at, facts.key, wrong))
            continue
        outcomes.append(_settled(at, facts, record, setting, catalogue, draft))
    return outcomes


def _wrong(
    facts: OpportunityFacts,
    record: LearningOpportunity | None,
    setting: Setting,
    catalogue: _Catalogue,
) -> list[Refusal]:
    wrong = wrong_opportunity(facts)
    if not any(facts.titles.values()) and (record is None or setting.says("titles")):
        wrong.append(missing("titles"))
    if record is not None and setting.says("kind"):
        wrong += _wrong_kind(facts, record)
    wrong += setting.wrong_unit(
        facts.unit,
        stored_unit=record.unit_id if record is not None else None,
        is_new=record is None,
    )
    if record is None or setting.says("code"):
        wrong += _wrong_code(facts, record, catalogue, setting)
    if setting.says("part_of") and not wrong:
        wrong += _wrong_wholes(facts, record, catalogue)
    return wrong


def _settled(
    at: int,
    facts: OpportunityFacts,
    record: LearningOpportunity | None,
    setting: Setting,
    catalogue: _Catalogue,
    draft: Draft | None,
) -> Outcome:
    """The entry as it will be, written into the draft if there is one."""
    is_new = record is None
    if record is None:
        record = _new(facts, setting)
        outcome = Outcome(at, facts.key, Verdict.CREATED)
        if draft is not None:
            record.modified_at = draft.at
            outcome.record = record
            draft.create(record)
            draft.line("opportunity.created", record)
        else:
            setting.coming.opportunities[facts.key] = record.kind
            if facts.code:
                setting.coming.codes[facts.code] = facts.key
        if facts.key:
            catalogue.by_key[facts.key] = record
    else:
        outcome = Outcome(at, facts.key, Verdict.UNCHANGED, record=record)
        outcome.changes = _changes(facts, record, setting, draft)
    if facts.code:
        catalogue.by_code[facts.code] = record
    if setting.says("part_of"):
        linked = _linked(facts, record, catalogue, draft)
        if linked and not is_new:
            outcome.changes["part_of"] = linked
    if outcome.changes:
        outcome.verdict = Verdict.CHANGED
        if draft is not None:
            draft.change(record, modified_at=draft.at)
            draft.line("opportunity.changed", record, outcome.changes)
    return outcome


def _new(facts: OpportunityFacts, setting: Setting) -> LearningOpportunity:
    title, search = title_and_search(facts.code, facts.titles)
    return LearningOpportunity(
        institution=setting.institution,
        unit_id=setting.units.get(facts.unit),
        kind=facts.kind,
        los_id=new_los_id(Kind(facts.kind)),
        key=facts.key,
        title=title,
        search=search,
        **{name: getattr(facts, name) for name in _FIELDS},
    )


def _plain(value: Any) -> Any:
    """A value as a preview and the journal show it."""
    match value:
        case Link():
            return f"{value.url} ({value.language})" if value.language else value.url
        case CreditFacts():
            return " ".join(
                part for part in (shown(value.value), value.scheme, value.level) if part
            )
        case tuple() | list():
            return [_plain(one) for one in value]
    return shown(value)


def _changes(
    facts: OpportunityFacts, record: LearningOpportunity, setting: Setting, draft: Draft | None
) -> dict[str, list[Any]]:
    """Where the facts and the record differ, by field; the draft takes the new values."""
    found: dict[str, list[Any]] = {}
    values: dict[str, Any] = {}
    for name in _FIELDS:
        before, after = getattr(record, name), getattr(facts, name)
        if before != after and setting.says(name):
            found[name] = [_plain(before), _plain(after)]
            values[name] = after
    unit_id = setting.units.get(facts.unit)
    if setting.says("unit") and unit_id != record.unit_id:
        found["unit"] = [setting.code_of(record.unit_id), facts.unit]
        values["unit_id"] = unit_id
    if facts.key and not record.key:
        found["key"] = ["", facts.key]
        values["key"] = facts.key
    if "code" in values or "titles" in values:
        values["title"], values["search"] = title_and_search(
            values.get("code", record.code), values.get("titles", record.titles)
        )
    if draft is not None and values:
        draft.change(record, **values)
    return found


def _linked(
    facts: OpportunityFacts,
    record: LearningOpportunity,
    catalogue: _Catalogue,
    draft: Draft | None,
) -> list[Any]:
    """The wholes before and after, if they differ. Links to what has no key were made by hand and stay."""
    links = {link.whole.key: link for link in catalogue.links.get(record.pk, ()) if link.whole.key}
    if links.keys() == set(facts.part_of):
        return []
    gone = [links[key] for key in links.keys() - set(facts.part_of)]
    come = [catalogue.by_key[key] for key in dict.fromkeys(facts.part_of) if key not in links]
    above = catalogue.above.setdefault(_node(record), set())
    above -= {link.whole_id for link in gone}
    above |= {_node(whole) for whole in come}
    if draft is not None:
        for link in gone:
            draft.remove(link)
            # Its whole may be an object of its own here; the one that facts name comes first.
            whole = catalogue.by_key.get(link.whole.key, link.whole)
            draft.change(whole, modified_at=draft.at)
        for whole in come:
            draft.create(Containment(whole=whole, part=record))
            draft.change(whole, modified_at=draft.at)
    return [sorted(links), sorted(facts.part_of)]


# --- Realisations ------------------------------------------------------------------------------


def _stored_form(name: str, facts: RealisationFacts) -> Any:
    """A fact as its column holds it."""
    if name == "credits":
        ordered = sorted(facts.credits, key=lambda one: one.scheme != ECTS)
        return [[one.scheme, shown(one.value), one.level] for one in ordered]
    if name == "results":
        return [[category, count] for category, count in facts.results]
    return getattr(facts, name)


def _words(name: str, value: Any) -> Any:
    if name == "credits":
        return [" ".join(part for part in (number, scheme, level) if part)
                for scheme, number, level in value]  # fmt: skip
    if name == "results":
        return [f"{category}: {count}" for category, count in value]
    return shown(value)


def draft_realisations(
    piece: Sequence[tuple[int, RealisationFacts]],
    setting: Setting,
    draft: Draft | None,
    seen: dict[Any, int],
    *,
    given: Realisation | LearningOpportunity | None = None,
) -> list[Outcome]:
    """What becomes of each realisation.

    `given` is, where a page knows it, the realisation the one fact is about, or that of which it is to be one.
    """
    opportunities = _opportunities(piece, setting, given)
    stored = {
        (each.opportunity_id, each.key): each
        for each in Realisation.objects.filter(
            opportunity__in=[one.pk for one in opportunities.values()],
            key__in={facts.key for _at, facts in piece if facts.key},
        ).order_by()
    }
    outcomes = []
    for at, facts in piece:
        key = f"{facts.opportunity} {facts.key}".strip()
        whole = opportunities.get(facts.opportunity)
        wrong = wrong_realisation(facts)
        record = given if isinstance(given, Realisation) else None
        if whole is None:
            wrong.append(unknown_key("opportunity", facts.opportunity))
        else:
            if setting.reach is not None and whole.unit_id not in setting.reach:
                wrong.append(not_in_reach("opportunity", facts.opportunity))
            if record is None and facts.key:
                record = stored.get((whole.pk, facts.key))
        if facts.key:
            if key in seen:
                wrong.append(repeated(key, first=seen[key]))
            seen.setdefault(key, at)
        if wrong or whole is None:
            outcomes.append(refused(at, key, wrong))
            continue
        outcomes.append(_realised(at, key, facts, record, whole, setting, draft))
    return outcomes


def _opportunities(
    piece: Sequence[tuple[int, RealisationFacts]],
    setting: Setting,
    given: Realisation | LearningOpportunity | None,
) -> dict[str, LearningOpportunity]:
    if given is not None:
        whole = given.opportunity if isinstance(given, Realisation) else given
        return {facts.opportunity: whole for _at, facts in piece}
    found = LearningOpportunity.objects.filter(
        institution=setting.institution,
        key__in={facts.opportunity for _at, facts in piece if facts.opportunity},
    )
    return {one.key: one for one in found.order_by()}


def _realised(
    at: int,
    key: str,
    facts: RealisationFacts,
    record: Realisation | None,
    whole: LearningOpportunity,
    setting: Setting,
    draft: Draft | None,
) -> Outcome:
    if record is None:
        outcome = Outcome(at, key, Verdict.CREATED)
        if draft is not None:
            outcome.record = record = Realisation(
                opportunity=whole,
                loi_id=new_loi_id(Kind(whole.kind)),
                key=facts.key,
                **{name: _stored_form(name, facts) for name in _REALISATION_FIELDS},
            )
            draft.create(record)
            draft.change(whole, modified_at=draft.at)
            draft.line("realisation.created", record)
        return outcome
    values = {
        name: after
        for name in _REALISATION_FIELDS
        if setting.says(name) and (after := _stored_form(name, facts)) != getattr(record, name)
    }
    changes = {
        name: [_words(name, getattr(record, name)), _words(name, after)]
        for name, after in values.items()
    }
    if draft is not None and values:
        draft.change(record, **values)
        draft.change(whole, modified_at=draft.at)
        draft.line("realisation.changed", record, changes)
    verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
    return Outcome(at, key, verdict, changes, record=record)
