"""Somebody leaves: another contact of ours takes the place of one in many agreements; shown first, then done."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.agreements import actions
from vaihto.agreements.models import Agreement
from vaihto.agreements.serving import our_party
from vaihto.agreements.terms import Contact
from vaihto.institutions.models import Institution
from vaihto.journal.actors import May
from vaihto.refusals import Refusal
from vaihto.web import components
from vaihto.web.agreements.bulk import picked_of
from vaihto.web.agreements.contacts import in_words, office_contacts
from vaihto.web.agreements.register import result_row, results
from vaihto.web.components import Cell, Column, Row
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.words import name_of
from vaihto.web.wording import sentence_of

_NOBODY = "nobody"
_MOST = 500  # of contacts to choose from


def key_of_shown(contact: Contact) -> str:
    """The same for everything that a reader takes for the same contact: older addresses and telephones too."""
    return sha256(in_words(contact).encode()).hexdigest()[:12]


def _places(one: Agreement) -> list[tuple[Contact, str]]:
    """Whom our copy names for us, and where, in words."""
    ours = one.institution.hei_id
    party = our_party(one, ours)
    found = [(contact, _("for the whole agreement")) for contact in party.contacts]
    if party.signing_contact:
        found.append((party.signing_contact, _("signs for us")))
    for number, condition in enumerate(one.terms.conditions, start=1):
        named = (
            condition.sending_contacts
            if condition.sending == ours
            else condition.receiving_contacts
        )
        found += [(contact, _("condition %(number)s") % {"number": number}) for contact in named]
    return found


class HandoverForm(forms.Form):
    """Who leaves, and who comes."""

    old = ChoiceField(label=gettext_lazy("Old contact"))
    new = ChoiceField(label=gettext_lazy("New contact"))

    def __init__(
        self, data: Any, *, named: dict[str, Contact], offered: dict[str, Contact]
    ) -> None:
        super().__init__(data)
        for name, known, more in (
            ("old", named, []),
            ("new", offered, [(_NOBODY, _("nobody"))]),
        ):
            choices = sorted(
                ((key, in_words(one)) for key, one in known.items()), key=lambda pair: pair[1]
            )
            self.fields[name].choices = [("", "–"), *choices, *more]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The two are not the same."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("old") and given.get("old") == given.get("new"):
            self.add_error("new", _("Choose somebody else."))
        return given


def handover(request: Request) -> HttpResponse:
    """Who is replaced by whom, and where that would be (GET); the change (POST)."""
    request.actor.require(May.AGREEMENTS_EDIT)
    data = request.POST if request.method == "POST" else request.GET
    found = picked_of(request, data)
    houses = {one.institution_id: one.institution for one in found}
    named = {key_of_shown(contact): contact for one in found for contact, _where in _places(one)}
    offered = _offered(houses.values())
    asked = request.method == "POST" or "show" in request.GET
    form = HandoverForm(data if asked else None, named=named, offered=offered)
    is_chosen = asked and form.is_valid()
    old, new = (form.cleaned_data["old"], form.cleaned_data["new"]) if is_chosen else ("", "")
    if request.method == "POST" and is_chosen and len(houses) == 1:
        return _done(request, found, old, offered.get(new))
    return page(
        request,
        "agreements/handover.html",
        status=400 if asked and not is_chosen else 200,
        heading=_("Replace a contact"),
        lead=_("Contacts are not part of what is approved: nobody has to approve anew."),
        trail=[(_("Agreements"), reverse("agreements:register"))],
        form=form,
        picked=[one.pk for one in found],
        count=len(found),
        is_one_house=len(houses) == 1,
        has_contacts=bool(named),
        preview=_preview(found, old) if is_chosen else None,
        back=reverse("agreements:register"),
    )


def _offered(houses: Iterable[Institution]) -> dict[str, Contact]:
    """Whom the agreements may name instead: contacts of the institution, as its page has them."""
    return {
        key_of_shown(one): one
        for house in houses
        for one in office_contacts(house, most=_MOST)
        if one.name
    }


def _preview(found: list[Agreement], old: str) -> Any:
    rows = []
    for one in found:
        where = [words for contact, words in _places(one) if key_of_shown(contact) == old]
        rows.append(
            Row(
                [
                    Cell(
                        one.code, href=reverse("agreements:agreement", args=[one.pk]), nowrap=True
                    ),
                    name_of(one.partner),
                    ", ".join(where) or Cell(_("nothing changes"), tone="plain"),
                ]
            )
        )
    return components.table(
        _("What would change"),
        [Column(label=_("Code")), Column(label=_("Partner")), Column(label=_("Where"))],
        rows,
    )


def _done(request: Request, found: list[Agreement], old: str, new: Contact | None) -> HttpResponse:
    rows = []
    for one in found:
        try:
            is_done = actions.replace_contact(
                actor=request.actor,
                agreement=one,
                old=lambda contact: key_of_shown(contact) == old,
                new=new,
                now=request.now,
            )
        except Refusal as refusal:
            told = sentence_of(refusal)
            rows.append(result_row(one, f"{told.sentence} {told.remedy}".strip(), refused=True))
            continue
        if not is_done:
            words = _("Nothing was changed.")
        elif one.shared_at is not None:
            words = _("Changed; the partner is told.")
        else:
            words = _("Changed.")
        rows.append(result_row(one, words, is_done=is_done))
    return results(request, rows, back=reverse("agreements:register"))
