"""How many travelled between two institutions: what agreements gave, as it was used."""

from __future__ import annotations

from collections import Counter
from datetime import date

from django.db.models import Count, Q, QuerySet

from vaihto.agreements.models import Agreement, Place
from vaihto.agreements.queries import FIRST_MONTH, academic_year_of
from vaihto.agreements.serving import binding_terms
from vaihto.agreements.terms import Kind as Agreed
from vaihto.mobilities.models import Mobility, Programme, Purpose, State

# What is agreed about and the purposes that use its places.
PURPOSES: dict[Agreed, tuple[str, ...]] = {
    Agreed.STUDIES: (Purpose.STUDY, Purpose.COMBINED),
    Agreed.TRAINEESHIP: (Purpose.TRAINEESHIP,),
    Agreed.TEACHING: (Purpose.TEACHING,),
    Agreed.TRAINING: (Purpose.TRAINING,),
}
_KIND_OF = {purpose: kind for kind, purposes in PURPOSES.items() for purpose in purposes}


def _under_agreements(year: int | None = None) -> QuerySet[Mobility]:
    """Not cancelled and no free movers; `year` is the academic year in which they begin."""
    found = Mobility.objects.exclude(state=State.CANCELLED).exclude(programme=Programme.FREE_MOVER)
    if year is None:
        return found
    return found.filter(
        start__gte=date(year, FIRST_MONTH, 1), start__lt=date(year + 1, FIRST_MONTH, 1)
    )


def used(institution_id: int, year: int) -> Counter[tuple[int, int, Agreed]]:
    """Mobilities that begin in an academic year (from 1 August), by sending and receiving institution and kind.

    Whom the mobility concerns is not told, and no agreement is guessed: a pair may have several.
    """
    rows = (
        _under_agreements(year)
        .filter(
            Q(sending_institution=institution_id) | Q(receiving_institution=institution_id),
            sending_institution__isnull=False,
            receiving_institution__isnull=False,
        )
        .order_by()
        .values_list("sending_institution", "receiving_institution", "purpose")
        .annotate(count=Count("pk"))
    )
    found: Counter[tuple[int, int, Agreed]] = Counter()
    for sending, receiving, purpose, count in rows:
        if (kind := _KIND_OF.get(purpose)) and sending and receiving:
            found[sending, receiving, kind] += count
    return found


def uses_of(agreement: Agreement) -> int:
    """Mobilities that only this agreement can have carried: its pair, kinds, directions and years.

    A mobility that another agreement in force with the same partner covers as well holds none of them.
    """
    terms = binding_terms(agreement)
    if terms is None or agreement.is_trial:
        return 0
    pair = {one.hei_id: one.pk for one in (agreement.institution, agreement.partner)}
    others = {
        (place.sending_id, place.receiving_id, place.kind, year)
        for place in Place.objects.filter(
            agreement__institution=agreement.institution_id,
            agreement__partner=agreement.partner_id,
            is_binding=True,
        ).exclude(agreement=agreement)
        for year in range(place.first, place.last + 1)
    }
    mine = {
        (pair[one.sending], pair[one.receiving], one.kind.value, year)
        for one in terms.conditions
        for year in one.years
        if {one.sending, one.receiving} == set(pair)
    } - others
    if not mine:
        return 0
    rows = _under_agreements().filter(
        sending_institution__in=pair.values(), receiving_institution__in=pair.values()
    )
    return sum(
        (sending, receiving, kind.value, academic_year_of(start)) in mine
        for sending, receiving, purpose, start in rows.values_list(
            "sending_institution", "receiving_institution", "purpose", "start"
        )
        if start and (kind := _KIND_OF.get(purpose))
    )
