"""Sensitive fields: encrypted at rest with keys that rotate, searched by a keyed hash.

A stolen database file says nothing without `VAIHTO_FIELD_KEYS`. The first key writes, every key reads;
`rotate` writes everything anew with the first, after which the old ones can go. The hash key is derived
from the *last* key of the list so that searching survives a rotation until the old key is dropped, when
`rotate` renews the hashes too.
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


def search_hash(value: str) -> str:
    """What to look for when searching an encrypted field for exactly `value`."""
    if not value:
        return ""
    normal = value.strip().upper()
    return hmac.new(_hash_key(settings.FIELD_KEYS[-1]), normal.encode(), hashlib.sha256).hexdigest()


class EncryptedTextField(models.TextField):
    """Text that only this program can read in the database. Cannot be filtered or ordered by."""

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(str(value)) if value else ""

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> str:
        return decrypt(value) if value else ""
