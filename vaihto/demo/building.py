"""Building the demo in the database, through the actions that files and pages use too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from django.db import transaction
from django.utils import timezone

from vaihto.classification import participation
from vaihto.classification.actions import JUDGE_WAITING, judge_all
from vaihto.classification.models import Waiting
from vaihto.demo import agreeing, alliance, invention
from vaihto.demo.accounts import link_demo_accounts, open_demo_accounts
from vaihto.demo.alliance import HOSTED, House
from vaihto.demo.gathering import Gathered, Records
from vaihto.demo.history import tell_history
from vaihto.demo.invention import Size
from vaihto.demo.multiplying import multiply
from vaihto.demo.network import tell_of_network
from vaihto.demo.offers import teach
from vaihto.demo.publishing import publish
from vaihto.demo.telling import tell as tell_partners
from vaihto.demo.texts import agree_on_text
from vaihto.institutions.actions import bring_headcounts, bring_institutions
from vaihto.institutions.models import Alliance, Capability, Institution, Unit
from vaihto.jobs.actions import run
from vaihto.jobs.growth import tell_of_growth
from vaihto.jobs.models import Work
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Outcome, Verdict
from vaihto.mobilities.actions import bring_mobilities, bring_visits
from vaihto.people.actions import (
    bring_employments,
    bring_students,
    bring_study_rights,
    bring_term_enrolments,
)
from vaihto.refusals import Refusal
from vaihto.transcripts.actions import bring_attainments
from vaihto.wording import mark as _

PEOPLE_AT_ONCE = 1500
# Of every hosted institution; the whole demo has one with each partner, and what is only for trying has a few.
_ALL_AGREEMENTS, _FEW_AGREEMENTS = 100, 3
_NOT_COPIED = {
    "institutions",
    "headcounts",
    "term enrolments",
    "agreements",
    "catalogue entries",
    "realisations",
}
Tell = Callable[[str], None]


class NotEmpty(Refusal):
    """The database holds something that the demo would stand beside."""

    sentence = _("There are already institutions in this database.")
    remedy = _("Ask for a fresh demo to empty it first, or name another database.")


class NotAMember(Refusal):
    """Only members of the alliance can be hosted by a demo."""

    sentence = _("%(hei_id)s is not a member of the demo alliance, so the demo cannot host it.")
    remedy = _("Choose among: %(members)s")


class Unacceptable(Refusal):
    """An action refused what the demo invented: the demo is wrong."""

    sentence = _("%(kind)s %(key)s of %(institution)s was refused: %(why)s")


@dataclass
class Built:
    """What a build made: facts brought by kind."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, number: int) -> None:
        """More of one kind."""
        self.counts[kind] = self.counts.get(kind, 0) + number


def is_built() -> bool:
    """Is there anything in the database?"""
    return Institution.objects.exists()


def build(
    *,
    size: Size = invention.ORDINARY,
    today: date = invention.TODAY,
    tell: Tell = lambda _sentence: None,
    hosts: Sequence[str] = (),
) -> Built:
    """Builds the demo into an empty database. Refuses with `NotEmpty` and `NotAMember`.

    With `hosts` only these members are hosted here, as in one node of several; the others are partners.

    The journal says that everything was brought on the first of March, so that two builds are the same and the
    registrars have some months for what they did since.
    """
    actor, now = Actor.system("Vaihto demo"), moment(_first_of_march(today))
    built = found_alliance(
        today=today,
        hosts=hosts,
        agreements=_ALL_AGREEMENTS if size.has_past and not hosts else _FEW_AGREEMENTS,
    )
    tell("institutions, headcounts, accounts, what is published")
    if not size.people:
        return built
    houses = {one.hei_id: one for one in Institution.objects.hosted()}
    for heap in invention.batches(size, people_each=PEOPLE_AT_ONCE, today=today):
        with transaction.atomic():
            _bring(heap, houses, actor=actor, now=now, built=built)
            tell_of_growth()
        tell(f"{built.counts['students']} students, {built.counts['mobilities']} mobilities")
    link_demo_accounts()
    if size.copies > 1:
        multiply(size.copies, tell=tell)
        Waiting.objects.all().delete()
        for kind in built.counts.keys() - _NOT_COPIED:
            built.counts[kind] *= size.copies
        tell("judging")
        judge_all(now=now)
    else:
        tell("judging")
    judge_those_who_wait(now=now)
    if size.has_past and not hosts:
        tell("history")
        tell_history(today=today)
        judge_those_who_wait(now=now)
        tell_of_network(today=today)
        with transaction.atomic():
            network = Alliance.objects.get(code=alliance.ALLIANCE)
            agree_on_text(network, since=now, today=today, actor=actor)
    return built


def moment(day: date) -> datetime:
    """Noon of a day."""
    return timezone.make_aware(datetime.combine(day, time(12)))


def _first_of_march(today: date) -> date:
    return date(today.year - (today < date(today.year, 3, 1)), 3, 1)


def found_alliance(
    *, today: date = invention.TODAY, hosts: Sequence[str] = (), agreements: int = _FEW_AGREEMENTS
) -> Built:
    """Institutions, headcounts, accounts and what is published, without people.

    Refuses with `NotEmpty` and `NotAMember`.
    """
    hosted = _hosted(hosts)
    if is_built():
        raise NotEmpty("demo.not-empty")
    actor, now, built = Actor.system("Vaihto demo"), moment(_first_of_march(today)), Built()
    with transaction.atomic():
        _institutions(hosted, actor=actor, today=today, now=now, built=built)
        open_demo_accounts(actor=actor, now=now, hosts=[house.hei_id for house in hosted])
        for house in hosted:
            institution = Institution.objects.get(hei_id=house.hei_id)
            for kind, outcomes in publish(house, institution, actor=actor, today=today, now=now):
                _accepted(kind, house.hei_id, outcomes, built)
        for house in alliance.MEMBERS:
            if house not in hosted:
                elsewhere = Institution.objects.get(hei_id=house.hei_id)
                tell_partners(house, elsewhere, actor=actor, now=now)
                if hosts:
                    continue  # another node keeps its catalogue
                for kind, outcomes in teach(house, elsewhere, actor=actor, today=today, now=now):
                    _accepted(kind, house.hei_id, outcomes, built)
        others = {one.hei_id for one in alliance.MEMBERS} if hosts else set()
        agreed = agreeing.agree(
            Institution.objects.hosted().order_by("pk"),
            since=now,
            today=today,
            actor=actor,
            elsewhere=frozenset(others),
            at_most=agreements,
        )
        if not hosts:
            agreed += agreeing.agree_with_neighbours(
                list(Institution.objects.hosted().order_by("pk")),
                since=now,
                today=today,
                actor=actor,
            )
        built.add("agreements", agreed)
    return built


def _hosted(hosts: Sequence[str]) -> tuple[House, ...]:
    """The houses of these ids, all that the demo usually hosts when none is named."""
    members = {house.hei_id: house for house in alliance.MEMBERS}
    for hei_id in hosts:
        if hei_id not in members:
            raise NotAMember("demo.not-a-member", hei_id=hei_id, members=", ".join(members))
    return tuple(members[hei_id] for hei_id in dict.fromkeys(hosts)) or HOSTED


def judge_those_who_wait(*, now: datetime) -> None:
    """Does the judging that so many changes have left to background work."""
    for work in Work.objects.filter(kind=JUDGE_WAITING, state=Work.State.WAITING).order_by("pk"):
        run(work)
    participation.refresh(now=now)


def _accepted(kind: str, place: str, outcomes: Iterable[Outcome], built: Built) -> None:
    number = 0
    for outcome in outcomes:
        if outcome.verdict is Verdict.REFUSED:
            raise Unacceptable(
                "demo.refused",
                kind=kind,
                key=outcome.key,
                institution=place,
                why="; ".join(str(refusal) for refusal in outcome.refusals),
            )
        number += 1
    built.add(kind, number)


def _institutions(
    hosted: Sequence[House], *, actor: Actor, today: date, now: datetime, built: Built
) -> None:
    network = Alliance.objects.create(code=alliance.ALLIANCE, name=alliance.ALLIANCE_NAME)
    outcomes = bring_institutions(actor=actor, facts=alliance.institutions(), now=now)
    _accepted("institutions", network.name, outcomes, built)
    # What the operator of an installation decides, and what a survey brings, come through no file.
    Institution.objects.filter(hei_id__in=[house.hei_id for house in hosted]).update(hosted=True)
    known = {found.hei_id: found for found in Institution.objects.all()}
    Unit.objects.bulk_create(
        Unit(
            institution=known[house.hei_id],
            code=code,
            name=name,
            ounit_id=alliance.ounit_id(house, code),
        )
        for house in hosted
        for code, name in house.units
    )
    Capability.objects.bulk_create(
        Capability(
            institution=known[ability.institution],
            process=ability.process,
            interface=ability.interface,
            version=ability.version,
            state=ability.state,
            channel=ability.channel,
            system=ability.system,
            source=Capability.Source.SURVEY,
            since=ability.since,
            survey_round=ability.survey_round,
        )
        for ability in alliance.abilities(today=today)
    )
    outcomes = bring_headcounts(actor=actor, facts=list(alliance.headcounts(today=today)), now=now)
    _accepted("headcounts", network.name, outcomes, built)


def _bring(
    heap: Gathered, houses: dict[str, Institution], *, actor: Actor, now: datetime, built: Built
) -> None:
    """One heap of lives: registers first, so that everything is known when mobilities are judged."""
    at = [
        (house, houses[house.hei_id], heap.at(house.hei_id))
        for house in HOSTED
        if house.hei_id in houses
    ]
    for house, institution, records in at:
        _register(house, institution, records, actor=actor, now=now, built=built)
    for house, institution, records in at:
        outcomes = bring_mobilities(
            actor=actor, institution=institution, facts=records.mobilities, now=now
        )
        _accepted("mobilities", house.hei_id, outcomes, built)
        outcomes = bring_visits(actor=actor, institution=institution, facts=records.visits, now=now)
        _accepted("visits", house.hei_id, outcomes, built)
    for house, institution, records in at:
        outcomes = bring_attainments(
            actor=actor,
            institution=institution,
            facts=[fact for fact in records.attainments if fact.mobility_key],
            now=now,
        )
        _accepted("attainments", house.hei_id, outcomes, built)


def _register(
    house: House,
    institution: Institution,
    records: Records,
    *,
    actor: Actor,
    now: datetime,
    built: Built,
) -> None:
    place = house.hei_id
    _accepted(
        "students",
        place,
        bring_students(actor=actor, institution=institution, facts=records.students, now=now),
        built,
    )
    _accepted(
        "study rights",
        place,
        bring_study_rights(actor=actor, institution=institution, facts=records.rights, now=now),
        built,
    )
    _accepted(
        "term enrolments",
        place,
        bring_term_enrolments(
            actor=actor, institution=institution, facts=records.enrolments, now=now
        ),
        built,
    )
    _accepted(
        "employments",
        place,
        bring_employments(actor=actor, institution=institution, facts=records.employments, now=now),
        built,
    )
    own = [fact for fact in records.attainments if not fact.mobility_key]
    _accepted(
        "attainments",
        place,
        bring_attainments(actor=actor, institution=institution, facts=own, now=now),
        built,
    )
