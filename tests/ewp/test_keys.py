"""Keys of hosted institutions: made, changed without stopping, withdrawn at once, never in the clear."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from django.db.models import F
from pytest_django.fixtures import Settings

from tests.cast import NOON, account, institution
from vaihto.ewp import keys
from vaihto.ewp.models import Key
from vaihto.ewp.protocol.httpsig import fingerprint
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, ActorKind
from vaihto.journal.models import Entry
from vaihto.refusals import NotAllowed

pytestmark = pytest.mark.django_db
CLIENT, SERVER = Key.Purpose.CLIENT, Key.Purpose.SERVER
HOUR = timedelta(hours=1)
SYSTEM = Actor.system()


@pytest.fixture
def uni() -> Institution:
    return institution("uni.example")


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    keys.forget()


def create(uni: Institution | None, purpose: Key.Purpose = CLIENT) -> Key:
    return keys.create(actor=SYSTEM, institution=uni, purpose=purpose, now=NOON)


def signing(uni: Institution | None, purpose: Key.Purpose = CLIENT, after: timedelta = HOUR) -> str:
    signer = keys.signing_key(institution=uni, purpose=purpose, now=NOON + after)
    return "" if signer is None else signer.key_id


def published(uni: Institution, purpose: Key.Purpose = CLIENT) -> list[str]:
    found = keys.published_keys(institution=uni, purpose=purpose)
    return [key.fingerprint for key in found]


def test_a_new_key_signs_at_once_is_published_and_lies_encrypted(uni: Institution) -> None:
    key = create(uni)
    assert signing(uni, after=timedelta(0)) == key.fingerprint == fingerprint(key.public)
    assert published(uni) == [key.fingerprint]
    with connection.cursor() as cursor:
        cursor.execute("SELECT private FROM ewp_key")
        assert "PRIVATE KEY" not in cursor.fetchone()[0]
    assert "PRIVATE KEY" in Key.objects.get().private
    line = Entry.objects.get()
    assert (line.verb, line.institution_id) == ("ewp.key-created", uni.pk)
    assert "PRIVATE" not in str(line.changes)


def test_every_institution_has_a_client_key_of_its_own_and_they_share_the_server_key(
    uni: Institution,
) -> None:
    other = institution("other.example")
    for each in (uni, other, uni):
        keys.ensure(institution=each, now=NOON)
    assert Key.objects.count() == 3
    assert published(uni) != published(other)
    assert published(uni, SERVER) == published(other, SERVER)
    assert signing(uni, SERVER) == signing(other, SERVER) == signing(None, SERVER)


def test_an_own_server_key_goes_before_the_shared_one(uni: Institution) -> None:
    shared, own = create(None, SERVER), create(uni, SERVER)
    assert (published(uni, SERVER), signing(uni, SERVER)) == ([own.fingerprint], own.fingerprint)
    other = institution("other.example")
    assert published(other, SERVER) == [shared.fingerprint]


def test_without_a_key_nobody_signs(uni: Institution) -> None:
    assert signing(uni) == ""
    assert published(uni) == []
    with pytest.raises(keys.NoKey):
        keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON)


def test_rolling_over_publishes_both_and_changes_the_signer_when_everybody_knows(
    uni: Institution,
) -> None:
    old = create(uni)
    new = keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON + HOUR, after=4 * HOUR)
    assert published(uni) == [old.fingerprint, new.fingerprint]
    assert signing(uni, after=5 * HOUR - timedelta(seconds=1)) == old.fingerprint
    assert signing(uni, after=5 * HOUR) == new.fingerprint

    keys.withdraw_faded(NOON + 28 * HOUR)
    assert published(uni) == [old.fingerprint, new.fingerprint]
    keys.withdraw_faded(NOON + 29 * HOUR)
    assert published(uni) == [new.fingerprint]
    old.refresh_from_db()
    assert (old.withdrawn_at, old.private) == (NOON + 29 * HOUR, "")


def test_one_change_of_keys_at_a_time(uni: Institution) -> None:
    create(uni)
    keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON)
    with pytest.raises(keys.AlreadyRolling):
        keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON)
    with pytest.raises(keys.AlreadyThere):
        create(uni)


def test_a_key_may_not_sign_before_the_network_can_know_it(uni: Institution) -> None:
    create(uni)
    with pytest.raises(keys.TooSoon):
        keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON, after=2 * HOUR)
    assert Key.objects.count() == 1


def test_a_compromised_key_goes_at_once_and_another_signs(uni: Institution) -> None:
    old = create(uni)
    new = keys.withdraw(actor=SYSTEM, key=old, now=NOON, reason="lost laptop")
    assert new is not None
    assert published(uni) == [new.fingerprint]
    assert signing(uni, after=timedelta(0)) == new.fingerprint
    line = Entry.objects.get(verb="ewp.key-withdrawn")
    assert line.reason == "lost laptop"


def test_withdrawing_during_a_roll_over_lets_the_new_key_sign_at_once(uni: Institution) -> None:
    old = create(uni)
    new = keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON)
    assert keys.withdraw(actor=SYSTEM, key=old, now=NOON + HOUR) == new
    assert (published(uni), signing(uni)) == ([new.fingerprint], new.fingerprint)
    assert Entry.objects.filter(verb="ewp.key-hurried").exists()


def test_withdrawing_the_new_key_leaves_the_old_one(uni: Institution) -> None:
    old = create(uni)
    new = keys.roll(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON)
    assert keys.withdraw(actor=SYSTEM, key=new, now=NOON + HOUR) == old
    assert (published(uni), signing(uni)) == ([old.fingerprint], old.fingerprint)


def test_when_an_own_server_key_goes_the_shared_one_answers(uni: Institution) -> None:
    shared, own = create(None, SERVER), create(uni, SERVER)
    assert keys.withdraw(actor=SYSTEM, key=own, now=NOON) is None
    assert signing(uni, SERVER) == shared.fingerprint


def test_small_keys_are_refused(uni: Institution) -> None:
    with pytest.raises(keys.TooSmall):
        keys.create(actor=SYSTEM, institution=uni, purpose=CLIENT, now=NOON, bits=1024)
    assert Key.objects.count() == 0


def test_keys_are_the_operators_business(uni: Institution) -> None:
    person = Actor(kind=ActorKind.PERSON, label="x", account_id=account("x").pk)
    with pytest.raises(NotAllowed):
        keys.create(actor=person, institution=uni, purpose=CLIENT, now=NOON)
    assert Key.objects.count() == 0


def test_a_key_is_found_by_the_beginning_of_its_fingerprint(uni: Institution) -> None:
    key = create(uni)
    assert keys.find(key.fingerprint[:8].upper()) == key
    for beginning in ("", "zz", key.fingerprint + "0"):
        with pytest.raises(keys.KeyUnknown):
            keys.find(beginning)


def test_the_private_half_is_loaded_once_and_its_choice_is_remembered_for_seconds(
    uni: Institution, settings: Settings, django_assert_num_queries: object
) -> None:
    create(uni)
    first = keys.signing_key(institution=uni, purpose=CLIENT, now=NOON)
    again = keys.signing_key(institution=uni, purpose=CLIENT, now=NOON)
    assert first is not None
    assert again is first
    settings.EWP_KEYS_REMEMBERED_SECONDS = 60
    keys.signing_key(institution=uni, purpose=CLIENT, now=NOON)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert keys.signing_key(institution=uni, purpose=CLIENT, now=NOON) is first


def test_the_loaded_half_belongs_to_the_published_one(uni: Institution) -> None:
    create(uni)
    signer = keys.signing_key(institution=uni, purpose=CLIENT, now=NOON)
    assert signer is not None
    assert isinstance(signer.private, rsa.RSAPrivateKey)
    assert signer.private.key_size == 2048


def test_a_client_key_without_an_institution_is_impossible() -> None:
    from django.db import IntegrityError, transaction  # noqa: PLC0415 - only here

    with pytest.raises(IntegrityError), transaction.atomic():
        create(None, CLIENT)
    assert not Key.objects.filter(institution=F("pk")).exists()
