"""What the pages of this folder share: the tabs, the sheet with its buttons, and who was quicker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vaihto.institutions.actions.profiles import compared
from vaihto.institutions.completeness import Gap
from vaihto.institutions.facts import (
    ContactFacts,
    FactsheetFacts,
    ProfileFacts,
    UnitFacts,
    seen,
)
from vaihto.institutions.models import Institution
from vaihto.institutions.values import RESERVED_REQUIREMENTS
from vaihto.refusals import Refusal, Stale
from vaihto.web import components
from vaihto.web.components import Change, Tab
from vaihto.web.deeds import field_word, in_words
from vaihto.web.frame import Request, page
from vaihto.web.institution.completing import Panel
from vaihto.web.institution.sheets import Layout, Section, Sheet
from vaihto.web.wording import filled, sentence_of

# Offered while typing a language; any other code may be typed.
LANGUAGES = (
    "en", "bg", "cs", "da", "de", "el", "es", "et", "fi", "fr", "ga", "hr", "hu", "is", "it", "lt", "lv",
    "mt", "nb", "nl", "nn", "pl", "pt", "ro", "se", "sk", "sl", "sq", "sr", "sv", "tr", "uk",
)  # fmt: skip

_F = TypeVar("_F", ProfileFacts, UnitFacts, ContactFacts, FactsheetFacts)


def name_of(one: Institution) -> str:
    """The institution's name in the reader's language."""
    return str(one.names.get(get_language() or "en") or one.name)


def tabs(one: Institution, current: str) -> SafeString:
    """The pages about one institution."""
    return components.tabs(
        [
            Tab(word, reverse(f"institution:{name}", args=[one.pk]), current=name == current)
            for name, word in (
                ("overview", _("Overview")),
                ("profile", _("Institution")),
                ("units", _("Units")),
                ("contacts", _("Contacts")),
                ("factsheet", _("Factsheet")),
                ("preview", _("Preview")),
            )
        ],
        label=_("What the institution tells partners"),
    )


def trail(one: Institution, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Where the reader is."""
    return [
        (_("What partners see"), reverse("institution:start")),
        (name_of(one), reverse("institution:overview", args=[one.pk])),
        *more,
    ]


def sheet_page(
    request: Request,
    one: Institution,
    sheet: Sheet,
    sections: Sequence[Section],
    *,
    heading: str,
    current: str,
    back: str,
    lead: str = "",
    panels: Sequence[Panel] = (),
    trail_more: Sequence[tuple[str, str]] = (),
    stale: SafeString | None = None,
    differences: SafeString | None = None,
    save: str = "",
    unfinished: str = "",
    remove: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page of a sheet. `unfinished` is the word of a second button that keeps what is not complete,
    `remove` the address at which the record is removed.
    """
    return page(
        request,
        "institution/sheet.html",
        status=status,
        heading=heading,
        lead=lead,
        trail=trail(one, *trail_more),
        tabs=tabs(one, current),
        sheet=sheet,
        forms=sheet.all_forms if sheet.main.is_bound else None,
        sections=sections,
        panels=panels,
        stale=stale,
        differences=differences,
        save=save or _("Save"),
        unfinished=unfinished,
        remove=remove,
        back=back,
        languages=LANGUAGES,
        requirements=RESERVED_REQUIREMENTS,
    )


# A sheet on its way --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit(Generic[_F]):
    """What a sheet is about: the stored facts, how they are shown and read, and what saving means.

    `mark` goes with the form and comes back, so that who was slower is told. `lacking` are the gaps that keep
    the facts from being saved at all.
    """

    layout: Layout
    stored: _F
    mark: str
    show: Callable[[_F], Mapping[str, Any]]
    read: Callable[[dict[str, Any]], _F]
    wrong: Callable[[_F], Iterable[Refusal]]
    save: Callable[[_F, str], object]
    page: Callable[..., HttpResponse]  # page(sheet, **more)
    lacking: Callable[[_F], Iterable[Gap]] = lambda _facts: ()


def edited(request: Request, edit: Edit[_F]) -> HttpResponse | _F:
    """The page of the sheet with whatever was typed; or the facts, when they were saved."""
    if request.method != "POST":
        values = {**edit.show(edit.stored), "seen": edit.mark}
        return edit.page(Sheet(edit.layout, values=values))
    if add := request.POST.get("add"):
        return edit.page(Sheet.again(edit.layout, request.POST, add=add))
    sheet = Sheet(edit.layout, values=None, data=request.POST)
    if not sheet.is_valid():
        return edit.page(sheet)
    given = sheet.values
    mark = given.pop("seen")
    facts = edit.read(given)
    wrong, lacking = list(edit.wrong(facts)), list(edit.lacking(facts))
    if wrong or lacking:
        sheet.tell(wrong)
        for gap in lacking:
            sheet.tell_at(gap.place.field, filled(gap.sentence, gap.facts))
        return edit.page(sheet)
    try:
        edit.save(facts, mark)
    except Stale as stale:
        data = request.POST.copy()
        data["seen"] = seen(edit.stored)
        again = Sheet(edit.layout, values=None, data=data)
        again.is_valid()
        return edit.page(again, **_told(stale, edit.stored, facts))
    except Refusal as refusal:
        sheet.tell([refusal])
        return edit.page(sheet)
    return facts


def _told(stale: Stale, stored: _F, wanted: _F) -> dict[str, Any]:
    """What the page says when somebody was quicker: the sentence and the differences."""
    changes = [
        Change(field_word(name), in_words(before), in_words(after))
        for name, (before, after) in compared(stored, wanted, personal=True).items()
    ]
    return {
        "stale": components.notice(
            _("Look at the differences below. Saving again makes your values the present ones."),
            tone="warn",
            title=sentence_of(stale).sentence,
        ),
        "differences": components.diff(
            changes,
            caption=_("What is stored now and what you sent"),
            before=_("Stored now"),
            after=_("You sent"),
        ),
        "status": 409,
    }
