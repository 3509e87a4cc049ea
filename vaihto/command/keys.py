"""`vaihto keys rotate`."""

from __future__ import annotations

import dataclasses

from django.conf import settings
from django.utils import timezone

from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.journal.actors import Actor
from vaihto.people.rotation import rotate as rotate_fields


def rotate(arguments: list[str]) -> int:
    """Prints what was renewed, field by field; fails when a value could not be read."""
    chosen = with_json(parser_of("keys rotate")).parse_args(arguments)
    told = rotate_fields(actor=Actor.system(), now=timezone.now())
    unreadable = sum(field.unreadable for field in told)
    if chosen.json:
        print_json([dataclasses.asdict(field) for field in told])
        return REFUSED if unreadable else DONE
    for field in told:
        print(
            f"{field.field}: {field.renewed} renewed, {field.already_new} were new already", end=""
        )
        print(f", {field.unreadable} unreadable" if field.unreadable else "")
    if unreadable:
        print("Put the key that encrypted them back into VAIHTO_FIELD_KEYS, after the newest.")
        return REFUSED
    if len(settings.FIELD_KEYS) > 1:
        print("The old keys may go from VAIHTO_FIELD_KEYS; keep them with the backups they open.")
    return DONE
