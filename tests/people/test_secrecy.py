"""Protected fields: unreadable in the database, found by any key at hand, renewed by rotation."""

from __future__ import annotations

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from tests.cast import NOON, Cast
from vaihto.journal.actors import Actor
from vaihto.journal.models import Entry
from vaihto.people.models import Person
from vaihto.people.rotation import Rotated, protected_fields, rotate
from vaihto.people.secrecy import KeyMissing, search_hash

CODE = "010502A901K"
FIELD = "people.person.identity_code"


def lying() -> list[tuple[str, str]]:
    """What a thief of the database file would see."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT identity_code, identity_hash FROM people_person WHERE identity_code <> ''"
        )
        return cursor.fetchall()


def rotated() -> list[Rotated]:
    """What the rotation says of the field that these tests fill."""
    return [told for told in rotate(actor=Actor.system(), now=NOON) if told.field == FIELD]


@pytest.fixture
def keys(settings: Settings) -> Settings:
    settings.FIELD_KEYS = ["old key old key old key old key"]
    return settings


def test_the_database_holds_neither_the_code_nor_its_plain_hash(cast: Cast) -> None:
    ((stored, hashed),) = lying()
    assert CODE not in stored
    assert len(hashed) == 64
    assert Person.objects.get(pk=cast.student.person_id).identity_code == CODE


def test_writing_many_at_once_keeps_the_search_hash_too(db: None) -> None:
    Person.objects.bulk_create([Person(family_name="A", identity_code=CODE)])
    assert Person.objects.with_identity_code(CODE.lower()).count() == 1


def test_a_person_is_found_while_keys_are_being_changed(keys: Settings, db: None) -> None:
    Person.objects.create(family_name="Old", identity_code=CODE)
    keys.FIELD_KEYS = ["new key new key new key new key", *keys.FIELD_KEYS]
    Person.objects.create(family_name="New", identity_code=CODE)
    found = Person.objects.with_identity_code(CODE).values_list("family_name", flat=True)
    assert sorted(found) == ["New", "Old"]


def test_rotation_renews_everything_and_the_old_key_may_go(keys: Settings, db: None) -> None:
    for number in range(3):
        Person.objects.create(family_name=str(number), identity_code=f"{CODE}{number}")
    Person.objects.create(family_name="without")
    keys.FIELD_KEYS = ["new key new key new key new key", *keys.FIELD_KEYS]

    assert rotated() == [Rotated(FIELD, renewed=3)]

    keys.FIELD_KEYS = keys.FIELD_KEYS[:1]
    assert [person.identity_code for person in Person.objects.exclude(identity_hash="")] == [
        f"{CODE}0",
        f"{CODE}1",
        f"{CODE}2",
    ]
    assert Person.objects.with_identity_code(f"{CODE}1").get().family_name == "1"
    assert Person.objects.get(family_name="without").identity_hash == ""


def test_rotation_a_second_time_changes_nothing_and_says_nothing(keys: Settings, db: None) -> None:
    Person.objects.create(identity_code=CODE)
    keys.FIELD_KEYS = ["new key new key new key new key", *keys.FIELD_KEYS]
    rotate(actor=Actor.system(), now=NOON)
    before = lying()
    assert rotated() == [Rotated(FIELD, already_new=1)]
    assert lying() == before
    assert [(line.verb, line.changes) for line in Entry.objects.all()] == [
        ("keys.rotated", {"renewed": [0, 1]})
    ]


def test_what_no_key_opens_is_counted_and_left_alone(keys: Settings, db: None) -> None:
    Person.objects.create(identity_code=CODE)
    before = lying()
    keys.FIELD_KEYS = ["another key another key another key"]
    assert rotated() == [Rotated(FIELD, unreadable=1)]
    assert lying() == before
    with pytest.raises(KeyMissing):
        Person.objects.get()


def test_the_search_hash_depends_on_the_key(keys: Settings) -> None:
    first = search_hash(CODE)
    keys.FIELD_KEYS = ["another key another key another key"]
    assert search_hash(CODE) != first


def test_the_protected_fields_are_these(db: None) -> None:
    assert [(model.__name__, field.name) for model, field in protected_fields()] == [
        ("Person", "identity_code"),
        ("Attachment", "content"),
        ("AgreementFile", "content"),
        ("Key", "private"),
        ("Exchange", "request"),
        ("Exchange", "answer"),
        ("SharedFile", "content"),
    ]
