"""Partners without a system: a contact reads, comments, proposes, approves and signs through a link sent by e-mail.

A link has one purpose, belongs to one address, ends by itself and can be withdrawn. What comes through it is the
partner's copy and the partner's approval, kept with their proof like everybody's.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from vaihto.agreements import actions
from vaihto.agreements.actions import NotReady, WrongState
from vaihto.agreements.attachments import attach
from vaihto.agreements.checks import check
from vaihto.agreements.models import Agreement, Attachment, Remark
from vaihto.agreements.models import Channel as Way
from vaihto.agreements.terms import Contact, Terms, stored
from vaihto.channels import letters, reaching, theirs
from vaihto.channels.models import Channel, GuestLink, Knock, Letter, digest_of
from vaihto.channels.reaching import Look
from vaihto.institutions.models import Institution
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor, ActorKind, May
from vaihto.refusals import Invalid, Refusal, Stale
from vaihto.wording import mark as _

DAYS = 30
MOST_DAYS = 366
MOST_LINKS = 20
"""So many links of one agreement may be open at the same time."""

KNOCKS = 20
KNOCKING = timedelta(minutes=15)

STATEMENT = _(
    "I am entitled to act for %(partner)s in this matter, and I approve exactly the conditions shown on this page, "
    "as proposed by %(institution)s."
)
STATEMENT_PAPER = _(
    "I am entitled to act for %(partner)s in this matter. The attached file is signed and says exactly what is shown "
    "on this page, as proposed by %(institution)s."
)


class NotByLink(Refusal):
    """The partner is talked with in another way."""

    sentence = _("%(partner)s is not reached by link but over another channel.")
    remedy = _("Choose the link as the channel of this partner first.")


class Closed(Refusal):
    """The link opens nothing any more."""

    sentence = _("This link does not open anything any more.")
    remedy = _("Ask the office that sent it for a new one.")


class NotPassedOn(Refusal):
    """The office has not allowed it, or no longer."""

    sentence = _("This link may not be passed on.")
    remedy = _("Ask the office that sent it to invite your colleague.")


class Seen(Stale):
    """Our copy is another one than the guest has read."""

    sentence = _("The proposal was changed after you opened it.")
    remedy = _("Read the present one and decide again.")


# --- Links ----------------------------------------------------------------------------------------


def secret_of(link: GuestLink) -> str | None:
    """The secret, made again; None when the installation's key is another one by now."""
    code = salted_hmac("vaihto.guest-link", link.seed, algorithm="sha256").digest()
    secret = base64.urlsafe_b64encode(code).decode().rstrip("=")
    return secret if digest_of(secret) == link.digest else None


def _new_link(**facts: Any) -> GuestLink:
    seed = secrets.token_urlsafe(32)
    code = salted_hmac("vaihto.guest-link", seed, algorithm="sha256").digest()
    secret = base64.urlsafe_b64encode(code).decode().rstrip("=")
    return GuestLink.objects.create(seed=seed, digest=digest_of(secret), **facts)


def _clean_address(address: str) -> str:
    address = address.strip()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid(
            "guest.not-an-address",
            field="address",
            sentence=_("This is not an e-mail address."),
            remedy=_("Write it as name@university.example."),
        ) from error
    return address


def _clean_name(name: str) -> str:
    name = " ".join(name.split())[:200]
    if not name:
        raise Invalid("guest.no-name", field="name", sentence=_("Say who it is."))
    return name


def _until(now: datetime, days: int) -> datetime:
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(
            "guest.days",
            field="days",
            sentence=_("A link is open for 1 to %(most)s days."),
            most=MOST_DAYS,
        )
    return now + timedelta(days=days)


def _note(
    actor: Actor, verb: str, link: GuestLink, now: datetime, *, reason: str = "", **changes: Any
) -> None:
    record(
        actor,
        f"channels.{verb}",
        link.agreement,
        at=now,
        institution_id=link.institution_id,
        changes={"link": ["", f"{link.name} <{link.address}>"], **changes},
        reason=reason,
    )


def _may(actor: Actor, agreement: Agreement) -> None:
    actor.require(May.AGREEMENTS_EDIT, agreement.institution_id, agreement.unit_id)


@transaction.atomic
def invite(
    *,
    actor: Actor,
    agreement: Agreement,
    address: str,
    name: str,
    language: str,
    now: datetime,
    function: str = "",
    days: int = DAYS,
    may_pass_on: bool = True,
) -> GuestLink:
    """Sends the partner's contact a link to this agreement, in its language; it opens for this address only."""
    agreement = theirs.locked(agreement)
    _may(actor, agreement)
    if agreement.deleted_at or not agreement.shared_at:
        raise WrongState(
            "guest.not-proposed",
            sentence=_("A guest can read the agreement once it is proposed."),
            remedy=_("Propose it first."),
        )
    if reaching.channel_of(agreement.institution, agreement.partner) is not Channel.GUEST:
        raise NotByLink("guest.other-channel", partner=agreement.partner.name)
    address = _clean_address(address)
    if language not in dict(settings.LANGUAGES):
        raise Invalid("guest.language", field="language")
    _room_for_one(agreement, address, now)
    link = _new_link(
        institution=agreement.institution,
        agreement=agreement,
        address=address,
        name=_clean_name(name),
        function=" ".join(function.split())[:200],
        language=language,
        may_pass_on=may_pass_on,
        created_at=now,
        created_by=actor.label,
        expires_at=_until(now, days),
        told=letters.known(agreement),
    )
    letters.write(link, Letter.Occasion.INVITED, now=now)
    _note(actor, "invite", link, now)
    return link


def _room_for_one(agreement: Agreement, address: str, now: datetime) -> None:
    links = GuestLink.objects.filter(agreement=agreement).open_at(now)
    if links.filter(address__iexact=address).exists():
        raise Invalid(
            "guest.invited-already",
            field="address",
            sentence=_("This address has an open link to the agreement already."),
            remedy=_("Renew that link, or withdraw it first."),
        )
    if links.count() >= MOST_LINKS:
        raise Invalid(
            "guest.too-many",
            field="address",
            sentence=_("At most %(most)s links of an agreement may be open."),
            remedy=_("Withdraw links that are no longer needed."),
            most=MOST_LINKS,
        )


def _held(link: GuestLink) -> GuestLink:
    """The link, locked, with what belongs to it."""
    return (
        GuestLink.objects.select_for_update(of=("self",))
        .select_related("agreement", "agreement__institution", "agreement__partner", "institution")
        .get(pk=link.pk)
    )


@transaction.atomic
def withdraw(*, actor: Actor, link: GuestLink, now: datetime) -> GuestLink:
    """The link opens nothing any more, at once. What was said through it stays."""
    link = _held(link)
    _may(actor, link.agreement)
    if link.withdrawn_at is None:
        was_open = link.is_open(now)
        link.withdrawn_at, link.withdrawn_by = now, actor.label
        link.save(update_fields=["withdrawn_at", "withdrawn_by"])
        letters.forget(link, now=now)
        if was_open:
            letters.write(link, Letter.Occasion.WITHDRAWN, now=now)
        _note(actor, "withdraw-link", link, now)
    return link


@transaction.atomic
def renew(*, actor: Actor, link: GuestLink, now: datetime, days: int = DAYS) -> GuestLink:
    """The same link stays open longer; the contact is written to again. A withdrawn one stays withdrawn."""
    link = _held(link)
    _may(actor, link.agreement)
    if link.withdrawn_at:
        raise WrongState(
            "guest.withdrawn",
            sentence=_("A withdrawn link cannot be renewed."),
            remedy=_("Invite the contact anew."),
        )
    link.expires_at, link.renewed_at = _until(now, days), now
    link.save(update_fields=["expires_at", "renewed_at"])
    letters.write(link, Letter.Occasion.INVITED, now=now)
    _note(actor, "renew-link", link, now)
    return link


@transaction.atomic
def allow_passing_on(*, actor: Actor, link: GuestLink, allowed: bool, now: datetime) -> GuestLink:
    """Whether the guest may hand the agreement to a colleague."""
    link = _held(link)
    _may(actor, link.agreement)
    if link.may_pass_on != allowed:
        link.may_pass_on = allowed
        link.save(update_fields=["may_pass_on"])
        _note(actor, "allow-passing-on" if allowed else "forbid-passing-on", link, now)
    return link


# --- At the door ----------------------------------------------------------------------------------


def link_of(secret: str, *, now: datetime) -> GuestLink | None:
    """The open link with this secret. Wrong, expired and withdrawn ones are all None."""
    return (
        GuestLink.objects.of_secret(secret)
        .open_at(now)
        .filter(agreement__deleted_at__isnull=True)
        .select_related(
            "institution",
            "agreement",
            "agreement__institution",
            "agreement__partner",
            "agreement__unit",
            "agreement__current",
            "agreement__given",
            "agreement__taken",
            "agreement__mutual",
        )
        .first()
    )


def fits(link: GuestLink, address: str) -> bool:
    """Is this the address that the link was sent to?"""
    return secrets.compare_digest(
        link.address.strip().casefold().encode(), address.strip().casefold().encode()
    )


def entered(link: GuestLink, *, now: datetime) -> None:
    """The guest has come in; counted to the minute is enough."""
    if link.last_used_at is None or now - link.last_used_at >= timedelta(minutes=1):
        GuestLink.objects.filter(pk=link.pk).update(last_used_at=now)
    told = letters.known(link.agreement)
    if told != link.told:
        GuestLink.objects.filter(pk=link.pk).update(told=told)


def _whom(whence: str) -> str:
    return salted_hmac("vaihto.knock", whence, algorithm="sha256").hexdigest()


def knocks_too_much(whence: str, *, now: datetime) -> bool:
    """Were there too many wrong tries from there (an address of the network, or a link) just now?"""
    return Knock.objects.filter(
        whom=_whom(whence), since__gt=now - KNOCKING, count__gte=KNOCKS
    ).exists()


def knock(whence: str, *, now: datetime) -> None:
    """One more wrong try from there."""
    whom = _whom(whence)
    Knock.objects.get_or_create(whom=whom, defaults={"since": now})
    Knock.objects.filter(whom=whom, since__lte=now - KNOCKING).update(since=now, count=0)
    Knock.objects.filter(whom=whom).update(count=F("count") + 1)


@every("channels.forget-knocks", pause=timedelta(minutes=30))
def forget_knocks(now: datetime) -> None:
    """Wrong tries are forgotten after an hour."""
    Knock.objects.filter(since__lt=now - timedelta(hours=1)).delete()


# --- What a guest does ----------------------------------------------------------------------------


def actor_of(link: GuestLink, *, name: str = "", function: str = "") -> Actor:
    """The guest, as the journal names it: by its name and its institution."""
    called = ", ".join(filter(None, (name or link.name, function or link.function)))
    return Actor(kind=ActorKind.PARTNER, label=f"{called}, {link.agreement.partner.hei_id}"[:200])


def _contact(link: GuestLink) -> Contact:
    return Contact(names=(("", link.name),), emails=(link.address,))


def _at_work(
    link: GuestLink, *, now: datetime, seen: str | None = None
) -> tuple[GuestLink, Agreement]:
    """Link and agreement, locked, if the link still opens. `seen` is the hash of our copy that the guest has read."""
    agreement = theirs.locked(link.agreement)
    link = _held(link)
    if not link.is_open(now) or agreement.deleted_at or not agreement.shared_at:
        raise Closed("guest.closed")
    link.agreement = agreement
    if seen is not None and (agreement.current is None or agreement.current.digest != seen):
        raise Seen("guest.stale")
    return link, agreement


def _still_by_link(agreement: Agreement) -> None:
    if reaching.channel_of(agreement.institution, agreement.partner) is not Channel.GUEST:
        raise WrongState(
            "guest.moved",
            sentence=_("The two institutions talk about this agreement in another way now."),
            remedy=_("Write a comment, or turn to the office."),
        )


def _done(link: GuestLink) -> None:
    """What the guest did itself is no news to it."""
    agreement = Agreement.objects.select_related("current", "given", "mutual").get(
        pk=link.agreement_id
    )
    GuestLink.objects.filter(pk=link.pk).update(told=letters.known(agreement))


@transaction.atomic
def comment(*, link: GuestLink, text: str, now: datetime, condition: int | None = None) -> Remark:
    """The guest writes something, perhaps on one condition of our copy; the office reads it with the agreement."""
    link, agreement = _at_work(link, now=now)
    return actions.remark(
        actor=actor_of(link), agreement=agreement, text=text[:5000], now=now, condition=condition
    )


@transaction.atomic
def propose(
    *, link: GuestLink, terms: Terms, seen: str, now: datetime, note: str = ""
) -> Agreement:
    """The partner's copy says this from now on. Raises `NotReady` with findings when the network would refuse it."""
    link, agreement = _at_work(link, now=now, seen=seen)
    _still_by_link(agreement)
    parties = frozenset({agreement.institution.hei_id, agreement.partner.hei_id})
    if blocking := [found for found in check(terms, parties=parties) if found.blocks]:
        raise NotReady(
            "agreements.not-ready",
            count=len(blocking),
            findings=[(f.code, f.place, f.field, f.value) for f in blocking],
        )
    actor = actor_of(link)
    if note.strip():
        actions.remark(actor=actor, agreement=agreement, text=note[:5000], now=now)
    agreement = theirs.say(
        agreement,
        terms,
        actor=actor,
        channel=Way.GUEST,
        now=now,
        contact=_contact(link),
        note=note.strip()[:5000],
    )
    _done(link)
    return agreement


@transaction.atomic
def propose_end(*, link: GuestLink, seen: str, now: datetime, reason: str = "") -> Agreement:
    """The partner's copy says that the agreement is ended as a whole; it ends when both have approved that."""
    agreement = theirs.locked(link.agreement)
    if agreement.mutual is None or agreement.mutual.terminates:
        raise WrongState(
            "agreements.not-in-force",
            sentence=_("Only an agreement in force can be ended."),
        )
    ended = replace(agreement.mutual.ours.copy.terms, terminated="true")
    return propose(link=link, terms=ended, seen=seen, now=now, note=reason)


@transaction.atomic
def take_back_change(*, link: GuestLink, seen: str, now: datetime) -> Agreement:
    """The partner's copy says again what is in force."""
    agreement = theirs.locked(link.agreement)
    said = agreement.mutual.theirs.copy if agreement.mutual else None
    if said is None:
        raise WrongState("agreements.never-in-force")
    return propose(link=link, terms=said.terms, seen=seen, now=now)


@transaction.atomic
def approve(
    *,
    link: GuestLink,
    seen: str,
    name: str,
    function: str,
    statement: str,
    now: datetime,
    paper: tuple[str, bytes] | None = None,
) -> Agreement:
    """The partner approves our copy as the guest has read it; its own copy says the same from then on.

    `statement` are the words the guest confirmed, in the language in which it read them; they are kept as the proof.
    `paper` (name, content) is the signed PDF where it was signed by hand.
    """
    link, agreement = _at_work(link, now=now, seen=seen)
    _still_by_link(agreement)
    name, function = _clean_name(name), " ".join(function.split())[:200]
    if not function:
        raise Invalid(
            "guest.no-function",
            field="function",
            sentence=_("Say in which function you approve."),
        )
    if agreement.terms.is_legacy:
        raise WrongState("agreements.legacy")
    actor = actor_of(link, name=name, function=function)
    kept: Attachment | None = None
    if paper is not None:
        kept = attach(actor=actor, agreement=agreement, name=paper[0], content=paper[1], now=now)
    shown = agreement.current
    agreement = theirs.agree(
        agreement, actor=actor, channel=Way.GUEST, now=now, contact=_contact(link)
    )
    # Naming the partner's copy moves the hash of ours, never its terms.
    if shown is None or agreement.current is None or agreement.terms != shown.copy.terms:
        raise AssertionError("the terms moved while they were approved")
    actions.receive_approval(
        actor=actor,
        agreement=agreement,
        digest=agreement.current.digest,
        proof=_proof(link, name, function, statement, seen, agreement.current.digest, kept, now),
        proof_type="application/json",
        channel=Way.GUEST,
        now=now,
        mandate=function,
        file_id=kept.digest if kept else "",
    )
    _done(link)
    return theirs.locked(agreement)


def _proof(
    link: GuestLink,
    name: str,
    function: str,
    statement: str,
    seen: str,
    digest: str,
    paper: Attachment | None,
    now: datetime,
) -> bytes:
    """What shows the approval: the words that were confirmed, by whom, through which link, of which copy."""
    agreement = link.agreement
    said = {
        "statement": statement,
        "name": name,
        "function": function,
        "for": agreement.partner.hei_id,
        "address": link.address,
        "link": link.pk,
        "link sent": link.created_at.isoformat(),
        "link made by": link.created_by,
        "agreement": agreement.iia_id,
        "hash of the copy that was shown": seen,
        "hash of the same copy once it named the partner's": digest,
        "conditions": stored(agreement.terms),
        "at": now.isoformat(),
    }
    if paper is not None:
        said["signed file"] = {"name": paper.name, "sha256": paper.digest, "bytes": paper.size}
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


@transaction.atomic
def withdraw_approval(*, link: GuestLink, now: datetime) -> Agreement:
    """Takes an approval back that did not become mutual: what was approved at the last pair holds again."""
    link, agreement = _at_work(link, now=now)
    before = agreement.mutual.taken.digest if agreement.mutual else ""
    if agreement.taken is None or agreement.taken.digest == before:
        raise WrongState(
            "agreements.nothing-to-withdraw",
            sentence=_("There is no approval of yours that could still be taken back."),
        )
    agreement = actions.receive_approval(
        actor=actor_of(link),
        agreement=agreement,
        digest=before,
        proof=json.dumps({"link": link.pk, "at": now.isoformat(), "withdraws": True}).encode(),
        proof_type="application/json",
        channel=Way.GUEST,
        now=now,
    )
    _done(link)
    return agreement


@transaction.atomic
def pass_on(
    *,
    link: GuestLink,
    address: str,
    name: str,
    now: datetime,
    function: str = "",
    language: str = "",
    keep: bool = True,
) -> GuestLink:
    """A colleague gets a link of its own; the office reads of it. `keep`: does the guest's own link stay open?

    The colleague may not pass it on further unless the office allows it. The new link ends when the old one would have.
    """
    link, agreement = _at_work(link, now=now)
    if not link.may_pass_on:
        raise NotPassedOn("guest.not-passed-on")
    address = _clean_address(address)
    _room_for_one(agreement, address, now)
    made = _new_link(
        institution=link.institution,
        agreement=agreement,
        address=address,
        name=_clean_name(name),
        function=" ".join(function.split())[:200],
        language=language if language in dict(settings.LANGUAGES) else link.language,
        may_pass_on=False,
        passed_on_from=link,
        created_at=now,
        created_by=actor_of(link).label,
        expires_at=link.expires_at,
        told=letters.known(agreement),
    )
    letters.write(made, Letter.Occasion.INVITED, now=now)
    actor = actor_of(link)
    _note(actor, "pass-on", made, now)
    if not keep:
        link.withdrawn_at, link.withdrawn_by = now, actor.label
        link.save(update_fields=["withdrawn_at", "withdrawn_by"])
        letters.forget(link, now=now)
        _note(actor, "give-up-link", link, now)
    return made


# --- The channel ----------------------------------------------------------------------------------


def reaches(institution: Institution, partner: Institution) -> bool:
    """Everybody who is not here reads letters."""
    return institution.hosted and not partner.hosted


def tell(agreement: Agreement) -> None:
    """Everybody with an open link is written to, if there is news when the letter goes."""
    now = timezone.now()
    for link in GuestLink.objects.filter(agreement=agreement).open_at(now):
        letters.write(link, Letter.Occasion.NEWS, now=now)


def written_to_partner(agreement: Agreement) -> None:
    """We wrote a remark for the partner: guests are told, whatever other channel there is."""
    tell(agreement)


class Guest:
    """Carries agreements by letters: word of news goes to the contacts, who come and read."""

    def copy_changed(self, agreement: Agreement) -> None:
        """One letter to each contact, after a short while in which more may happen."""
        tell(agreement)

    def approval_changed(self, agreement: Agreement) -> None:
        """The same letter."""
        tell(agreement)

    def look(self, agreement: Agreement, *, actor: Actor, now: datetime) -> Look:
        """What guests say is here the moment they say it."""
        return Look(fresh=True)
