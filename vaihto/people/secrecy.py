"""Sensitive fields: encrypted at rest with keys that rotate, searched by a keyed hash.

A stolen database file says nothing without `VAIHTO_FIELD_KEYS`. The first key writes, every key reads, and
a search looks for the hashes of all keys, so that everything is found while a rotation is under way.
`rotation.rotate` writes everything anew with the first, after which the old ones can go.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from vaihto.refusals import Refusal
from vaihto.wording import mark as _


class KeyMissing(Refusal):
    """A field was encrypted with a key that is not among the field keys."""

    sentence = _("A protected value cannot be read with the keys at hand.")
    remedy = _("Put the key that encrypted it back into VAIHTO_FIELD_KEYS, after the newest.")


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key, b"encrypt")) for key in keys])


def _derived(key: str, purpose: bytes) -> bytes:
    return base64.urlsafe_b64encode(
        hashlib.scrypt(key.encode(), salt=b"vaihto " + purpose, n=2**12, r=8, p=1, dklen=32)
    )


@lru_cache(maxsize=8)
def _hash_key(key: str) -> bytes:
    return _derived(key, b"search")


def encrypt(value: str) -> str:
    """`value` as it may lie in the database; the empty string stays empty."""
    return _box(tuple(settings.FIELD_KEYS)).encrypt(value.encode()).decode() if value else ""


def decrypt(stored: str) -> str:
    """The value. Raises `KeyMissing` when no key at hand fits."""
    if not stored:
        return ""
    try:
        return _box(tuple(settings.FIELD_KEYS)).decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise KeyMissing("people.key-missing") from error


def seal(piece: bytes) -> bytes:
    """Bytes as they may lie in a file; one line without its end."""
    return _box(tuple(settings.FIELD_KEYS)).encrypt(piece)


def unseal(sealed: bytes) -> bytes:
    """The bytes. Raises `KeyMissing` when no key at hand fits."""
    try:
        return _box(tuple(settings.FIELD_KEYS)).decrypt(sealed)
    except InvalidToken as error:
        raise KeyMissing("people.key-missing") from error


def search_hash(value: str) -> str:
    """What is kept beside an encrypted value, so that exactly this value can be found; by the newest key."""
    return _hash(value, settings.FIELD_KEYS[0]) if value else ""


def search_hashes(value: str) -> list[str]:
    """What to look for: the value may have been written with any key at hand."""
    return [_hash(value, key) for key in settings.FIELD_KEYS] if value else []


def _hash(value: str, key: str) -> str:
    return hmac.new(_hash_key(key), value.strip().upper().encode(), hashlib.sha256).hexdigest()


def is_newest(stored: str | bytes) -> bool:
    """Was this stored value written with the newest key?"""
    try:
        _box((settings.FIELD_KEYS[0],)).decrypt(stored)
    except InvalidToken:
        return False
    return True


class EncryptedTextField(models.TextField):
    """Text that only this program can read in the database. Cannot be filtered or ordered by.

    `searched_by` names the field beside it that keeps the search hash and is written together with it.
    """

    def __init__(self, *args: Any, searched_by: str = "", **kwargs: Any) -> None:
        self.searched_by = searched_by
        super().__init__(*args, **kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if self.searched_by:
            setattr(model_instance, self.searched_by, search_hash(value))
        return value

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(str(value)) if value else ""

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> str:
        return decrypt(value) if value else ""


class SealedField(models.BinaryField):
    """Bytes that `seal` made: whoever writes seals, whoever reads unseals. A rotation of keys finds them here."""
