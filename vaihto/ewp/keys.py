"""The key pairs that sign in the name of hosted institutions, and of this installation.

What belongs here: making keys, changing them without stopping, and handing out the one that signs now. Partners learn
of a key through the registry, which may take three hours; so a new key is published beside the old one before it
signs, and the old one is withdrawn after it has stopped signing. Only a compromised key goes at once.
"""

from __future__ import annotations

import logging
import time as clock
from base64 import b64encode
from datetime import datetime, timedelta
from threading import Lock

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from vaihto.ewp.models import Key, KeyQuerySet
from vaihto.ewp.protocol.httpsig import Signer, fingerprint
from vaihto.institutions.models import Institution
from vaihto.jobs.timetable import every
from vaihto.journal.actions import record
from vaihto.journal.actors import Actor
from vaihto.refusals import Invalid, NotAllowed, Unknown
from vaihto.wording import mark as _

logger = logging.getLogger("vaihto.ewp")

BITS = 2048  # the registry drops smaller keys; larger ones sign several times slower
# No node may keep the catalogue for longer than this, so afterwards everybody knows a new key.
# Source: ewp-specs-api-registry, "Caching".
SPREADING = timedelta(hours=3)
# How long a key stays published after its successor began to sign.
FADING = timedelta(days=1)


class TooSmall(Invalid):
    """The registry would drop the key."""

    sentence = _("A key of %(bits)s bits is too small; at least %(least)s are needed.")


class TooSoon(Invalid):
    """Partners would not know the new key when it begins to sign."""

    sentence = _("A new key may sign after %(least)s hours at the earliest, not after %(hours)s.")
    remedy = _(
        "Until then some partners do not know it. Withdraw the old one if it is compromised."
    )


class NoKey(Unknown):
    """There is no published key to change."""

    sentence = _("There is no key yet that could be changed.")
    remedy = _("Create one with `vaihto ewp keys HEI_ID --create`.")


class KeyUnknown(Unknown):
    """No key of that fingerprint is published."""

    sentence = _("No published key has a fingerprint that begins with %(fingerprint)s.")


class AlreadyThere(Invalid):
    """A second key is made by rolling over."""

    sentence = _("There is a key already, %(fingerprint)s.")
    remedy = _("Change it with --roll; withdraw it with --withdraw if it is compromised.")


class AlreadyRolling(Invalid):
    """One change at a time."""

    sentence = _("The key %(fingerprint)s is published already and signs from %(moment)s.")
    remedy = _("Wait until it signs.")


# Making and changing


@transaction.atomic
def create(
    *,
    actor: Actor,
    institution: Institution | None,
    purpose: Key.Purpose,
    now: datetime,
    bits: int = BITS,
) -> Key:
    """The first key of a purpose: it signs at once. `institution` is None for the shared server key."""
    _require_operator(actor)
    _one_at_a_time(institution)
    there = _own(institution, purpose).published().first()
    if there is not None:
        raise AlreadyThere("ewp.key-there", fingerprint=there.fingerprint)
    return _make(actor, institution, purpose, now=now, signs_from=now, bits=bits)


@transaction.atomic
def roll(
    *,
    actor: Actor,
    institution: Institution | None,
    purpose: Key.Purpose,
    now: datetime,
    after: timedelta = SPREADING,
) -> Key:
    """A new key beside the old one: published now, signing after `after`; the old one goes a day later by itself."""
    _require_operator(actor)
    if after < SPREADING:
        least, hours = (round(each.total_seconds() / 3600, 2) for each in (SPREADING, after))
        raise TooSoon("ewp.key-too-soon", least=f"{least:g}", hours=f"{hours:g}")
    _one_at_a_time(institution)
    published = list(_own(institution, purpose).published())
    if not published:
        raise NoKey("ewp.no-key")
    for key in published:
        if key.signs_from > now:
            raise AlreadyRolling(
                "ewp.key-rolling",
                fingerprint=key.fingerprint,
                moment=key.signs_from.isoformat(timespec="minutes"),
            )
    return _make(actor, institution, purpose, now=now, signs_from=now + after)


@transaction.atomic
def withdraw(*, actor: Actor, key: Key, now: datetime, reason: str = "") -> Key | None:
    """Takes a key out of use at once, because others may have it; gives the key that signs instead.

    Where no other key is published a new one is made. It signs at once, so partners refuse it until they know it.
    The private half is thrown away.
    """
    _require_operator(actor)
    _one_at_a_time(key.institution)
    purpose = Key.Purpose(key.purpose)
    _withdraw(actor, key, now=now, reason=reason)
    left = list(_own(key.institution, purpose).published())
    if not left:
        if purpose is Key.Purpose.SERVER and key.institution is not None:
            return None  # the shared key answers for it again
        return _make(actor, key.institution, purpose, now=now, signs_from=now)
    if all(other.signs_from > now for other in left):
        first = min(left, key=lambda other: other.signs_from)
        before, first.signs_from = first.signs_from, now
        first.save(update_fields=["signs_from"])
        record(
            actor,
            "ewp.key-hurried",
            first,
            at=now,
            institution_id=first.institution_id,
            changes={"signs_from": [before.isoformat(), now.isoformat()]},
        )
        return first
    return max((k for k in left if k.signs_from <= now), key=lambda other: other.signs_from)


def ensure(*, institution: Institution, now: datetime, actor: Actor | None = None) -> None:
    """Makes the keys that the institution's manifest has to name, where they lack: its client key, a server key."""
    actor = actor or Actor.system()
    if not published_keys(institution=institution, purpose=Key.Purpose.CLIENT):
        _create_if_lacking(actor, institution, Key.Purpose.CLIENT, now)
    if not published_keys(institution=institution, purpose=Key.Purpose.SERVER):
        _create_if_lacking(actor, None, Key.Purpose.SERVER, now)


def _create_if_lacking(
    actor: Actor, institution: Institution | None, purpose: Key.Purpose, now: datetime
) -> None:
    try:
        create(actor=actor, institution=institution, purpose=purpose, now=now)
    except AlreadyThere:
        return  # another process was quicker


@every("ewp.keys", pause=timedelta(minutes=10))
def withdraw_faded(now: datetime) -> None:
    """Withdraws keys whose successor has signed for a day."""
    for key in list(Key.objects.published().select_related("institution")):
        successors = _own(key.institution, Key.Purpose(key.purpose)).published()
        newer = successors.filter(signs_from__gt=key.signs_from, signs_from__lte=now - FADING)
        if newer.exists():
            with transaction.atomic():
                _withdraw(Actor.system(), key, now=now, reason="its successor signs")


def _require_operator(actor: Actor) -> None:
    if not (actor.is_operator or actor.sees_everything):
        raise NotAllowed("not-allowed")


def _one_at_a_time(institution: Institution | None) -> None:
    """Two processes that want to make the same key wait for each other, where the database has row locks."""
    rows = Institution.objects.select_for_update().order_by("pk")
    list(rows.filter(pk=institution.pk) if institution is not None else rows[:1])


def _make(
    actor: Actor,
    institution: Institution | None,
    purpose: Key.Purpose,
    *,
    now: datetime,
    signs_from: datetime,
    bits: int = BITS,
) -> Key:
    if bits < BITS:
        raise TooSmall("ewp.key-too-small", bits=bits, least=BITS)
    pair = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public = b64encode(
        pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    key = Key.objects.create(
        institution=institution,
        purpose=purpose,
        fingerprint=fingerprint(public),
        public=public,
        private=pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        created_at=now,
        signs_from=signs_from,
    )
    record(
        actor,
        "ewp.key-created",
        key,
        at=now,
        institution_id=key.institution_id,
        changes={
            "fingerprint": ["", key.fingerprint],
            "signs_from": ["", signs_from.isoformat()],
        },
    )
    transaction.on_commit(forget)
    return key


def _withdraw(actor: Actor, key: Key, *, now: datetime, reason: str) -> None:
    key.withdrawn_at, key.private = now, ""
    key.save(update_fields=["withdrawn_at", "private"])
    record(
        actor,
        "ewp.key-withdrawn",
        key,
        at=now,
        institution_id=key.institution_id,
        changes={"withdrawn_at": ["", now.isoformat()]},
        reason=reason,
    )
    transaction.on_commit(forget)


# Reading


def find(beginning: str) -> Key:
    """The published key whose fingerprint begins so. Raises `KeyUnknown`, also when several do."""
    found = list(Key.objects.published().filter(fingerprint__startswith=beginning.lower())[:2])
    if len(found) != 1 or not beginning:
        raise KeyUnknown("ewp.key-unknown", fingerprint=beginning)
    return found[0]


def published_keys(*, institution: Institution, purpose: Key.Purpose) -> list[Key]:
    """The keys that the institution's manifest names, oldest first; for answers the shared ones if it has no own."""
    own = list(_own(institution, purpose).published())
    if own or purpose is Key.Purpose.CLIENT:
        return own
    return list(_own(None, purpose).published())


def _own(institution: Institution | None, purpose: Key.Purpose) -> KeyQuerySet:
    """Keys of the institution, or the shared ones for None, withdrawn ones too."""
    return Key.objects.filter(institution=institution, purpose=purpose).select_related(
        "institution"
    )


# Loading a private key takes longer than signing with it, and asking the database takes as long; both are remembered.
_loaded: dict[str, Signer] = {}
_chosen: dict[tuple[int | None, str], tuple[float, Signer | None]] = {}
_loading = Lock()


def signing_key(
    *, institution: Institution | None, purpose: Key.Purpose, now: datetime
) -> Signer | None:
    """The key that signs now; None when there is none. For answers the shared one if the institution has no own."""
    place = (institution.pk if institution is not None else None, str(purpose))
    known = _chosen.get(place)
    # Not a moment that means anything, only how long this process has relied on its memory.
    if known is not None and clock.monotonic() - known[0] < settings.EWP_KEYS_REMEMBERED_SECONDS:
        return known[1]
    wanted = Q(institution=institution)
    if purpose is Key.Purpose.SERVER:
        wanted |= Q(institution__isnull=True)
    rows = list(Key.objects.published().filter(wanted, purpose=purpose, signs_from__lte=now))
    own = [row for row in rows if row.institution_id is not None]
    chosen = max(own or rows, key=lambda row: (row.signs_from, row.pk), default=None)
    signer = None if chosen is None else _signer(chosen)
    _chosen[place] = (clock.monotonic(), signer)
    return signer


def _signer(key: Key) -> Signer:
    with _loading:
        if key.fingerprint not in _loaded:
            # Our own row: checking the numbers again would take fifty milliseconds.
            private = load_pem_private_key(
                key.private.encode(), None, unsafe_skip_rsa_key_validation=True
            )
            assert isinstance(private, rsa.RSAPrivateKey)  # noqa: S101 - we made it
            _loaded[key.fingerprint] = Signer(key.fingerprint, private)
        return _loaded[key.fingerprint]


def forget() -> None:
    """The next question looks at the database again."""
    _chosen.clear()
    with _loading:
        _loaded.clear()
