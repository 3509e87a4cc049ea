"""A partner without a system agrees with us through a link: from the invitation to the end, and what a link refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import override_settings

from tests.agreements.two import US, Clock, both_ways
from tests.cast import institution
from vaihto.agreements import actions
from vaihto.agreements.forms import form
from vaihto.agreements.models import Agreement, Approval, Channel, Pair, ReceivedCopy, Remark
from vaihto.agreements.serving import binding_terms, standing
from vaihto.agreements.standing import Next, State, Turn
from vaihto.agreements.terms import Copy, Party
from vaihto.channels import guest, letters, reaching
from vaihto.channels.models import Channel as Way
from vaihto.channels.models import GuestLink, Letter
from vaihto.jobs import mailing
from vaihto.jobs.models import Notification
from vaihto.journal.models import Entry
from vaihto.refusals import NotAllowed, Refusal, Stale

A, P = "a.example", "partner.example"
STATED = "I approve exactly this."

pytestmark = [pytest.mark.django_db, pytest.mark.mail]


class Talk:
    """Our office, a partner without a system, and the link between them."""

    def __init__(self, **invited: object) -> None:
        self.clock = Clock()
        self.us = institution(A, name="University of A")
        self.partner = institution(P, name="Partner University", hosted=False)
        self.pk = actions.create(
            actor=US,
            institution=self.us,
            partner=self.partner,
            terms=both_ways(A, P),
            now=self.clock(),
        ).pk
        actions.propose(actor=US, agreement=self.look(), now=self.clock())
        self.link = self.invite(**invited)

    def look(self) -> Agreement:
        return Agreement.objects.get(pk=self.pk)

    def invite(self, **facts: object) -> GuestLink:
        said = {"address": "pia@partner.example", "name": "Pia Partner", "language": "sv", **facts}
        return guest.invite(actor=US, agreement=self.look(), now=self.clock(), **said)  # type: ignore[arg-type]

    @property
    def seen(self) -> str:
        current = self.look().current
        assert current is not None
        return current.digest

    def guest_approves(self, **changed: object) -> Agreement:
        said = {"seen": self.seen, "name": "Pia Partner", "function": "Head", "statement": STATED}
        return guest.approve(link=self.link, now=self.clock(), **{**said, **changed})  # type: ignore[arg-type]

    def we_approve(self) -> Agreement:
        agreement = self.look()
        received = agreement.received_copy
        assert received is not None
        assert received.current is not None
        return actions.approve(
            actor=US, agreement=agreement, digest=received.current.digest, now=self.clock()
        )

    def state(self) -> State:
        return standing(self.look()).state

    def post(self, *, after: timedelta = timedelta(minutes=5)) -> list[str]:
        """Everything that is due goes out; answers the new letters' texts."""
        before = len(mail.outbox)
        # Letters are written at the machine's time, so they are sent some time after it.
        Letter.objects.filter(ended_at__isnull=True).update(due_at=self.clock())
        letters.send_due(now=self.clock() + after)
        return [str(one.body) for one in mail.outbox[before:]]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_partner_without_a_system_is_reached_by_link(talk: Talk) -> None:
    assert reaching.possible(talk.us, talk.partner) == [Way.GUEST, Way.FILE]
    assert reaching.channel_of(talk.us, talk.partner) is Way.GUEST
    assert not Notification.objects.exists()


def test_two_approvals_bring_it_into_force_as_over_the_network(talk: Talk) -> None:
    assert talk.state() is State.PROPOSED
    talk.guest_approves()
    assert talk.state() is State.APPROVED_BY_PARTNER
    assert standing(talk.look()).next == (Turn.OURS, Next.APPROVE)
    received = ReceivedCopy.objects.get()
    assert received.iia_id.startswith("guest-")
    assert received.current is not None
    assert received.current.channel == Channel.GUEST
    assert received.current.digest == received.current.published
    copy = received.current.copy
    assert copy is not None
    assert (copy.author.hei_id, copy.other.hei_id, copy.other.iia_id) == (P, A, talk.look().iia_id)
    talk.we_approve()
    assert talk.state() is State.IN_FORCE
    assert Pair.objects.count() == 1


def test_an_approval_keeps_the_words_the_hash_and_the_very_bytes(talk: Talk) -> None:
    talk.guest_approves()
    approval = Approval.objects.get(side="partner")
    said = json.loads(bytes(approval.proof))
    assert said["statement"] == STATED
    assert said["address"] == "pia@partner.example"
    assert (approval.channel, approval.mandate) == ("guest", "Head")
    assert approval.by == "Pia Partner, Head, partner.example"
    document = bytes(approval.document)
    assert form().write(form().read(document))[1] == approval.digest == talk.seen
    assert said["hash of the same copy once it named the partner's"] == approval.digest


def test_nobody_approves_what_changed_after_it_was_read(talk: Talk) -> None:
    seen = talk.seen
    actions.edit(
        actor=US, agreement=talk.look(), terms=both_ways(A, P, people="9"), now=talk.clock()
    )
    with pytest.raises(Stale):
        talk.guest_approves(seen=seen)
    assert not Approval.objects.exists()


def test_a_change_is_proposed_taken_over_and_approved(talk: Talk) -> None:
    guest.propose(
        link=talk.link,
        terms=both_ways(A, P, people="5"),
        seen=talk.seen,
        now=talk.clock(),
        note="More?",
    )
    assert standing(talk.look()).next == (Turn.OURS, Next.AGREE)
    assert Remark.objects.get().side == "partner"
    received = talk.look().received_copy
    assert received is not None
    assert received.current is not None
    actions.take_theirs(
        actor=US, agreement=talk.look(), digest=received.current.digest, now=talk.clock()
    )
    before = received.revisions.count()
    talk.guest_approves()
    assert received.revisions.count() == before, "the partner's copy said it already"
    talk.we_approve()
    bound = binding_terms(talk.look())
    assert bound is not None
    assert {one.people for one in bound.conditions} == {"5"}


def test_terms_that_the_network_would_refuse_are_not_proposed(talk: Talk) -> None:
    with pytest.raises(actions.NotReady) as refused:
        guest.propose(
            link=talk.link, terms=both_ways(A, P, people="none"), seen=talk.seen, now=talk.clock()
        )
    assert refused.value.facts["count"] == 2
    assert not ReceivedCopy.objects.exists()


def _in_force(talk: Talk) -> None:
    talk.guest_approves()
    talk.we_approve()


def test_reverting_needs_no_new_approval(talk: Talk) -> None:
    _in_force(talk)
    actions.edit(
        actor=US, agreement=talk.look(), terms=both_ways(A, P, people="7"), now=talk.clock()
    )
    assert talk.state() is State.MODIFICATION
    actions.revert(actor=US, agreement=talk.look(), now=talk.clock())
    assert talk.state() is State.IN_FORCE
    guest.propose(
        link=talk.link, terms=both_ways(A, P, people="8"), seen=talk.seen, now=talk.clock()
    )
    assert talk.state() is State.MODIFICATION
    guest.take_back_change(link=talk.link, seen=talk.seen, now=talk.clock())
    assert talk.state() is State.IN_FORCE
    assert Pair.objects.count() == 1


@pytest.mark.parametrize("who_begins", ["office", "guest"])
def test_ending_as_a_whole_needs_both(talk: Talk, who_begins: str) -> None:
    _in_force(talk)
    if who_begins == "guest":
        guest.propose_end(link=talk.link, seen=talk.seen, now=talk.clock(), reason="We close.")
        assert talk.state() is State.TERMINATION
    actions.terminate(actor=US, agreement=talk.look(), now=talk.clock())
    assert talk.state() is State.TERMINATION
    talk.guest_approves()
    talk.we_approve()
    assert talk.state() is State.TERMINATED
    assert binding_terms(talk.look()) is None


def test_an_approval_that_did_not_become_mutual_can_be_taken_back(talk: Talk) -> None:
    talk.guest_approves()
    guest.withdraw_approval(link=talk.link, now=talk.clock())
    assert talk.state() is State.MAPPED
    talk.guest_approves()
    talk.we_approve()
    with pytest.raises(actions.WrongState):
        guest.withdraw_approval(link=talk.link, now=talk.clock())
    assert talk.state() is State.IN_FORCE


def test_a_signed_paper_is_sealed_and_belongs_to_the_approval(talk: Talk) -> None:
    talk.guest_approves(paper=("signed.pdf", b"%PDF-1.7 signed"))
    kept = talk.look().attachments.get()
    assert (kept.side, kept.size) == ("partner", 15)
    assert b"%PDF" not in bytes(kept.content)
    approval = Approval.objects.get(side="partner")
    assert approval.file_id == kept.digest
    assert json.loads(bytes(approval.proof))["signed file"]["sha256"] == kept.digest


def test_a_file_that_is_no_pdf_approves_nothing(talk: Talk) -> None:
    with pytest.raises(Refusal):
        talk.guest_approves(paper=("signed.pdf", b"<html>"))
    assert not Approval.objects.exists()
    assert not ReceivedCopy.objects.exists()


# --- Links ----------------------------------------------------------------------------------------


def test_only_the_hash_of_the_secret_is_kept(talk: Talk) -> None:
    secret = guest.secret_of(talk.link)
    assert secret is not None
    assert len(secret) == 43
    row = GuestLink.objects.filter(pk=talk.link.pk).values().get()
    assert secret not in str(row)
    found = guest.link_of(secret, now=talk.clock())
    assert found == talk.link
    with override_settings(SECRET_KEY="another key of the installation"):
        assert guest.secret_of(talk.link) is None, "letters say: use the earlier link"
        assert guest.link_of(secret, now=talk.clock()) == talk.link


def test_wrong_expired_and_withdrawn_links_are_all_nothing(talk: Talk) -> None:
    secret = guest.secret_of(talk.link)
    assert secret is not None
    now = talk.clock()
    assert guest.link_of("guessed", now=now) is None
    assert guest.link_of(talk.link.digest, now=now) is None
    assert guest.link_of(secret, now=now + timedelta(days=31)) is None
    guest.withdraw(actor=US, link=talk.link, now=now)
    assert guest.link_of(secret, now=now) is None
    with pytest.raises(guest.Closed):
        talk.guest_approves()


def test_renewing_keeps_the_link_and_a_withdrawn_one_stays_closed(talk: Talk) -> None:
    guest.renew(actor=US, link=talk.link, days=60, now=talk.clock())
    secret = guest.secret_of(talk.link)
    assert secret is not None
    assert guest.link_of(secret, now=talk.clock() + timedelta(days=59)) is not None
    guest.withdraw(actor=US, link=talk.link, now=talk.clock())
    with pytest.raises(actions.WrongState):
        guest.renew(actor=US, link=talk.link, now=talk.clock())


def test_a_colleague_gets_a_link_of_its_own_and_may_not_hand_it_further(talk: Talk) -> None:
    made = guest.pass_on(
        link=talk.link, address="ceo@partner.example", name="Cleo", now=talk.clock(), keep=False
    )
    assert made.digest != talk.link.digest
    assert made.passed_on_from == talk.link
    assert made.expires_at == talk.link.expires_at
    talk.link.refresh_from_db()
    assert talk.link.withdrawn_at is not None
    told = Entry.objects.filter(verb="channels.pass-on").get()
    assert told.actor_label == "Pia Partner, partner.example"
    again = {"address": "third@partner.example", "name": "Third", "now": talk.clock()}
    with pytest.raises(guest.NotPassedOn):
        guest.pass_on(link=made, **again)  # type: ignore[arg-type]
    guest.allow_passing_on(actor=US, link=made, allowed=True, now=talk.clock())
    assert guest.pass_on(link=made, **again).may_pass_on is False  # type: ignore[arg-type]


def test_passing_on_can_be_forbidden() -> None:
    talk = Talk(may_pass_on=False)
    with pytest.raises(guest.NotPassedOn):
        guest.pass_on(link=talk.link, address="x@partner.example", name="X", now=talk.clock())


def test_an_address_has_one_open_link_to_an_agreement(talk: Talk) -> None:
    with pytest.raises(Refusal) as refused:
        talk.invite(address="PIA@partner.example")
    assert refused.value.code == "guest.invited-already"
    with pytest.raises(Refusal) as refused:
        talk.invite(address="no address")
    assert refused.value.facts["field"] == "address"


def test_only_those_who_keep_agreements_invite(talk: Talk) -> None:
    from vaihto.journal.actors import Actor  # noqa: PLC0415 - one test

    with pytest.raises(NotAllowed):
        guest.invite(
            actor=Actor.stranger(), agreement=talk.look(), address="x@y.example", name="X",
            language="en", now=talk.clock(),
        )  # fmt: skip


def test_wrong_tries_are_counted_and_forgotten(talk: Talk) -> None:
    for _try in range(guest.KNOCKS):
        assert not guest.knocks_too_much("198.51.100.7", now=talk.clock.at)
        guest.knock("198.51.100.7", now=talk.clock.at)
    assert guest.knocks_too_much("198.51.100.7", now=talk.clock.at)
    assert not guest.knocks_too_much("198.51.100.8", now=talk.clock.at)
    assert not guest.knocks_too_much("198.51.100.7", now=talk.clock.at + guest.KNOCKING)


# --- Letters --------------------------------------------------------------------------------------


def test_the_invitation_carries_the_link_in_the_guests_language(talk: Talk) -> None:
    (text,) = talk.post()
    letter = mail.outbox[-1]
    assert f"/g/{guest.secret_of(talk.link)}" in text
    assert letter.to == ["pia@partner.example"]
    assert "University of A" in letter.subject
    assert letter.extra_headers["Content-Language"] == "sv"
    html = str(letter.alternatives[0][0])  # type: ignore[attr-defined]
    assert f'/g/{guest.secret_of(talk.link)}"' in html
    assert talk.post() == []


def test_several_changes_make_one_letter_and_none_tells_guests_what_they_did(talk: Talk) -> None:
    talk.post()
    for people in ("5", "6", "7"):
        terms = both_ways(A, P, people=people)
        actions.edit(actor=US, agreement=talk.look(), terms=terms, now=talk.clock())
    assert Letter.objects.filter(ended_at__isnull=True).count() == 1
    assert len(talk.post()) == 1
    talk.guest_approves()
    assert talk.post() == [], "our copy moved only because it names the guest's"
    talk.we_approve()
    assert len(talk.post()) == 1
    actions.remark(
        actor=US, agreement=talk.look(), text="Thanks", now=talk.clock(), for_partner=True
    )
    assert len(talk.post()) == 1
    actions.remark(actor=US, agreement=talk.look(), text="Ours only", now=talk.clock())
    assert talk.post() == []


def _meanwhile(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """While the next letter is on its way, this happens."""
    post = mailing.post

    def slow_post(made: mailing.Composed, *, to: str) -> str:
        monkeypatch.setattr(mailing, "post", post)
        deed()
        return post(made, to=to)

    monkeypatch.setattr(mailing, "post", slow_post)


def test_a_change_while_a_letter_is_on_its_way_makes_another(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(people: str) -> None:
        terms = both_ways(A, P, people=people)
        actions.edit(actor=US, agreement=talk.look(), terms=terms, now=talk.clock())

    talk.post()
    change("5")
    _meanwhile(monkeypatch, lambda: change("6"))
    assert [len(talk.post()) for _round in range(3)] == [1, 1, 0]


def test_a_link_withdrawn_or_renewed_while_a_letter_is_on_its_way_is_told_of(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _meanwhile(
        monkeypatch, lambda: guest.renew(actor=US, link=talk.link, days=60, now=talk.clock())
    )
    assert [len(talk.post()) for _round in range(3)] == [1, 1, 0]
    guest.renew(actor=US, link=talk.link, days=60, now=talk.clock())
    _meanwhile(monkeypatch, lambda: guest.withdraw(actor=US, link=talk.link, now=talk.clock()))
    assert [len(talk.post()) for _round in range(3)] == [1, 1, 0]


def test_a_change_taken_back_before_the_letter_went_is_no_news(talk: Talk) -> None:
    talk.post()
    terms = talk.look().terms
    actions.edit(
        actor=US, agreement=talk.look(), terms=both_ways(A, P, people="5"), now=talk.clock()
    )
    actions.edit(actor=US, agreement=talk.look(), terms=terms, now=talk.clock())
    assert talk.post() == []
    assert not Letter.objects.filter(ended_at__isnull=True).exists()


def test_nobody_is_written_to_after_the_link_was_withdrawn_but_that_it_was(talk: Talk) -> None:
    talk.post()
    guest.withdraw(actor=US, link=talk.link, now=talk.clock())
    actions.edit(
        actor=US, agreement=talk.look(), terms=both_ways(A, P, people="5"), now=talk.clock()
    )
    (text,) = talk.post()
    assert "/g/" not in text


def test_without_a_mail_server_letters_wait(talk: Talk) -> None:
    with override_settings(SENDS_MAIL=False):
        assert talk.post() == []
    assert len(talk.post()) == 1


def test_a_server_that_refuses_is_tried_again_later_and_the_log_names_nobody(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=9,
    ):
        assert talk.post() == []
    letter = Letter.objects.get()
    assert letter.ended_at is None
    assert letter.failure == "smtp-ConnectionRefusedError"
    assert letter.tries == 1
    assert "pia" not in str([record.__dict__ for record in caplog.records]).lower()
    assert len(talk.post()) == 1


# --- Another channel in the middle ----------------------------------------------------------------


def _arrives_over_ewp(talk: Talk, *, people: str = "2") -> ReceivedCopy:
    """The partner's own system serves a copy that names ours."""
    ours = talk.look()
    document, digest = form().write(
        Copy(
            author=Party(hei_id=P, iia_id="their-own-id", code="P-1"),
            other=Party(hei_id=A, iia_id=ours.iia_id, code=ours.code),
            terms=both_ways(A, P, people=people).grouped(),
        )
    )
    return actions.receive_copy(
        actor=US, institution=talk.us, partner=talk.partner, iia_id="their-own-id",
        document=document, copy=form().read(document), digest=digest, published=digest,
        channel=Channel.EWP, now=talk.clock(),
    )  # fmt: skip


class Wire:
    """Stands for a network: notes what would be told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def copy_changed(self, agreement: Agreement) -> None:
        self.told.append("copy")

    def approval_changed(self, agreement: Agreement) -> None:
        self.told.append("approval")

    def look(self, agreement: Agreement, *, actor: object, now: object) -> reaching.Look:
        return reaching.Look(fresh=True)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """From now on partners are reached over a network."""
    made = Wire()
    monkeypatch.setitem(reaching._CHANNELS, Way.EWP, made)
    monkeypatch.setitem(reaching._REACHES, Way.EWP, lambda _ours, partner: not partner.hosted)
    return made


def _choose(talk: Talk, channel: Way) -> None:
    reaching.choose(
        actor=US, institution=talk.us, partner=talk.partner, channel=channel, now=talk.clock()
    )


def test_from_the_link_to_the_network_everything_stays(talk: Talk, wire: Wire) -> None:
    _choose(talk, Way.GUEST)
    _in_force(talk)
    pair, approvals = Pair.objects.get(), Approval.objects.count()
    before = binding_terms(talk.look())
    _choose(talk, Way.EWP)
    assert wire.told == ["copy", "approval"], "what is under way is told again the new way"
    received = _arrives_over_ewp(talk)
    assert received.agreement is None, "the office decides that it is the same agreement"
    old = talk.look().received_copy
    actions.link_instead(actor=US, received=received, agreement=talk.look(), now=talk.clock())
    agreement = talk.look()
    assert agreement.received_copy == received
    assert agreement.partner_iia_id == "their-own-id"
    assert old is not None
    old.refresh_from_db()
    assert old.gone_at is not None
    assert old.agreement == agreement, "what was approved under the old id can still be proved"
    assert Approval.objects.count() == approvals
    assert agreement.mutual == pair
    assert binding_terms(agreement) == before
    assert talk.state() is State.MODIFICATION, "the ids are part of what is approved"
    talk.we_approve()
    actions.receive_approval(
        actor=US, agreement=talk.look(), digest=talk.seen, proof=b"<answer/>",
        proof_type="application/xml", channel=Channel.EWP, now=talk.clock(),
    )  # fmt: skip
    assert talk.state() is State.IN_FORCE
    assert Pair.objects.count() == 2


def test_guests_read_and_write_but_approve_nothing_once_the_network_carries_it(
    talk: Talk, wire: Wire
) -> None:
    _choose(talk, Way.EWP)
    guest.comment(link=talk.link, text="Where do I find it now?", now=talk.clock())
    with pytest.raises(actions.WrongState):
        talk.guest_approves()


def test_from_the_network_to_the_link_the_partner_keeps_its_id(talk: Talk, wire: Wire) -> None:
    _choose(talk, Way.EWP)
    _arrives_over_ewp(talk, people="3")
    assert talk.look().partner_iia_id == "their-own-id"
    _choose(talk, Way.GUEST)
    talk.guest_approves()
    assert ReceivedCopy.objects.count() == 1
    assert ReceivedCopy.objects.get().revisions.count() == 2
    talk.we_approve()
    assert talk.state() is State.IN_FORCE


def test_a_partner_that_moves_to_this_installation_finds_the_agreement_in_force(talk: Talk) -> None:
    _in_force(talk)
    talk.partner.hosted = True
    talk.partner.save()
    assert reaching.channel_of(talk.us, talk.partner) is Way.HERE
    _choose(talk, Way.HERE)
    arrived = ReceivedCopy.objects.get(institution=talk.partner)
    theirs = actions.take_in(actor=US, received=arrived, now=talk.clock())
    from_here = ReceivedCopy.objects.get(institution=talk.us, iia_id=theirs.iia_id)
    actions.link_instead(actor=US, received=from_here, agreement=talk.look(), now=talk.clock())
    assert talk.look().mutual is not None
    for agreement in (talk.look(), Agreement.objects.get(pk=theirs.pk)):
        received = agreement.received_copy
        assert received is not None
        assert received.current is not None
        actions.approve(
            actor=US, agreement=agreement, digest=received.current.digest, now=talk.clock()
        )
    assert standing(Agreement.objects.get(pk=theirs.pk)).state is State.IN_FORCE
    assert talk.state() is State.IN_FORCE
    assert Approval.objects.filter(agreement=talk.pk, side="partner", channel="guest").exists()
