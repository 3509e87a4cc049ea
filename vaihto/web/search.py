"""The one search box: persons by name, key, number or code, mobilities by key, institutions.

What one may not see is not found. The identity code is looked for only as a whole, and only by those who may
read it.
"""

from __future__ import annotations

import re

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vaihto.classification.models import Period
from vaihto.codes import country_name
from vaihto.codes.erasmus_code import normal_erasmus_code
from vaihto.institutions.models import Institution
from vaihto.journal.actors import Actor, May
from vaihto.mobilities.models import Direction, Side, State
from vaihto.people.models import Employment, Person, StudentRecord
from vaihto.web import components
from vaihto.web.components import Cell, Column, Row
from vaihto.web.frame import Request, page
from vaihto.web.office.mobilities import STATE_TONES
from vaihto.web.wording import label

SHOWN = 20
_IDENTITY_CODE = re.compile(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]", re.IGNORECASE)


def search(request: Request) -> HttpResponse:
    """Everything that fits what was typed, kind by kind."""
    asked = request.GET.get("q", "").strip()[:100]
    found: list[SafeString] = []
    if asked:
        found = [
            table
            for table in (
                _persons(request.actor, asked),
                _mobilities(request.actor, asked),
                _institutions(request.actor, asked),
            )
            if table
        ]
    return page(request, "web/search.html", asked=asked, found=found)


def persons_found(actor: Actor, asked: str) -> QuerySet[Person]:
    """Persons that fit: by exact identifier where it is one, else by the beginning of the names."""
    seen = Person.objects.visible_to(actor)
    if _IDENTITY_CODE.fullmatch(asked):
        if not actor.has(May.PEOPLE_SENSITIVE):
            return seen.none()
        return seen.with_identity_code(asked).filter(_where_sensitive(actor))
    by_key = Q(learner_number=asked) | Q(
        pk__in=StudentRecord.objects.visible_to(actor).filter(key=asked).values("person")
    ) | Q(pk__in=Employment.objects.visible_to(actor).filter(key=asked).values("person"))  # fmt: skip
    if any(character.isdigit() for character in asked):
        return seen.filter(by_key)
    return seen.filter(_names(asked) | by_key)


def _where_sensitive(actor: Actor) -> Exists | Q:
    """Only persons with a record where the actor may read the identity code."""
    places = actor.institutions(May.PEOPLE_SENSITIVE)
    if places is None:
        return Q()
    records = StudentRecord.objects.filter(person=OuterRef("pk"), institution__in=places)
    employments = Employment.objects.filter(person=OuterRef("pk"), institution__in=places)
    return Q(Exists(records)) | Q(Exists(employments))


def _names(asked: str) -> Q:
    """One word begins either name; two words are a family name and a given name, in either order."""
    words = [_capital(word) for word in re.split(r"[\s,]+", asked) if word]
    if not words:
        return Q(pk__in=[])
    if len(words) == 1:
        return Q(family_name__startswith=words[0]) | Q(given_names__startswith=words[0])
    first, last = words[0], words[-1]
    return Q(family_name__startswith=last, given_names__startswith=first) | Q(
        family_name__startswith=first, given_names__startswith=last
    )


def _capital(word: str) -> str:
    """Names are stored with a capital; people type without. Words with a capital inside stay."""
    return word[:1].upper() + word[1:]


def _persons(actor: Actor, asked: str) -> SafeString | None:
    if not actor.has(May.PEOPLE_READ):
        return None
    found = list(persons_found(actor, asked)[: SHOWN + 1])
    if not found:
        return None
    return components.table(
        _caption(_("Persons"), len(found)),
        [Column(label=_("Name")), Column(label=_("National learner number"))],
        [
            Row(
                [
                    Cell(
                        one.full_name or f"#{one.pk}", href=reverse("office:person", args=[one.pk])
                    ),
                    one.learner_number,
                ]
            )
            for one in found[:SHOWN]
        ],
    )


def _caption(word: str, count: int) -> str:
    if count <= SHOWN:
        return word
    return _("%(kind)s, the first %(count)d") % {"kind": word, "count": SHOWN}


def _mobilities(actor: Actor, asked: str) -> SafeString | None:
    if not actor.has(May.MOBILITIES_READ):
        return None
    by_period = Period.objects.visible_to(actor).filter(_at(actor), key=asked).values("side")
    found = list(
        Side.objects.visible_to(actor)
        .filter(_at(actor), Q(key=asked) | Q(pk__in=by_period))
        .select_related("mobility__person", "institution")
        .order_by("key", "pk")[: SHOWN + 1]
    )
    if not found:
        return None
    return components.table(
        _caption(_("Mobilities"), len(found)),
        [
            Column(label=_("Key")),
            Column(label=_("Person")),
            Column(label=_("Direction")),
            Column(label=_("First day")),
            Column(label=_("State")),
        ],
        [
            Row(
                [
                    Cell(side.key, href=reverse("office:mobility", args=[side.mobility_id])),
                    side.mobility.person.full_name,
                    label(Direction, side.direction),
                    Cell(side.mobility.start, nowrap=True),
                    Cell(label(State, side.mobility.state), tone=STATE_TONES[side.mobility.state]),
                ]
            )
            for side in found[:SHOWN]
        ],
    )


def _at(actor: Actor) -> Q:
    """The institutions in question, so that keys are found along their index."""
    places = actor.institutions(May.MOBILITIES_READ)
    return Q() if places is None else Q(institution__in=places)


def _institutions(actor: Actor, asked: str) -> SafeString | None:
    language = get_language() or "en"
    found = list(
        Institution.objects.visible_to(actor)
        .filter(
            Q(name__icontains=asked)
            | Q(names__icontains=asked)
            | Q(hei_id__icontains=asked)
            | Q(erasmus_code=normal_erasmus_code(asked))
            | Q(national_code=asked)
        )
        .order_by("name")[: SHOWN + 1]
    )
    if not found:
        return None
    return components.table(
        _caption(_("Institutions"), len(found)),
        [Column(label=_("Name")), Column(label=_("Country")), Column(label=_("Identifier"))],
        [
            Row(
                [
                    Cell(
                        one.names.get(language) or one.name,
                        href=reverse("office:institution", args=[one.pk]),
                    ),
                    country_name(one.country, language),
                    one.hei_id,
                ]
            )
            for one in found[:SHOWN]
        ],
    )
