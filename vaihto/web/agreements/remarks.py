"""Notes on an agreement as a whole or on one of its conditions."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from vaihto.agreements import words
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


def about(remark: Remark) -> str:
    """What a note is about, in words; nothing for the whole agreement."""
    if remark.condition is None:
        return ""
    return _("on condition %(number)s") % {"number": remark.condition + 1}
