"""What stands around every page: the menu by what one may do, the places, the languages, the messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language, get_language_info, gettext
from django.utils.translation import gettext_lazy as _

from vaihto.institutions.models import Alliance, Institution
from vaihto.journal.actors import Actor, May

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails
    from django_stubs_ext import StrOrPromise

    from vaihto.people.models import Account


class Request(HttpRequest):
    """A request after the middleware: somebody asks at a moment, perhaps a stranger. For annotations."""

    actor: Actor
    now: datetime
    today: date
    user: Account
    htmx: HtmxDetails


@dataclass(frozen=True)
class Item:
    """A line of the menu: its words, its page, and who sees it."""

    label: StrOrPromise
    page: str
    shown: Callable[[Actor], bool]


@dataclass(frozen=True)
class Group:
    """Lines of the menu under one word; the first group has none."""

    label: StrOrPromise
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Link:
    """A line of the menu for one reader at one address."""

    label: str
    href: str
    current: bool


def may(*any_of: May) -> Callable[[Actor], bool]:
    """Those who may at least one of these somewhere."""
    return lambda actor: any(actor.has(one) for one in any_of)


def _works(actor: Actor) -> bool:
    return bool(actor.grants) or actor.is_operator


def _in_person(actor: Actor) -> bool:
    return actor.person_id is not None


def _operator(actor: Actor) -> bool:
    return actor.is_operator


# A page that is not installed is left out, so a line may stand here before its page does.
MENU: tuple[Group, ...] = (
    Group(
        "",
        (
            Item(_("Your turn"), "web:turn", _works),
            Item(_("My data"), "student:own", _in_person),
            Item(_("Mobilities"), "office:mobilities", may(May.MOBILITIES_READ)),
            Item(_("Agreements"), "agreements:register", may(May.AGREEMENTS_READ)),
            Item(_("People"), "office:people", may(May.PEOPLE_READ)),
            Item(_("Institutions"), "office:institutions", _works),
            Item(_("Courses"), "offers:catalogue", lambda _actor: True),
        ),
    ),
    Group(
        _("Data"),
        (
            Item(_("What partners see"), "institution:start", may(May.INSTITUTIONS_EDIT)),
            Item(_("Network"), "network:partners", _works),
            Item(_("Bring files in"), "imports:batches", may(May.IMPORTS_RUN, May.OFFERS_EDIT)),
            Item(_("VIRTA"), "virta:runs", may(May.VIRTA_READ)),
            Item(_("Rehearsal"), "virta:rehearsal", may(May.VIRTA_READ)),
        ),
    ),
    Group(
        _("Knowledge"),
        (
            Item(_("Alliance"), "alliance:overview", may(May.ALLIANCE_READ)),
            Item(_("Rules"), "rules:list", _works),
        ),
    ),
    Group(
        _("Administration"),
        (
            Item(
                _("Roles"),
                "operations:roles",
                lambda actor: actor.is_operator or actor.has(May.ROLES_MANAGE),
            ),
            Item(
                _("Journal"),
                "operations:journal",
                lambda actor: actor.is_operator or actor.has(May.JOURNAL_READ),
            ),
            Item(_("Background work"), "operations:work", _operator),
            Item(
                _("Components"),
                "web:gallery",
                lambda actor: actor.is_operator or settings.DEBUG,
            ),
        ),
    ),
)


def _address(page: str) -> str | None:
    try:
        return reverse(page)
    except NoReverseMatch:
        return None


@dataclass(frozen=True)
class Frame:
    """Everything the base template asks; each part is worked out when it is asked for."""

    request: HttpRequest
    actor: Actor

    @cached_property
    def menu(self) -> list[tuple[str, list[Link]]]:
        """Groups with the lines that this reader sees; one line is the current one."""
        if self.actor.is_stranger:
            return []
        seen = [
            (group.label, [(item, href) for item in group.items if item.shown(self.actor)
                           and (href := _address(item.page))])
            for group in MENU
        ]  # fmt: skip
        here = self.request.path
        current = max(
            (href for _label, items in seen for _item, href in items if _is_under(here, href)),
            key=len,
            default="",
        )
        return [
            (str(label), [Link(str(item.label), href, href == current) for item, href in items])
            for label, items in seen
            if items
        ]

    @cached_property
    def places(self) -> str:
        """The institutions and alliances at which the reader has roles, in words."""
        institutions = {g.institution_id for g in self.actor.grants if g.institution_id}
        alliances = {g.alliance_id for g in self.actor.grants if g.alliance_id}
        names: list[str] = []
        if alliances:
            names += Alliance.objects.filter(pk__in=alliances).values_list("name", flat=True)
        if institutions:
            found = Institution.objects.filter(pk__in=institutions)
            names += found.values_list("name", flat=True)[:4]
        if len(names) > 3:
            return gettext("%(first)s and others") % {"first": ", ".join(names[:2])}
        return " · ".join(names)

    @cached_property
    def languages(self) -> list[tuple[str, str, bool]]:
        """Code, its own name, and whether it is the present one."""
        return [
            (code, get_language_info(code)["name_local"], code == self.language)
            for code, _name in settings.LANGUAGES
        ]

    @property
    def language(self) -> str:
        """The code of the present language."""
        return get_language() or settings.LANGUAGE_CODE

    @property
    def searches(self) -> bool:
        """Is there a search box for this reader?"""
        return self.actor.has(May.PEOPLE_READ) or self.actor.has(May.MOBILITIES_READ)

    @property
    def is_demo(self) -> bool:
        """Does this installation show the demo?"""
        return settings.DEMO


def _is_under(here: str, href: str) -> bool:
    """Is the page at `here` the page at `href` or one below it? The front page has nothing below it."""
    return here == href or (href != reverse("web:turn") and here.startswith(href))


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `frame` in every template, also where no middleware has run."""
    actor = getattr(request, "actor", None) or Actor.stranger()
    return {"frame": Frame(request, actor), "actor": actor}


def page(request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page from a template and what it shows."""
    return render(request, template, context, status=status)
