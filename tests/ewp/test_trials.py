"""Trials as they are kept: who may begin one, what our own deeds make, what is read of exchanges, and the report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.agreements.two import both_ways
from tests.cast import Cast, account, institution, role
from tests.ewp.catalogues import Said, api, catalogue
from vaihto.agreements import actions
from vaihto.agreements.forms import form as form_of_agreements
from vaihto.agreements.models import Agreement, Channel, Programme, ReceivedCopy
from vaihto.agreements.queries import places_of_year
from vaihto.agreements.terms import Copy, Party, Terms
from vaihto.ewp import exchanges, registry
from vaihto.ewp.apis.iias import trials
from vaihto.ewp.apis.iias.messages import (
    GivenApproval,
    IiasApprovalResponse,
    IiasIndexResponse,
)
from vaihto.ewp.apis.iias.steps import State, Step
from vaihto.ewp.models import Trial
from vaihto.ewp.protocol.http import Request, Response
from vaihto.ewp.refreshing import PRODUCTION, refresh
from vaihto.institutions.models import Institution
from vaihto.jobs.models import Notification
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.access import actor_of
from vaihto.people.models import Role
from vaihto.refusals import NotAllowed, Refusal

pytestmark = pytest.mark.django_db

US = Actor.system("Agnes")
P = "partner.example"
URL = "https://127.0.0.1:9/catalogue.xml"


def known(url: str, settings: Settings) -> None:
    """A network in which the partner serves agreements."""
    settings.CATALOGUE_URL = url
    iias = api("iias", major=7, version="7.0.0", get_url="https://p.example/iias")
    document = catalogue(Said([P, "other.example"], [iias], provider="Node"))
    done = refresh(
        now=timezone.now(),
        at_once=True,
        fetch=lambda _question, _limits: Response(200, (), document),
    )
    assert done.outcome == "changed"
    registry.forget()


@pytest.fixture
def us(cast: Cast, settings: Settings) -> Iterator[Institution]:
    """A hosted institution in a network for tests, with a partner that serves agreements."""
    known(URL, settings)
    institution(P, name="Partner University", hosted=False)
    yield cast.sending
    registry.forget()


def begun(us: Institution, *, we_start: bool = True, **more: Any) -> Trial:
    return trials.start(
        actor=US, institution=us, partner=P, we_start=we_start, now=timezone.now(), **more
    )


def do(trial: Trial, deed: str) -> None:
    trials.act(actor=US, trial=trial, deed=deed, now=timezone.now())
    trial.refresh_from_db()


def step(trial: Trial, number: int, now: datetime | None = None) -> Step:
    return trials.standing(trial, now=now or timezone.now())[number - 1]


def asked(
    trial: Trial,
    what: str,
    iia_id: str = "",
    *,
    answer: bytes = b"",
    out: bool = False,
    callers: tuple[str, ...] = (P,),
    **more: Any,
) -> None:
    """An exchange that took place now."""
    name, _dot, endpoint = what.partition(".")
    body = urlencode([("iia_id", iia_id)]) if iia_id else ""
    facts: dict[str, Any] = {
        "institution": trial.institution,
        "api": name,
        "version": "7.0.0",
        "endpoint": endpoint or "url",
        "at": timezone.now(),
        "took_ms": 3,
        "signature": "verified",
        "outcome": "ok",
        **more,
    }
    answered = Response(facts.pop("status", 200), (), answer)
    if out:
        exchanges.keep_outgoing(
            partner=P, url="https://p.example", answer=answered,
            request=Request("GET", f"/ewp?{body}"), **facts,
        )  # fmt: skip
    else:
        exchanges.keep_incoming(
            callers=callers, request=Request("POST", "/ewp", (), body.encode()),
            answer=answered, at_once=True, **facts,
        )  # fmt: skip


def comes(
    trial: Trial, *, iia_id: str = "p-1", names: str = "", people: str = "1", good: bool = True
) -> ReceivedCopy:
    """The partner's copy comes, and the exchanges that brought it."""
    terms = both_ways(trial.institution.hei_id, P, people=people)
    copy = Copy(
        author=Party(P, iia_id=iia_id, code="P-1"),
        other=Party(trial.institution.hei_id, iia_id=names or None),
        terms=terms,
    )
    document, digest = form_of_agreements().write(copy)
    asked(trial, "iia-cnr", iia_id)
    asked(trial, "iias.get-url", iia_id, out=True, answer=document)
    return actions.receive_copy(
        actor=US, institution=trial.institution, partner=trial.partner, iia_id=iia_id,
        document=document, copy=copy, digest=digest, published=digest if good else "0" * 64,
        channel=Channel.EWP, now=timezone.now(),
    )  # fmt: skip


# Who, with whom, when ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "may"),
    [
        (Role.Name.AGREEMENT_MANAGER, True),
        (Role.Name.ADMINISTRATOR, True),
        (Role.Name.SIGNATORY, False),
        (Role.Name.READER, False),
    ],
)
def test_those_begin_a_trial_who_may_edit_agreements(
    us: Institution, name: Role.Name, may: bool
) -> None:
    who = account("somebody")
    role(who, name, us)
    actor = actor_of(who, today=timezone.now().date())

    def begin() -> Trial:
        return trials.start(
            actor=actor, institution=us, partner=P, we_start=True, now=timezone.now()
        )

    if not may:
        with pytest.raises(NotAllowed):
            begin()
        return
    begin()
    line = Entry.objects.get(verb="ewp.trial-start")
    assert (line.actor_label, line.institution_id) == (actor.label, us.pk)


def test_a_partner_that_is_not_reached_over_the_network_cannot_be_tried(
    us: Institution, cast: Cast
) -> None:
    for partner in ("nobody.example", cast.receiving.hei_id):
        with pytest.raises(trials.NotOverEwp):
            trials.start(
                actor=US, institution=us, partner=partner, we_start=True, now=timezone.now()
            )


def test_in_the_real_network_somebody_says_that_the_partner_was_told(
    us: Institution, settings: Settings
) -> None:
    known(PRODUCTION, settings)
    with pytest.raises(trials.PartnerNotTold):
        begun(us)
    assert begun(us, partner_was_told=True).partner_was_told


def test_one_trial_with_a_partner_at_a_time_and_many_one_after_another(us: Institution) -> None:
    one = begun(us)
    with pytest.raises(trials.UnderWay):
        begun(us)
    trials.end(actor=US, trial=one, now=timezone.now())
    assert begun(us).pk != one.pk


# Our own deeds -------------------------------------------------------------------------------------


def test_a_test_agreement_says_what_it_is_wherever_one_reads_it(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    made = trial.first
    assert made is not None
    assert made.code.startswith("TEST-")
    assert made.is_trial
    assert made.programme == Programme.OTHER
    assert {one.other_terms for one in made.terms.conditions} == {made.note}
    assert made.note.startswith("TEST of the connection between ")
    assert b"TEST of the connection" in bytes(made.current.document) if made.current else False
    waiting = Notification.objects.get(direction="out", api="iia-cnr")
    assert waiting.object_id == made.iia_id


def test_only_what_is_due_can_be_done(us: Institution) -> None:
    trial = begun(us)
    for deed in ("edit", "take-in", "approve", "clean", "", "check"):
        with pytest.raises(trials.NotNow):
            do(trial, deed)
    do(trial, "create")
    with pytest.raises(trials.NotNow):
        do(trial, "create")  # word of the first has not arrived yet
    assert Agreement.objects.filter(is_trial=True).count() == 1


def test_a_test_gives_no_places_even_in_force(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    assert trial.first is not None
    year = trial.first.terms.conditions[0].years[0]
    ours = Agreement.objects.filter(institution=us)
    assert places_of_year(ours, year) == places_of_year(ours, year, binding=False) == []
    assert trial.first.places.count() == 2, "the network's list by year knows it all the same"


# What is read of what happened ----------------------------------------------------------------------


def test_what_the_partner_asked_is_read_from_the_bytes_that_were_exchanged(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    assert trial.first is not None
    assert trial.first.current is not None
    ours = trial.first.iia_id
    asked(trial, "iia-cnr", ours, out=True)
    document = bytes(trial.first.current.document)
    # Another partner, another agreement, and a question that was refused prove nothing.
    asked(trial, "iias.get-url", ours, answer=document, callers=("other2.example",))
    asked(trial, "iias.get-url", "another", answer=b"")
    assert step(trial, 7).code == "awaits-get"
    asked(trial, "iias.get-url", ours, status=400, outcome="bad-parameter", blame="theirs")
    assert (step(trial, 7).code, step(trial, 7).blame) == ("bad-parameter", "theirs")
    asked(trial, "iias.get-url", ours, answer=document)
    assert step(trial, 7).state is State.DONE
    # A key that speaks for two institutions is kept under the first.
    index = IiasIndexResponse((ours,)).write()
    asked(trial, "iias.index-url", answer=index, callers=("other.example", P))
    assert step(trial, 5).state is State.DONE
    assert [one.state for one in trials.standing(trial, now=timezone.now())[:2]] == [
        State.DONE,
        State.PARTNER,
    ]


def test_what_a_partner_wrote_to_developers_stays_in_the_exchange(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    assert trial.first is not None
    asked(
        trial, "iia-cnr", trial.first.iia_id, out=True, status=400, outcome="bad-request",
        blame="ours", facts={"message": "Aino is unknown", "status": 400},
    )  # fmt: skip
    told = step(trial, 1)
    assert (told.state, told.code, told.blame) == (State.FAILED, "bad-request", "ours")
    assert told.facts["message"] == "…"
    trials.end(actor=US, trial=trial, now=timezone.now())
    trial.refresh_from_db()
    assert "Aino" not in str(trial.report)


def test_the_approval_that_the_partner_names_is_compared_with_our_hash(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    assert trial.first is not None
    ours = trial.first.iia_id
    asked(trial, "iia-cnr", ours, out=True)
    asked(trial, "iias.get-url", ours, answer=bytes(trial.first.current.document))  # type: ignore[union-attr]
    comes(trial, names=ours)
    for people in ("2", "3"):
        do(trial, "edit")
        asked(trial, "iia-cnr", ours, out=True)
        comes(trial, names=ours, people=people)
    trial.first.refresh_from_db()
    served = trial.first.current
    assert served is not None
    asked(trial, "iias.get-url", ours, answer=bytes(served.document))
    told = [one.state.value for one in trials.standing(trial, now=timezone.now())[6:14]]
    assert told == ["done"] * 8
    asked(trial, "iia-approval-cnr", ours)
    wrong = IiasApprovalResponse((GivenApproval(ours, "9" * 64),)).write()
    asked(trial, "iias-approval", ours, out=True, answer=wrong)
    assert step(trial, 17).code == "approval-other-hash"
    right = IiasApprovalResponse((GivenApproval(ours, served.digest),)).write()
    asked(trial, "iias-approval", ours, out=True, answer=right)
    found = step(trial, 17)
    assert (found.state, found.evidence[0].digest) == (State.DONE, served.digest)


def test_a_proposal_of_the_partner_is_taken_in_as_a_test(us: Institution) -> None:
    trial = begun(us, we_start=False)
    with pytest.raises(trials.NotNow):
        do(trial, "take-in")
    comes(trial)
    do(trial, "take-in")
    assert trial.first is not None
    assert (trial.first.is_trial, trial.first.partner_iia_id) == (True, "p-1")
    assert step(trial, 1).state is State.DONE


def test_an_agreement_that_the_partner_made_on_its_own_is_linked_to_ours(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    assert trial.first is not None
    ours = trial.first.iia_id
    asked(trial, "iia-cnr", ours, out=True)
    asked(trial, "iias.get-url", ours, answer=bytes(trial.first.current.document))  # type: ignore[union-attr]
    comes(trial)
    assert (step(trial, 9).code, step(trial, 9).state) == ("to-link", State.OURS)
    do(trial, "link")
    assert trial.first is not None
    assert trial.first.partner_iia_id == "p-1"
    # Our copy names theirs; theirs has to name ours before anybody goes on.
    assert (step(trial, 9).code, step(trial, 9).state) == ("not-mapped-by-partner", State.PARTNER)
    comes(trial, names=ours)
    assert step(trial, 9).code == "to-edit"


def test_what_the_partner_had_before_is_not_taken_for_its_test(us: Institution) -> None:
    real = begun(us)
    comes(real, iia_id="real")
    trials.end(actor=US, trial=real, now=timezone.now())
    trial = begun(us, we_start=False)
    comes(trial, iia_id="real", people="7")
    assert step(trial, 1).code == "awaits-create"
    assert not trials.proposals(trial).exists()


# Ending ---------------------------------------------------------------------------------------------


def test_a_report_never_changes_after_the_end(us: Institution) -> None:
    trial = begun(us)
    do(trial, "create")
    assert trial.first is not None
    trials.end(actor=US, trial=trial, now=timezone.now())
    trial.refresh_from_db()
    before = trials.standing(trial, now=timezone.now())
    assert before[0].code == "word-on-its-way"
    asked(trial, "iia-cnr", trial.first.iia_id, out=True)
    later = timezone.now() + timedelta(days=300)
    assert trials.standing(trial, now=later) == before
    kept = list(trial.report)
    trials.end(actor=US, trial=trial, now=later)
    trial.refresh_from_db()
    assert trial.report == kept
    with pytest.raises(trials.NotNow):
        do(trial, "look")


def test_what_was_never_in_force_is_deleted_and_what_the_partner_left_is_set_aside(
    us: Institution,
) -> None:
    trial = begun(us)
    do(trial, "create")
    left = comes(trial, iia_id="left")
    with pytest.raises(Refusal):
        trials.clean(actor=US, trial=trial, now=timezone.now())
    trials.end(actor=US, trial=trial, now=timezone.now())
    trial.refresh_from_db()
    trials.clean(actor=US, trial=trial, now=timezone.now())
    trial.refresh_from_db()
    left.refresh_from_db()
    assert trial.first is not None
    assert trial.first.deleted_at is not None
    assert left.ignored_at is not None
    assert trial.cleaned_at is not None
    verbs = Entry.objects.filter(verb__startswith="ewp.trial").values_list("verb", flat=True)
    assert set(verbs) == {"ewp.trial-start", "ewp.trial-end", "ewp.trial-clean"}


def test_the_terms_of_a_test_are_complete(us: Institution) -> None:
    from vaihto.agreements.checks import check  # noqa: PLC0415 - beside what it checks

    trial = begun(us)
    terms: Terms = trials._test_terms(trial, timezone.now())
    assert check(terms, parties=frozenset({us.hei_id, P})) == []
