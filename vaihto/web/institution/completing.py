"""What is missing, with links to where it is mended; and which institutions a reader may write about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from vaihto.institutions.completeness import Completeness, Gap, Interface, Place, Weight
from vaihto.institutions.models import Contact, Institution, Unit
from vaihto.journal.actors import May
from vaihto.refusals import Unknown
from vaihto.web.frame import Request
from vaihto.web.wording import filled

# Places that are a whole section of a page; every other place is a field.
_SECTIONS = frozenset(
    {"names", "websites", "factsheet_urls", "catalogue_urls", "accessibility", "units"}
)


@dataclass(frozen=True)
class Line:
    """A gap in words with its link."""

    sentence: str
    remedy: str
    href: str
    is_required: bool


@dataclass(frozen=True)
class Panel:
    """How complete what one interface tells is, as a page shows it."""

    title: str
    percent: int
    there: int
    asked: int
    can_be_published: bool
    lines: Sequence[Line]
    verdict: str


def own(request: Request, pk: int) -> Institution:
    """The institution, for those who edit it. Refuses with `Unknown` or `NotAllowed`."""
    one = Institution.objects.visible_to(request.actor).filter(pk=pk).first()
    if one is None:
        raise Unknown("institution.unknown")
    request.actor.require(May.INSTITUTIONS_EDIT, one.pk)
    return one


def interface_word(interface: Interface) -> str:
    """The interface in the reader's words."""
    return {
        Interface.INSTITUTIONS: _("Institution data"),
        Interface.UNITS: _("Units"),
        Interface.FACTSHEET: _("Factsheet"),
    }[interface]


def panel(
    found: Completeness,
    one: Institution,
    *,
    units: Sequence[Unit] = (),
    contacts: Sequence[Contact] = (),
) -> Panel:
    """The panel of one interface. `units` and `contacts` are those of the institution, for the links."""
    keys = {unit.ounit_id: unit.pk for unit in units}
    return Panel(
        title=interface_word(found.interface),
        percent=found.percent,
        there=found.asked - len(found.gaps),
        asked=found.asked,
        can_be_published=found.can_be_published,
        lines=[
            Line(
                filled(gap.sentence, gap.facts),
                filled(gap.remedy, gap.facts),
                _href(gap, one, keys, contacts),
                gap.weight is Weight.REQUIRED,
            )
            for gap in found.gaps
        ],
        verdict=_verdict(found),
    )


def _verdict(found: Completeness) -> str:
    if not found.can_be_published:
        return _("Partners see nothing of it until what is required is there.")
    if found.gaps:
        return _("Partners see it. What is missing they will ask for.")
    return _("Partners see it, and nothing is missing.")


def _href(gap: Gap, one: Institution, units: dict[str, int], contacts: Sequence[Contact]) -> str:
    place = gap.place
    page, args = f"institution:{place.page}", [one.pk]
    if place.page == "unit":
        args.append(units.get(place.key, 0))
    if place.page == "contact":
        args.append(contacts[int(place.key)].pk if int(place.key) < len(contacts) else 0)
    return reverse(page, args=args) + _anchor(place)


def _anchor(place: Place) -> str:
    if not place.field:
        return ""
    return f"#{place.field}" if place.field in _SECTIONS else f"#id_{place.field}"
