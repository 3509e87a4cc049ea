"""What waits for who writes about an institution: what partners cannot see because something is missing."""

from __future__ import annotations

from datetime import date

from django.urls import reverse
from django.utils.translation import gettext as _

from vaihto.institutions.completeness import Interface, completeness
from vaihto.institutions.models import Institution
from vaihto.institutions.queries import told
from vaihto.journal.actors import Actor, May
from vaihto.web.institution.completing import interface_word
from vaihto.web.institution.pages import name_of
from vaihto.web.turn import LIMIT, Queue, Waiting, source

_PAGES = {
    Interface.INSTITUTIONS: "institution:profile",
    Interface.UNITS: "institution:units",
    Interface.FACTSHEET: "institution:factsheet",
}


@source
def unpublished(actor: Actor, today: date) -> Queue | None:
    """Parts of hosted institutions' data that partners cannot see."""
    places = actor.institutions(May.INSTITUTIONS_EDIT)
    if not places:
        return None
    found = list(Institution.objects.hosted().filter(pk__in=places).order_by("name")[:50])
    lines = [
        Waiting(
            title=interface_word(part.interface),
            href=reverse(_PAGES[part.interface], args=[one.pk]),
            about=name_of(one),
            tone="warn",
            deed=_("Complete it"),
        )
        for one, all_told in zip(found, told(found), strict=True)
        for part in completeness(all_told)
        if not part.can_be_published
    ]
    return Queue(
        key="unpublished",
        title=_("Not published"),
        why=_("Something required is missing, so partners see nothing of it."),
        lines=lines[:LIMIT],
        total=len(lines),
        all_href=reverse("institution:start"),
        tone="warn",
    )
