"""What the catalogue shows to partners: each question takes the same number of queries however much it finds."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from vaihto.institutions.models import Institution
from vaihto.offers.models import Containment, LearningOpportunity, Realisation


def exposed(institution: Institution) -> list[str]:
    """The `los_id` of everything the institution publishes, in order."""
    return list(_ids(_published(institution)))


def changed_since(institution: Institution, moment: datetime) -> list[str]:
    """Of what is published: what changed, was exposed or was brought back after the instant.

    What was withdrawn is not named: it is no longer among `exposed`, and that is how a partner learns of it.
    """
    return list(_ids(_published(institution).filter(modified_at__gt=moment)))


def by_ids(institution: Institution, los_ids: Collection[str]) -> list[LearningOpportunity]:
    """Published learning opportunities with these identifiers, unknown ones left out; see `whole`."""
    # An identifier names one entry wherever it is kept: asked without the institution, its index is used.
    found = whole(LearningOpportunity.objects.published().filter(los_id__in=set(los_ids)))
    return [one for one in found if one.institution_id == institution.pk]


def by_codes(institution: Institution, codes: Collection[str]) -> list[LearningOpportunity]:
    """Published learning opportunities with these codes, unknown ones left out; see `whole`."""
    return list(whole(_published(institution).filter(code__in={code for code in codes if code})))


def whole(found: QuerySet[LearningOpportunity]) -> QuerySet[LearningOpportunity]:
    """With unit, realisations by start, and what `published_parts` answers."""
    return (
        found.select_related("unit")
        .prefetch_related(
            Prefetch("realisations", Realisation.objects.order_by("start", "pk")),
            Prefetch(
                "part_links",
                Containment.objects.filter(part__exposed=True, part__withdrawn_at__isnull=True)
                .select_related("part")
                .order_by("pk"),
                to_attr="published_parts",
            ),
        )
        .order_by("pk")
    )


def published_parts(one: LearningOpportunity) -> list[LearningOpportunity]:
    """What an entry that `whole` fetched contains and is published too."""
    links: list[Containment] = vars(one)["published_parts"]
    return [link.part for link in links]


def _published(institution: Institution) -> QuerySet[LearningOpportunity]:
    return LearningOpportunity.objects.published().filter(institution=institution)


def _ids(found: QuerySet[LearningOpportunity]) -> QuerySet[LearningOpportunity, str]:
    return found.order_by("pk").values_list("los_id", flat=True)
