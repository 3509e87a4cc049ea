"""Trying agreements with a real partner: a test agreement is made, and each of the eighteen steps told as it happens.

What belongs here: beginning and ending a trial, our own deeds in it, and reading what happened out of the records.
What follows from that is said in `steps.py`; the agreements themselves change by the ordinary actions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from vaihto.agreements import actions
from vaihto.agreements.models import (
    Agreement,
    Programme,
    ReceivedCopy,
    ReceivedRevision,
    Revision,
    Side,
)
from vaihto.agreements.queries import academic_year_of
from vaihto.agreements.serving import compared
from vaihto.agreements.terms import (
    Condition,
    Kind,
    LanguageSkill,
    SubjectArea,
    Terms,
    read_number,
)
from vaihto.channels.models import Channel
from vaihto.channels.reaching import channel_of
from vaihto.ewp import client, exchanges, explained, registry, transport
from vaihto.ewp.apis.iias import APIS, APPROVAL, APPROVAL_CNR, IIA_CNR, IIAS
from vaihto.ewp.apis.iias.following import fetch_approval, fetch_copy, meet, refresh
from vaihto.ewp.apis.iias.messages import (
    IiasApprovalResponse,
    IiasGetResponse,
    IiasIndexResponse,
)
from vaihto.ewp.apis.iias.steps import (
    Call,
    Deed,
    Evidence,
    Given,
    Ours,
    State,
    Step,
    Story,
    Theirs,
    Version,
    Waiting,
    steps,
)
from vaihto.ewp.explained import Explained
from vaihto.ewp.models import Exchange, Host, Trial
from vaihto.ewp.protocol.http import MalformedForm, Parameters, Request
from vaihto.ewp.protocol.xml import MalformedXml
from vaihto.ewp.refreshing import PRODUCTION
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Notification
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, May
from vaihto.refusals import Invalid, NotAllowed, Stale
from vaihto.wording import mark as _

# What is read of the exchanges of a trial, the newest; a trial makes about a hundred.
_MOST_CALLS = 1_000
# Unknown agreements that are fetched because the partner's list names them.
_MOST_FETCHED = 5
# What a partner wrote to developers may name somebody; it stays in the exchange.
_QUOTED = ("message", "said")

# Stands in the agreement, so it is in English for every reader.
_TEST = (
    "TEST of the connection between %(ours)s and %(theirs)s, begun %(day)s. "
    "Not an agreement: nobody is sent or received under it."
)


class NotOverEwp(Invalid):
    """The partner is not reached over the network for agreements."""

    sentence = _(
        "Agreements with %(partner)s do not travel over EWP now, so there is nothing to try."
    )
    remedy = _("See what the catalogue says of the partner, and which channel was chosen for it.")


class PartnerNotTold(Invalid):
    """In the real network the partner sees the test agreement among its real ones."""

    sentence = _("In the real network the partner sees the test agreement among its real ones.")
    remedy = _("Tell the partner first, and say here that you did.")


class UnderWay(Invalid):
    """There is one already."""

    sentence = _("A test with %(partner)s is under way already.")
    remedy = _("End it first, or go on with it.")


class NotNow(Stale):
    """Somebody was faster, or the step is not due."""

    sentence = _("This cannot be done now; the test stands otherwise than when the page was made.")
    remedy = _("Read how it stands and go on from there.")


# Who may -------------------------------------------------------------------------------------------


def may_run(actor: Actor, institution: Institution) -> bool:
    """Operators, and who edits agreements there; what changes an agreement needs that right anyway."""
    return actor.is_operator or actor.has(May.AGREEMENTS_EDIT, institution.pk, None)


def _require(actor: Actor, institution: Institution) -> None:
    if not may_run(actor, institution):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))


def in_real_network() -> bool:
    """Does the catalogue list production systems, where partners work on what they see?"""
    return bool(settings.CATALOGUE_URL == PRODUCTION)


def can_try(institution: Institution, partner: Institution) -> bool:
    """Do agreements between the two travel over EWP, and not within this installation?"""
    if not registry.entries(partner.hei_id, IIAS.element, major=IIAS.major):
        return False
    return channel_of(institution, partner) is Channel.EWP


# Beginning and ending ------------------------------------------------------------------------------


@transaction.atomic
def start(
    *,
    actor: Actor,
    institution: Institution,
    partner: str,
    we_start: bool,
    now: datetime,
    partner_was_told: bool = False,
) -> Trial:
    """A trial with the institution of this hei id. Nothing is sent before the first step.

    Raises `NotOverEwp`, `PartnerNotTold`, `UnderWay`.
    """
    _require(actor, institution)
    if not registry.entries(partner, IIAS.element, major=IIAS.major):
        raise NotOverEwp("trial.not-over-ewp", partner=partner)
    other = meet(partner)
    if not can_try(institution, other):
        raise NotOverEwp("trial.not-over-ewp", partner=other.name)
    if in_real_network() and not partner_was_told:
        raise PartnerNotTold("trial.partner-not-told", field="told")
    Institution.objects.select_for_update().get(pk=institution.pk)
    if Trial.objects.filter(institution=institution, partner=other, ended_at=None).exists():
        raise UnderWay("trial.under-way", partner=other.name)
    trial = Trial.objects.create(
        institution=institution,
        partner=other,
        we_start=we_start,
        partner_was_told=partner_was_told,
        started_at=now,
        started_by=actor.label,
    )
    _note(actor, "start", trial, now)
    return trial


@transaction.atomic
def end(*, actor: Actor, trial: Trial, now: datetime) -> Trial:
    """Keeps the steps as they stand now; nothing is added any more."""
    _require(actor, trial.institution)
    trial = _locked(trial)
    if trial.ended_at is None:
        found = standing(trial, now=now)
        trial.report = [written(step) for step in found]
        trial.ended_at, trial.ended_by = now, actor.label
        trial.save(update_fields=["report", "ended_at", "ended_by"])
        done = sum(step.state is State.DONE for step in found)
        _note(actor, "end", trial, now, changes={"done": [None, done]})
    return trial


def clean(*, actor: Actor, trial: Trial, now: datetime) -> None:
    """Takes the test agreements of a trial that has ended away: deleted, or proposed to be ended where in force.

    What the partner made beside is set aside. The partner's side is asked first, as before every deletion.
    """
    actor.require(May.AGREEMENTS_EDIT, trial.institution_id, None)
    if trial.ended_at is None:
        raise NotNow("trial.not-ended")
    for agreement in agreements_of(trial):
        if agreement.deleted_at is None:
            refresh(agreement=agreement, now=now, actor=actor)
    with transaction.atomic():
        for agreement in agreements_of(trial):
            if agreement.deleted_at is None:
                _take_away(agreement, actor=actor, now=now)
        for copy in _unlinked(trial).filter(ignored_at=None, first_at__lte=trial.ended_at):
            actions.ignore(actor=actor, received=copy, now=now)
        trial.cleaned_at = now
        trial.save(update_fields=["cleaned_at"])
        _note(actor, "clean", trial, now)


def _take_away(agreement: Agreement, *, actor: Actor, now: datetime) -> None:
    if agreement.mutual is None:
        actions.delete(actor=actor, agreement=agreement, now=now)
    elif not agreement.terms.is_terminated and not agreement.mutual.terminates:
        actions.terminate(actor=actor, agreement=agreement, now=now)


def _note(
    actor: Actor,
    verb: str,
    trial: Trial,
    now: datetime,
    *,
    changes: Mapping[str, Any] | None = None,
) -> None:
    record(
        actor,
        f"ewp.trial-{verb}",
        trial,
        at=now,
        institution_id=trial.institution_id,
        changes=changes,
    )


def _locked(trial: Trial) -> Trial:
    return (
        Trial.objects.select_for_update(of=("self",))
        .select_related("institution", "partner")
        .get(pk=trial.pk)
    )


# Our own deeds -------------------------------------------------------------------------------------


def act(
    *, actor: Actor, trial: Trial, deed: str, now: datetime, copy: ReceivedCopy | None = None
) -> None:
    """Does what a step offers (`Step.act`), or `look`: asks for everything of the partner once more.

    `copy` is the partner's proposal that is taken in, where it made several. Approving is left to the page of the
    agreement, where one reads what one approves. Raises `NotNow` when the step is not due.
    """
    _require(actor, trial.institution)
    if trial.ended_at is not None:
        raise NotNow("trial.ended")
    offered = {step.act for step in standing(trial, now=now)} | {"look"}
    if deed not in offered or deed not in _ACTS:
        raise NotNow("trial.not-due", deed=deed)
    _ACTS[deed](trial, actor, now, copy)


def _create(trial: Trial, actor: Actor, now: datetime, _copy: ReceivedCopy | None) -> None:
    with transaction.atomic():
        trial = _locked(trial)
        number = _next(trial)
        made = actions.create(
            actor=actor,
            institution=trial.institution,
            partner=trial.partner,
            terms=_test_terms(trial, now),
            now=now,
            programme=Programme.OTHER,
            code=_code(trial, number),
            note=_marked(trial),
            is_trial=True,
        )
        actions.propose(actor=actor, agreement=made, now=now)
        _keep(trial, number, made)


def _take_in(trial: Trial, actor: Actor, now: datetime, copy: ReceivedCopy | None) -> None:
    with transaction.atomic():
        trial = _locked(trial)
        number = _next(trial)
        received = copy or proposals(trial).first()
        if received is None or not proposals(trial).filter(pk=received.pk).exists():
            raise NotNow("trial.no-proposal")
        made = actions.take_in(
            actor=actor,
            received=received,
            now=now,
            programme=Programme.OTHER,
            code=_code(trial, number),
            is_trial=True,
        )
        _keep(trial, number, made)


def _next(trial: Trial) -> int:
    if trial.second_id is not None:
        raise NotNow("trial.made-already")
    return 1 if trial.first_id is None else 2


def _keep(trial: Trial, number: int, made: Agreement) -> None:
    name = "first" if number == 1 else "second"
    setattr(trial, name, made)
    trial.save(update_fields=[name])


def _code(trial: Trial, number: int) -> str:
    return f"TEST-{trial.started_at:%Y%m%d}-{trial.pk}-{number}"


def _marked(trial: Trial) -> str:
    """What tells everybody that it is a test; in English, as the partner reads it."""
    return _TEST % {
        "ours": trial.institution.name,
        "theirs": trial.partner.name,
        "day": f"{trial.started_at:%Y-%m-%d}",
    }


def _test_terms(trial: Trial, now: datetime) -> Terms:
    """One student each way in the coming academic year."""
    year = academic_year_of(now.date()) + 1
    ours, theirs = trial.institution.hei_id, trial.partner.hei_id
    return Terms(
        tuple(
            Condition(
                kind=Kind.STUDIES,
                sending=sending,
                receiving=receiving,
                first_year=f"{year}/{year + 1}",
                last_year=f"{year}/{year + 1}",
                people="1",
                skills=(LanguageSkill("en", "B2"),),
                areas=(SubjectArea("0613"),),
                other_terms=_marked(trial),
                months="5",
                blended="false",
                levels=("6",),
            )
            for sending, receiving in ((ours, theirs), (theirs, ours))
        )
    )


def _first(trial: Trial) -> Agreement:
    if trial.first_id is None:
        raise NotNow("trial.nothing-made")
    return Agreement.objects.whole().get(pk=trial.first_id)


def _edit(trial: Trial, actor: Actor, now: datetime, _copy: ReceivedCopy | None) -> None:
    """Whoever began changes the numbers; the other takes the change over, so that both say the same in the end."""
    agreement = _first(trial)
    received = agreement.received_copy
    theirs = received.current.copy if received and received.current else None
    ours = agreement.terms
    seen = compared(agreement)
    if seen and not trial.we_start and not seen.is_equivalent:
        _take_theirs(trial, actor, now, None)
        return
    most = max((*_people(ours), *(_people(theirs.terms) if theirs else ())), default=0)
    changed = tuple(replace(one, people=str(most + 1)) for one in ours.conditions)
    actions.edit(
        actor=actor,
        agreement=agreement,
        terms=replace(ours, conditions=changed),
        now=now,
        seen=agreement.current.number if agreement.current else None,
    )


def _people(terms: Terms) -> list[int]:
    return [int(read_number(one.people) or 0) for one in terms.conditions]


def _take_theirs(trial: Trial, actor: Actor, now: datetime, _copy: ReceivedCopy | None) -> None:
    agreement = _first(trial)
    received = agreement.received_copy
    if received is None or received.current is None:
        raise NotNow("trial.no-copy")
    actions.take_theirs(actor=actor, agreement=agreement, digest=received.current.digest, now=now)


def _index(trial: Trial, actor: Actor, now: datetime, _copy: ReceivedCopy | None) -> bool:
    """Asks for the whole list, and fetches what it names and nobody here knows yet."""
    answer = client.call(
        institution=trial.institution,
        partner=trial.partner.hei_id,
        api=IIAS,
        endpoint="index-url",
        actor=actor,
        now=now,
        read=IiasIndexResponse.read,
    )
    if not answer.is_good or answer.message is None:
        return False
    known = set(_copies(trial).values_list("iia_id", flat=True))
    new = [one for one in answer.message.iia_ids if one not in known]
    # The newest stand last in most lists.
    return _fetch(trial, new[-_MOST_FETCHED:], actor, now)


def _fetch(trial: Trial, ids: Iterable[str], actor: Actor, now: datetime) -> bool:
    """Fetches until one fails: somebody waits for the page, and a silent partner stays silent."""
    for iia_id in ids:
        _received, answer = fetch_copy(
            institution=trial.institution,
            partner=trial.partner,
            iia_id=iia_id,
            now=now,
            actor=actor,
        )
        if not answer.is_good:
            return False
    return True


def _link(trial: Trial, actor: Actor, now: datetime, copy: ReceivedCopy | None) -> None:
    """The partner made an agreement of its own; from now on our copy names its id."""
    received = copy or proposals(trial).first()
    if received is None:
        raise NotNow("trial.no-proposal")
    actions.link(actor=actor, received=received, agreement=_first(trial), now=now)


def _get(trial: Trial, actor: Actor, now: datetime, _copy: ReceivedCopy | None) -> bool:
    return _fetch(trial, copies_of_partner(trial), actor, now)


def _check(trial: Trial, actor: Actor, now: datetime, _copy: ReceivedCopy | None) -> None:
    fetch_approval(agreement=_first(trial), now=now, actor=actor)


def _look(trial: Trial, actor: Actor, now: datetime, copy: ReceivedCopy | None) -> None:
    """Everything of the partner, also what it sent no word of."""
    _note(actor, "look", trial, now)
    answers = _get(trial, actor, now, copy) and _index(trial, actor, now, copy)
    if answers and trial.first_id is not None:
        _check(trial, actor, now, copy)


_ACTS: dict[str, Callable[[Trial, Actor, datetime, ReceivedCopy | None], object]] = {
    "create": _create,
    "take-in": _take_in,
    "edit": _edit,
    "link": _link,
    "take-theirs": _take_theirs,
    "index": _index,
    "get": _get,
    "check": _check,
    "look": _look,
}


# What happened -------------------------------------------------------------------------------------


def standing(trial: Trial, *, now: datetime) -> tuple[Step, ...]:
    """The eighteen steps: as kept when the trial ended, else as they follow from what happened until now."""
    if trial.ended_at is not None:
        return tuple(_read(row) for row in trial.report)
    return steps(story(trial), now=now)


def agreements_of(trial: Trial) -> list[Agreement]:
    """The test agreements of ours, the first and the second, as far as they were made."""
    found = Agreement.objects.whole().in_bulk(
        [pk for pk in (trial.first_id, trial.second_id) if pk is not None]
    )
    return [found[pk] for pk in (trial.first_id, trial.second_id) if pk in found]


def of_agreement(agreement: Agreement) -> Trial | None:
    """The trial to which a test agreement belongs."""
    trials = Trial.objects.filter(institution=agreement.institution_id)
    return (trials.filter(first=agreement) | trials.filter(second=agreement)).first()


def _copies(trial: Trial) -> Any:
    return ReceivedCopy.objects.filter(institution=trial.institution, partner=trial.partner)


def _unlinked(trial: Trial) -> Any:
    """What the partner made since the trial began and nobody linked."""
    return _copies(trial).filter(agreement=None, gone_at=None, first_at__gte=trial.started_at)


def proposals(trial: Trial) -> Any:
    """Copies of the partner that may be its test agreement, the earliest first; readable ones."""
    return _unlinked(trial).filter(current__isnull=False, failure="").order_by("first_at", "pk")


def copies_of_partner(trial: Trial) -> list[str]:
    """Ids of the partner's test agreements, as far as anything is known of them."""
    told = story(trial)
    linked = [each.iia_id for each in told.theirs if each.of]
    words = [
        iia_id
        for call in told.calls
        if not call.out and call.api == IIA_CNR.element and call.good
        for iia_id in sorted(call.ids - told.older)
    ]
    others = [each.iia_id for each in told.theirs if not each.of]
    return list(dict.fromkeys((*linked, *others, *words)))[: 2 * _MOST_FETCHED]


def story(trial: Trial) -> Story:
    """Everything that happened between the two since the trial began."""
    agreements = agreements_of(trial)
    ours = tuple(_ours(one) for one in agreements)
    ids = {one.pk: one.iia_id for one in agreements}
    received = _copies(trial).filter(first_at__gte=trial.started_at).exclude(
        agreement__isnull=False, agreement__is_trial=False
    ) | _copies(trial).filter(agreement__in=list(ids))
    theirs = tuple(
        _theirs(one, ids.get(one.agreement_id or 0, ""))
        for one in received.distinct().order_by("first_at", "pk")
    )
    older = (
        _copies(trial).exclude(pk__in=[one.pk for one in received]).values_list("iia_id", flat=True)
    )
    partner_ids = [one.iia_id for one in theirs]
    return Story(
        we_start=trial.we_start,
        calls=_calls(trial),
        ours=ours,
        theirs=theirs,
        older=frozenset(older),
        waiting=_waiting(trial, [*(one.iia_id for one in ours), *partner_ids]),
    )


def _terms_key(terms: Terms) -> str:
    return hashlib.sha256(repr(terms.without_contacts()).encode()).hexdigest()


def _ours(agreement: Agreement) -> Ours:
    approvals = agreement.approvals.exclude(digest="").order_by("at", "pk")

    def given(side: Side) -> tuple[Given, ...]:
        return tuple(Given(one.digest, one.at) for one in approvals if one.side == side)

    def version(one: Revision) -> Version:
        return Version(one.made_at, one.digest, _terms_key(one.copy.terms), pk=one.pk)

    return Ours(
        iia_id=agreement.iia_id,
        code=agreement.code,
        at=agreement.shared_at or agreement.created_at,
        versions=tuple(version(one) for one in agreement.revisions.order_by("number")),
        given=given(Side.OURS),
        taken=given(Side.PARTNER),
        obstacles=tuple(actions.obstacles(agreement)),
    )


def _theirs(received: ReceivedCopy, of: str) -> Theirs:
    def version(one: ReceivedRevision) -> Version:
        said = one.copy
        terms = _terms_key(said.terms) if said else hashlib.sha256(one.document).hexdigest()
        problem = "" if one.is_good else (one.problems[0][0] if one.problems else "unreadable")
        return Version(one.came_at, one.digest, terms, problem, one.pk)

    return Theirs(
        iia_id=received.iia_id,
        at=received.first_at,
        versions=tuple(version(one) for one in received.revisions.order_by("number")),
        of=of,
    )


def _facts(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: "…" if name in _QUOTED else str(value) for name, value in facts.items()}


def _waiting(trial: Trial, ids: Iterable[str]) -> tuple[Waiting, ...]:
    rows = Notification.objects.filter(
        direction=Notification.Direction.OUT,
        hei_id=trial.institution.hei_id,
        partner=trial.partner.hei_id,
        api__in=[IIA_CNR.element, APPROVAL_CNR.element],
        object_id__in=list(ids),
        changed_at__gte=trial.started_at,
    ).exclude(state=Notification.State.DONE)
    found = []
    for row in rows.order_by("changed_at", "pk"):
        told = explained.of_notification(row) if row.outcome not in {"", "ok"} else Explained("")
        code = row.outcome if told.sentence else ""
        found.append(
            Waiting(row.api, row.object_id, row.changed_at, code, told.sentence, told.remedy,
                    str(told.blame), _facts(told.facts))
        )  # fmt: skip
    return tuple(found)


def _calls(trial: Trial) -> tuple[Call, ...]:
    """Every exchange about agreements between the two, in its order."""
    partner = trial.partner.hei_id
    # A key may speak for several institutions; what it asked stands under the first of them.
    spoken = {partner}
    for hei_ids in Host.objects.filter(apis__hei_id=partner).values_list("hei_ids", flat=True):
        spoken.update(hei_ids)
    rows = (
        Exchange.objects.filter(
            institution=trial.institution,
            partner__in=spoken,
            api__in=[api.element for api in APIS],
            at__gte=trial.started_at,
        )
        .exclude(endpoint="stats-url")
        .order_by("-at", "-pk")[:_MOST_CALLS]
    )
    return tuple(
        _call(row)
        for row in sorted(rows, key=lambda row: (row.at, row.pk))
        if partner in {row.partner, *row.facts.get("callers", ())}
    )


def _call(row: Exchange) -> Call:
    request, answer = exchanges.read(row)
    parameters = _parameters(request)
    out = row.direction == Exchange.Direction.OUT
    good = row.outcome in {"ok", "not-modified"} and row.status is not None and row.status < 400
    listed: Mapping[str, str] = {}
    if good and answer is not None:
        listed = _listed(row, transport.decoded(answer, limit=settings.EWP_ANSWER_LIMIT_BYTES))
    told = Explained("") if good else explained.of_exchange(row)
    return Call(
        pk=row.pk,
        at=row.at,
        out=out,
        api=row.api,
        endpoint=row.endpoint,
        ids=frozenset(parameters.all("iia_id")),
        good=good,
        listed=frozenset(listed),
        hashes={iia_id: digest for iia_id, digest in listed.items() if digest},
        narrowed="modified_since" in parameters or "receiving_academic_year_id" in parameters,
        code=row.outcome,
        sentence=told.sentence,
        remedy=told.remedy,
        blame=str(told.blame),
        facts=_facts(told.facts),
        request_id=row.request_id,
    )


def _parameters(request: Request) -> Parameters:
    try:
        return Parameters.read(request.query if request.method == "GET" else request.body)
    except MalformedForm:
        return Parameters()


def _listed(row: Exchange, body: bytes) -> dict[str, str]:
    """The agreements that an answer names, with their hashes where it has them."""
    try:
        if (row.api, row.endpoint) == (IIAS.element, "index-url"):
            return dict.fromkeys(IiasIndexResponse.read(body).message.iia_ids, "")
        if (row.api, row.endpoint) == (IIAS.element, "get-url"):
            iias = IiasGetResponse.read(body).message.iias
            return {one.copy.author.iia_id: one.hash for one in iias if one.copy.author.iia_id}
        if row.api == APPROVAL.element:
            approvals = IiasApprovalResponse.read(body).message.approvals
            return {one.iia_id: one.hash for one in approvals}
    except MalformedXml:
        return {}
    return {}


# The report ----------------------------------------------------------------------------------------


def written(step: Step) -> dict[str, Any]:
    """A step as it is kept."""
    row = asdict(step)
    row["at"] = step.at.isoformat() if step.at else None
    row["evidence"] = [{**asdict(one), "at": one.at.isoformat()} for one in step.evidence]
    return row


def _read(row: Mapping[str, Any]) -> Step:
    return Step(
        **{
            **row,
            "deed": Deed(row["deed"]),
            "state": State(row["state"]),
            "at": datetime.fromisoformat(row["at"]) if row["at"] else None,
            "evidence": tuple(
                Evidence(**{**one, "at": datetime.fromisoformat(one["at"])})
                for one in row["evidence"]
            ),
            "act": "",
        }
    )
