"""The agreed text of the demo's alliance: adopted, followed, departed from by one, and about to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from vaihto.agreements import actions
from vaihto.agreements.alliances import Line
from vaihto.agreements.models import Agreement, AllianceAgreement, AllianceText, Programme
from vaihto.agreements.terms import Condition, Kind, LanguageSkill, SubjectArea, Terms
from vaihto.demo.agreeing import Clock, Table
from vaihto.demo.stories import TUULISALMI
from vaihto.institutions.models import Alliance, Institution
from vaihto.journal.actors import Actor

NAME = "Open campus"
_STUDIES = Condition(
    kind=Kind.STUDIES,
    sending="",
    receiving="",
    first_year="2026/2027",
    last_year="2028/2029",
    people="4",
    skills=(LanguageSkill("en", "B2"),),
    months="8",
    blended="true",
    levels=("6", "7"),
    other_terms="Short stays of five to thirty days with a virtual part, open to every field.",
)
_TEACHING = Condition(
    kind=Kind.TEACHING,
    sending="",
    receiving="",
    first_year="2026/2027",
    last_year="2028/2029",
    people="2",
    skills=(LanguageSkill("en", "C1"),),
    areas=(SubjectArea("0613"), SubjectArea("0311")),
    days="10",
)


def agree_on_text(
    alliance: Alliance, *, since: datetime, today: date, actor: Actor
) -> AllianceAgreement:
    """A text that all members adopted in the spring, its agreements, and a second text before the members."""
    clock = Clock(since, since + timedelta(days=120))
    members = sorted(alliance.members(on=today), key=lambda one: one.hei_id)
    whole = actions.begin_alliance_agreement(
        actor=actor,
        alliance=alliance,
        name=NAME,
        programme=Programme.BILATERAL,
        members=members,
        now=clock(),
    )
    first = _put(
        whole,
        [Line(_STUDIES), Line(_TEACHING)],
        "What the rectors decided: every member opens short blended stays to the others.",
        actor=actor,
        now=clock(),
    )
    for one in members:
        _consent(first, one, actor=actor, now=clock())
    actions.follow_text(agreement=whole, now=clock())
    _answer(whole, actor=actor, since=clock(), today=today)
    second = _put(
        whole,
        [
            Line(replace(_STUDIES, people="6", months="12")),
            Line(_TEACHING),
            Line(
                replace(_TEACHING, kind=Kind.TRAINING, skills=(), areas=(), people="3", days="15")
            ),
        ],
        "More places for students, and staff weeks for everybody.",
        actor=actor,
        now=clock(),
    )
    for one in members:
        if one.hei_id != TUULISALMI:  # whose signatory may do it in the demo
            _consent(second, one, actor=actor, now=clock())
    return whole


def _put(
    whole: AllianceAgreement, lines: list[Line], note: str, *, actor: Actor, now: datetime
) -> AllianceText:
    actions.write_text(actor=actor, agreement=whole, lines=lines, note=note, now=now)
    return actions.put_text(actor=actor, agreement=whole, now=now)


def _consent(text: AllianceText, one: Institution, *, actor: Actor, now: datetime) -> None:
    note = "" if one.hosted else "Letter of the rector, kept by the secretariat"
    actions.consent(actor=actor, text=text, institution=one, note=note, now=now)


def _answer(whole: AllianceAgreement, *, actor: Actor, since: datetime, today: date) -> None:
    """Partners take the proposals up; the last one has not yet, and one copy of ours goes its own way."""
    made = list(
        Agreement.objects.whole().filter(alliance_agreement=whole).order_by("partner__hei_id", "pk")
    )
    last = max(one.partner.hei_id for one in made if not one.partner.hosted)
    for one in made:
        table = Table(one.institution, one.partner, actor, Clock(since, since))
        if not one.partner.hosted:
            if one.partner.hei_id == last:
                continue
            table.answer(one)
            table.they_approve(one)
        table.we_approve(one)
    departing = next(
        one for one in made if one.institution.hei_id == TUULISALMI and not one.partner.hosted
    )
    departing.refresh_from_db()
    wish = Terms(tuple(replace(each, people="1") for each in departing.terms.conditions))
    actions.edit(
        actor=actor,
        agreement=departing,
        terms=wish,
        note="Our laboratory is closed for repairs; one place for now.",
        now=since + timedelta(hours=1),
    )
