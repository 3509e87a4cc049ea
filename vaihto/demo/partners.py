"""More partners for the demo, by their ids: for a test tool that acts as one of them and wants something to read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pycountry

from vaihto.demo.accounts import NotADemo
from vaihto.demo.agreeing import agree_in_every_way
from vaihto.institutions.actions import bring_institutions
from vaihto.institutions.facts import InstitutionFacts
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor
from vaihto.journal.bringing import Verdict

# Where the end of the id names no country.
_ELSEWHERE = "056"


def add_partners(hei_ids: Sequence[str], *, now: datetime, is_demo: bool) -> list[str]:
    """Adds the institutions that are not there yet; gives their ids. Refuses with `NotADemo`, or what is wrong.

    What hosted institutions publish, every partner may read; so a new one finds all of it at once, and agreements with
    every hosted institution in every state.
    """
    if not is_demo:
        raise NotADemo("demo.not-a-demo")
    known = set(Institution.objects.values_list("hei_id", flat=True))
    fresh = [hei_id for hei_id in dict.fromkeys(hei_ids) if hei_id not in known]
    facts = [
        InstitutionFacts(
            hei_id=hei_id,
            name=f"Partner University ({hei_id})",
            names={"en": f"Partner University ({hei_id})"},
            country=_country(hei_id),
            city="Partnerville",
            website=f"https://{hei_id}/",
        )
        for hei_id in fresh
    ]
    for outcome in bring_institutions(actor=Actor.system("Vaihto demo"), facts=facts, now=now):
        if outcome.verdict is Verdict.REFUSED:
            raise outcome.refusals[0]
    actor = Actor.system("Vaihto demo")
    for partner in Institution.objects.filter(hei_id__in=fresh, hosted=False):
        for own in Institution.objects.hosted():
            agree_in_every_way(own, partner, today=now.date(), actor=actor)
    return fresh


def _country(hei_id: str) -> str:
    """The numeric code of the country at the end of the id."""
    end = hei_id.rpartition(".")[2].upper()
    found = pycountry.countries.get(alpha_2={"UK": "GB"}.get(end, end)) if len(end) == 2 else None
    return found.numeric if found else _ELSEWHERE
