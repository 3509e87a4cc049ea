"""Notes on an agreement as a whole or on one of its conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from vaihto.agreements import words
from vaihto.agreements.comparison import compare
from vaihto.agreements.models import Remark
from vaihto.agreements.terms import Terms


def subjects(terms: Terms, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a note may be about: places in the copy, and their conditions in words; none where there is no choice."""
    found = [
        (str(place), f"{place + 1}. {words.summary(one, names)}")
        for place, one in enumerate(terms.conditions)
    ]
    return found if len(found) > 1 else []


def subject_of(text: str, terms: Terms) -> int | None:
    """The place that was chosen; None for the whole agreement and for a place that there is not."""
    place = int(text) if text.isdecimal() and len(text) < 6 else -1
    return place if 0 <= place < len(terms.conditions) else None


def subjects_of(remarks: Iterable[Remark]) -> dict[int, str]:
    """What each note is about, in words, by its id; nothing for the whole agreement.

    A note keeps the place that its condition had when it was written; where that is now follows from the copies.
    """
    moves: dict[int, dict[int, int | None]] = {}
    told = {}
    for remark in remarks:
        told[remark.pk] = ""
        if remark.condition is None:
            continue
        then = remark.agreement.revisions.filter(made_at__lte=remark.at).order_by("number").last()
        now = remark.agreement.current
        place: int | None = remark.condition
        if then is not None and now is not None and then.pk != now.pk:
            if then.pk not in moves:
                moves[then.pk] = _moved(then.copy.terms, now.copy.terms)
            place = moves[then.pk].get(remark.condition)
        told[remark.pk] = _told(remark.condition, place)
    return told


def _moved(then: Terms, now: Terms) -> dict[int, int | None]:
    """Where each condition of an earlier copy stands now; None for one that is gone."""
    pairs = compare(then, now).pairs
    return {pair.ours_at: pair.theirs_at for pair in pairs if pair.ours_at is not None}


def _told(then: int, now: int | None) -> str:
    if now is None:
        return _("on condition %(number)s of then, which is gone") % {"number": then + 1}
    if now != then:
        return _("on condition %(number)s, then %(then)s") % {"number": now + 1, "then": then + 1}
    return _("on condition %(number)s") % {"number": now + 1}
