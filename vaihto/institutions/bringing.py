"""Comparing facts about institutions and headcounts with what is stored. `actions.py` is the door."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from vaihto.codes import COUNTRY, HEI
from vaihto.codes.erasmus_code import normal_erasmus_code
from vaihto.institutions.facts import HeadcountFacts, InstitutionFacts
from vaihto.institutions.models import Alliance, Headcount, Institution, Membership
from vaihto.journal.actors import Actor, May
from vaihto.journal.bringing import (
    Draft,
    Lengths,
    Outcome,
    Verdict,
    differences,
    missing,
    refused,
    repeated,
    unknown_code,
    unknown_key,
    wrong_days,
)
from vaihto.refusals import Invalid, NotAllowed, Refusal
from vaihto.wording import mark as _

_LENGTHS = Lengths(Institution, Headcount, alliance=50, membership=10, institution=120)
_HEI_ID = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_FIELDS = tuple(
    (name, name)
    for name in (
        "name",
        "names",
        "country",
        "city",
        "sector",
        "national_code",
        "erasmus_code",
        "pic",
        "oid",
        "ror",
        "website",
    )
)
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


@dataclass
class Desk:
    """Who brings and what the file speaks of."""

    actor: Actor
    said: Collection[str] | None

    def says(self, name: str) -> bool:
        """Does what is brought speak of this field at all?"""
        return self.said is None or name in self.said


def _wrong_institution(facts: InstitutionFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("hei_id", "name", "country") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    if facts.hei_id and not _HEI_ID.fullmatch(facts.hei_id):
        found.append(
            Invalid(
                "institution.hei-id-form",
                sentence=_("“%(value)s” does not look like the domain name of an institution."),
                remedy=_("Write it in small letters, as in helsinki.fi."),
                field="hei_id",
                value=facts.hei_id,
            )
        )
    if facts.country and facts.country not in COUNTRY:
        found.append(unknown_code("country", facts.country, expected="ISO 3166-1"))
    if facts.sector not in Institution.Sector.values:
        found.append(
            unknown_code("sector", facts.sector, expected=", ".join(Institution.Sector.values))
        )
    if facts.national_code and facts.national_code not in HEI:
        found.append(unknown_code("national_code", facts.national_code, expected=HEI.file))
    if facts.website and urlsplit(facts.website).scheme not in {"http", "https"}:
        found.append(
            Invalid(
                "institution.website-form",
                sentence=_("“%(value)s” is not a web address."),
                remedy=_("It begins with https://."),
                field="website",
                value=facts.website,
            )
        )
    if facts.alliance:
        if facts.membership not in Membership.Kind.values:
            found.append(
                unknown_code(
                    "membership", facts.membership, expected=", ".join(Membership.Kind.values)
                )
            )
        if facts.member_since is None:
            found.append(missing("member_since"))
        found += wrong_days(
            facts.member_since,
            facts.member_until,
            start_field="member_since",
            end_field="member_until",
        )
    return found


def _may_edit(actor: Actor, institution: Institution | None) -> bool:
    """One's own hosted institution; others' entries by anybody who edits institutions or an alliance."""
    if institution is not None and institution.hosted:
        return actor.has(May.INSTITUTIONS_EDIT, institution.pk)
    return actor.has(May.INSTITUTIONS_EDIT) or actor.has(May.ALLIANCE_EDIT)


def _may_edit_alliance(actor: Actor, alliance: Alliance) -> bool:
    places = actor.alliances(May.ALLIANCE_EDIT)
    return places is None or alliance.pk in places


def draft_institutions(
    piece: Sequence[tuple[int, InstitutionFacts]],
    desk: Desk,
    draft: Draft | None,
    seen: dict[Any, int],
) -> list[Outcome]:
    """What becomes of each institution and its membership."""
    stored = {
        institution.hei_id: institution
        for institution in Institution.objects.filter(
            hei_id__in=[facts.hei_id for _at, facts in piece]
        ).order_by()
    }
    codes = {
        institution.national_code: institution.hei_id
        for institution in Institution.objects.filter(
            national_code__in={f.national_code for _at, f in piece if f.national_code}
        ).order_by()
    }
    alliances = {
        alliance.code: alliance
        for alliance in Alliance.objects.filter(
            code__in={facts.alliance for _at, facts in piece if facts.alliance}
        )
    }
    memberships = {
        (m.alliance_id, m.institution_id, m.since): m
        for m in Membership.objects.filter(
            institution__in=[institution.pk for institution in stored.values()]
        )
    }
    fields = [pair for pair in _FIELDS if desk.says(pair[0])]
    outcomes: list[Outcome] = []
    for at, brought in piece:
        facts = replace(brought, erasmus_code=normal_erasmus_code(brought.erasmus_code))
        institution = stored.get(facts.hei_id)
        wrong = _wrong_institution(facts)
        if facts.hei_id in seen:
            wrong.append(repeated(facts.hei_id, first=seen[facts.hei_id]))
        seen.setdefault(facts.hei_id, at)
        wrong += _wrong_holder(facts, codes)
        if not _may_edit(desk.actor, institution):
            wrong.append(NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT), field="hei_id"))
        alliance = alliances.get(facts.alliance)
        if facts.alliance and desk.says("alliance"):
            if alliance is None:
                wrong.append(unknown_key("alliance", facts.alliance))
            elif not _may_edit_alliance(desk.actor, alliance):
                wrong.append(
                    NotAllowed("not-allowed", may=str(May.ALLIANCE_EDIT), field="alliance")
                )
        if wrong:
            outcomes.append(refused(at, facts.hei_id, wrong))
            continue
        outcome = Outcome(at, facts.hei_id, Verdict.CREATED, record=institution)
        outcomes.append(outcome)
        if institution is None:
            if draft is not None:
                institution = Institution(
                    hei_id=facts.hei_id,
                    **{name: getattr(facts, name) for name, _column in _FIELDS},
                )
                outcome.record = institution
                draft.create(institution)
                draft.line("institution.created", institution)
        else:
            outcome.changes = differences(facts, institution, fields)
            if draft is not None and outcome.changes:
                draft.change(
                    institution, **{name: getattr(facts, name) for name in outcome.changes}
                )
                draft.line(
                    "institution.changed",
                    institution,
                    outcome.changes,
                    institution_id=institution.pk,
                )
        if alliance is not None and facts.member_since is not None and desk.says("alliance"):
            _membership(
                facts, alliance, institution, memberships, facts.member_since, outcome, draft
            )
        if outcome.record is not None and outcome.record.pk is not None:
            outcome.verdict = Verdict.CHANGED if outcome.changes else Verdict.UNCHANGED
    return outcomes


def _wrong_holder(facts: InstitutionFacts, codes: dict[str, str]) -> list[Refusal]:
    """A national code that already names another institution."""
    if not facts.national_code:
        return []
    holder = codes.setdefault(facts.national_code, facts.hei_id)
    if holder == facts.hei_id:
        return []
    return [
        Invalid(
            "institution.national-code-taken",
            sentence=_("The code “%(value)s” already names %(holder)s."),
            remedy=_("One national code names one institution; correct one of the two."),
            field="national_code",
            value=facts.national_code,
            holder=holder,
        )
    ]


def _membership(
    facts: InstitutionFacts,
    alliance: Alliance,
    institution: Institution | None,
    memberships: dict[tuple[int, int, date], Membership],
    since: date,
    outcome: Outcome,
    draft: Draft | None,
) -> None:
    known = None
    if institution is not None and institution.pk is not None:
        known = memberships.get((alliance.pk, institution.pk, since))
    if known is None:
        outcome.changes["membership"] = [None, f"{alliance.code} {facts.membership} {since}"]
        if draft is not None and institution is not None:
            membership = Membership(
                alliance=alliance,
                institution=institution,
                kind=facts.membership,
                since=since,
                until=facts.member_until,
            )
            draft.create(membership)
            draft.line("membership.created", membership, institution_id=institution.pk)
        return
    changes = differences(facts, known, (("membership", "kind"), ("member_until", "until")))
    outcome.changes |= changes
    if draft is not None and changes:
        draft.change(known, kind=facts.membership, until=facts.member_until)
        draft.line("membership.changed", known, changes, institution_id=known.institution_id)


def _wrong_headcount(facts: HeadcountFacts) -> list[Refusal]:
    found: list[Refusal] = [
        missing(name) for name in ("institution", "source") if not getattr(facts, name)
    ]
    found += _LENGTHS.wrong(facts)
    if facts.group not in Headcount.Group.values:
        found.append(unknown_code("group", facts.group, expected=", ".join(Headcount.Group.values)))
    for name, low, high in (
        ("year", _FIRST_YEAR, _LAST_YEAR),
        ("count", 0, 2_000_000_000),
    ):
        value = getattr(facts, name)
        if not low <= value <= high:
            found.append(
                Invalid(
                    "fact.out-of-range",
                    sentence=_("%(value)s is not between %(low)s and %(high)s."),
                    remedy=_("Correct the number."),
                    field=name,
                    value=value,
                    low=low,
                    high=high,
                )
            )
    found += wrong_days(facts.as_of, None, start_field="as_of")
    return found


def draft_headcounts(
    piece: Sequence[tuple[int, HeadcountFacts]],
    desk: Desk,
    draft: Draft | None,
    seen: dict[Any, int],
) -> list[Outcome]:
    """What becomes of each headcount."""
    institutions = {
        institution.hei_id: institution
        for institution in Institution.objects.filter(
            hei_id__in={facts.institution for _at, facts in piece}
        ).order_by()
    }
    ids = [institution.pk for institution in institutions.values()]
    stored = {
        (headcount.institution_id, headcount.year, headcount.group): headcount
        for headcount in Headcount.objects.filter(
            institution__in=ids, year__in={f.year for _at, f in piece if f.year > 0}
        ).order_by()
    }
    members: dict[int, set[int]] = {}
    for member, alliance in Membership.objects.filter(institution__in=ids).values_list(
        "institution_id", "alliance_id"
    ):
        members.setdefault(member, set()).add(alliance)
    in_reach = desk.actor.alliances(May.ALLIANCE_EDIT)
    fields = (("count", "count"), ("source", "source"), ("as_of", "as_of"))
    outcomes: list[Outcome] = []
    for at, facts in piece:
        key = f"{facts.institution} {facts.year} {facts.group}"
        institution = institutions.get(facts.institution)
        wrong = _wrong_headcount(facts)
        if institution is None and facts.institution:
            wrong.append(unknown_key("institution", facts.institution))
        elif institution is not None and not (
            desk.actor.has(May.INSTITUTIONS_EDIT, institution.pk)
            or in_reach is None
            or in_reach & members.get(institution.pk, set())
        ):
            wrong.append(
                NotAllowed("not-allowed", may=str(May.INSTITUTIONS_EDIT), field="institution")
            )
        if key in seen:
            wrong.append(repeated(key, first=seen[key]))
        seen.setdefault(key, at)
        if wrong or institution is None:
            outcomes.append(refused(at, key, wrong))
            continue
        headcount = stored.get((institution.pk, facts.year, facts.group))
        if headcount is None:
            outcome = Outcome(at, key, Verdict.CREATED)
            if draft is not None:
                outcome.record = headcount = Headcount(
                    institution=institution,
                    year=facts.year,
                    group=facts.group,
                    count=facts.count,
                    source=facts.source,
                    as_of=facts.as_of,
                )
                draft.create(headcount)
                draft.line("headcount.created", headcount, institution_id=institution.pk)
            outcomes.append(outcome)
            continue
        changes = differences(facts, headcount, fields)
        if draft is not None and changes:
            draft.change(headcount, **{name: getattr(facts, name) for name in changes})
            draft.line("headcount.changed", headcount, changes, institution_id=institution.pk)
        verdict = Verdict.CHANGED if changes else Verdict.UNCHANGED
        outcomes.append(Outcome(at, key, verdict, changes, record=headcount))
    return outcomes
