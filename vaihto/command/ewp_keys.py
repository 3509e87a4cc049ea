"""`vaihto ewp keys`: the keys that sign for hosted institutions, and changing them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from vaihto.command import DONE, REFUSED, WRONG_USE
from vaihto.command.arguments import parser_of, print_json, with_json
from vaihto.ewp import keys as ewp_keys
from vaihto.ewp.models import Key
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor

_SHARED = "(shared)"


def keys(arguments: list[str]) -> int:
    """Creates, rolls over or withdraws a key if asked to, and prints the published ones."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if (chosen.create or chosen.roll) and not (chosen.hei_id or chosen.server):
        print(
            "vaihto ewp keys: name an institution, or --server for the shared server key.",
            file=sys.stderr,
        )
        return WRONG_USE
    if chosen.after is not None and not chosen.roll:
        print("vaihto ewp keys: --after goes with --roll.", file=sys.stderr)
        return WRONG_USE
    institution = None
    if chosen.hei_id:
        institution = Institution.objects.hosted().filter(hei_id=chosen.hei_id).first()
        if institution is None:
            print(
                f"vaihto: {chosen.hei_id} is not hosted here. Hosted are: "
                f"{', '.join(_hosted_ids()) or 'none'}.",
                file=sys.stderr,
            )
            return REFUSED
    now = timezone.now()
    told = _change(chosen, institution, now)
    found = list(_published(institution, server_only=chosen.server and institution is None))
    if chosen.json:
        print_json([_as_json(key, now) for key in found])
        return DONE
    for line in told:
        print(line)
    for line in _table(found, now):
        print(line)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = with_json(parser_of("ewp keys"))
    parser.add_argument("hei_id", nargs="?", default="", metavar="HEI", help="a hosted institution")
    parser.add_argument(
        "--server",
        action="store_true",
        help="the key that signs answers: of HEI, or without HEI the one that all share",
    )
    deed = parser.add_mutually_exclusive_group()
    deed.add_argument("--create", action="store_true", help="make the first key")
    deed.add_argument(
        "--roll",
        action="store_true",
        help="publish a new key beside the old one; it signs once the network knows it",
    )
    deed.add_argument(
        "--withdraw",
        metavar="FINGERPRINT",
        default="",
        help="take a compromised key out of use at once; the beginning of its fingerprint is enough",
    )
    parser.add_argument(
        "--after",
        type=float,
        metavar="HOURS",
        help="when the new key begins to sign (3, the longest that partners may keep a catalogue)",
    )
    parser.add_argument("--reason", default="", help="why, for the journal (--withdraw)")
    return parser


def _change(
    chosen: argparse.Namespace, institution: Institution | None, now: datetime
) -> list[str]:
    """Does what was asked; gives what is to be said about it. Raises refusals."""
    actor = Actor.system()
    purpose = Key.Purpose.SERVER if chosen.server else Key.Purpose.CLIENT
    if chosen.create:
        key = ewp_keys.create(actor=actor, institution=institution, purpose=purpose, now=now)
        return [f"Made {key.fingerprint}. It signs at once; partners know it within three hours."]
    if chosen.roll:
        after = ewp_keys.SPREADING if chosen.after is None else timedelta(hours=chosen.after)
        key = ewp_keys.roll(
            actor=actor, institution=institution, purpose=purpose, now=now, after=after
        )
        return [
            f"Made {key.fingerprint}. It is published now and signs from {_moment(key.signs_from)}.",
            "The old key is withdrawn by itself a day later, while `vaihto work` runs.",
        ]
    if chosen.withdraw:
        key = ewp_keys.find(chosen.withdraw)
        heir = ewp_keys.withdraw(actor=actor, key=key, now=now, reason=chosen.reason)
        told = [f"Withdrew {key.fingerprint}."]
        if heir is None:
            return [*told, "The shared server key signs instead."]
        return [
            *told,
            f"{heir.fingerprint} signs instead.",
            "Partners refuse a key they do not know yet, so calls may fail for up to three hours.",
        ]
    if institution is not None and not chosen.server:
        ewp_keys.ensure(institution=institution, now=now, actor=actor)
    return []


def _hosted_ids() -> list[str]:
    return list(Institution.objects.hosted().order_by("hei_id").values_list("hei_id", flat=True))


def _published(institution: Institution | None, *, server_only: bool) -> Iterable[Key]:
    found = Key.objects.published().select_related("institution")
    if institution is not None:
        for purpose in Key.Purpose:
            yield from ewp_keys.published_keys(institution=institution, purpose=purpose)
        return
    if server_only:
        found = found.filter(purpose=Key.Purpose.SERVER)
    by_institution = F("institution__hei_id").asc(nulls_last=True)
    yield from found.order_by(by_institution, "purpose", "signs_from", "pk")


def _as_json(key: Key, now: datetime) -> dict[str, Any]:
    return {
        "institution": key.institution.hei_id if key.institution is not None else None,
        "purpose": key.purpose,
        "fingerprint": key.fingerprint,
        "public_key": key.public,
        "created_at": key.created_at.isoformat(),
        "signs_from": key.signs_from.isoformat(),
        "signs": _signs(key, now),
    }


def _signs(key: Key, now: datetime) -> bool:
    signer = ewp_keys.signing_key(
        institution=key.institution, purpose=Key.Purpose(key.purpose), now=now
    )
    return signer is not None and signer.key_id == key.fingerprint


def _table(found: list[Key], now: datetime) -> Iterable[str]:
    if not found:
        yield "There is no key yet. Every hosted institution gets one with its first manifest."
    for key in found:
        place = key.institution.hei_id if key.institution is not None else _SHARED
        if _signs(key, now):
            state = "signs"
        elif key.signs_from > now:
            state = f"signs from {_moment(key.signs_from)}"
        else:
            state = "still published"
        yield f"{place}  {key.purpose}  {key.fingerprint}  {state}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(timezone.get_current_timezone()).isoformat(" ", timespec="minutes")
