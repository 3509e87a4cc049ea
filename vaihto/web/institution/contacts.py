"""Contacts in the order in which partners see them: adding, editing, moving, removing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from vaihto.institutions import actions
from vaihto.institutions.completeness import of_institution
from vaihto.institutions.facts import ContactFacts, seen
from vaihto.institutions.models import Contact, Institution, Unit
from vaihto.institutions.queries import contact_of, told
from vaihto.institutions.shapes import wrong_contact
from vaihto.refusals import Unknown
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.institution.completing import own, panel
from vaihto.web.institution.pages import Edit, edited, name_of, sheet_page, tabs, trail
from vaihto.web.institution.sheets import (
    AddressPiece,
    Layout,
    NameRow,
    PhoneRow,
    RoleRow,
    Section,
    Sheet,
    lines_of,
)
from vaihto.web.institution.units import in_order
from vaihto.web.wording import label, options


class ContactForm(forms.Form):
    """The single facts of a contact."""

    purpose = ChoiceField(label=gettext_lazy("What for"))
    unit = ChoiceField(label=gettext_lazy("Of the unit"), required=False)
    emails = forms.CharField(
        label=gettext_lazy("E-mail addresses"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "autocapitalize": "none"}),
        help_text=gettext_lazy(
            "One on a line. An address of the role outlives the person who answers it today."
        ),
    )
    given_names = forms.CharField(label=gettext_lazy("Given names"), required=False, max_length=200)
    family_name = forms.CharField(label=gettext_lazy("Family name"), required=False, max_length=200)
    gender = ChoiceField(label=gettext_lazy("Gender"), required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, units: Sequence[Unit], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        language = get_language() or "en"
        for name, choices in (
            ("purpose", options(Contact.Purpose)),
            ("gender", options(Contact.Gender)),
            (
                "unit",
                [
                    ("", _("The whole institution")),
                    *(
                        (
                            unit.ounit_id,
                            "\N{NO-BREAK SPACE}" * 4 * depth
                            + (unit.names.get(language) or unit.name),
                        )
                        for unit, depth in in_order(units)
                    ),
                ],
            ),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]


def _layout(one: Institution) -> Layout:
    return Layout(
        partial(ContactForm, units=list(Unit.objects.filter(institution=one).order_by("code"))),
        pieces={"street_address": AddressPiece, "mailing_address": AddressPiece},
        rows={"names": NameRow, "phones": PhoneRow, "faxes": PhoneRow, "roles": RoleRow},
    )


def _shown_as(facts: ContactFacts) -> dict[str, Any]:
    values = {one.name: getattr(facts, one.name) for one in fields(facts)}
    return values | {"emails": "\n".join(facts.emails)}


def _read(given: dict[str, Any]) -> ContactFacts:
    return ContactFacts(**(given | {"emails": lines_of(given["emails"])}))


def _sections(sheet: Sheet) -> list[Section]:
    return [
        sheet.several(
            "names",
            _("Name as partners see it"),
            word=_("Name %(number)s"),
            note=_("An office or a role is best, in English first: “International Services”."),
        ),
        sheet.single("facts", _("What for and how"), "purpose", "unit", "emails"),
        sheet.several(
            "phones",
            _("Telephones"),
            word=_("Telephone %(number)s"),
            note=_("With + and the country code."),
        ),
        sheet.several("roles", _("When to use this contact"), word=_("Description %(number)s")),
        sheet.single(
            "person",
            _("Person"),
            "given_names",
            "family_name",
            "gender",
            note=_(
                "Only where partners must reach this very person, who knows that the name is published."
            ),
        ),
        sheet.piece("street_address", _("Street address"), note=_("Where it is another one.")),
        sheet.piece("mailing_address", _("Mailing address")),
        sheet.several("faxes", _("Fax numbers"), word=_("Fax %(number)s")),
    ]


# The list --------------------------------------------------------------------------------------


def contacts(request: Request, pk: int) -> HttpResponse:
    """All contacts in their order; moving one up or down."""
    one = own(request, pk)
    if request.method == "POST":
        return _moved(request, one)
    found = list(
        Contact.objects.filter(institution=one).select_related("unit").order_by("place", "pk")
    )
    (all_told,) = told([one])
    complete = panel(of_institution(all_told), one, contacts=found)
    return page(
        request,
        "institution/contacts.html",
        heading=_("Contacts"),
        lead=name_of(one),
        trail=trail(one),
        tabs=tabs(one, "contacts"),
        one=one,
        lines=[
            {
                "contact": contact,
                "name": str(contact),
                "purpose": label(Contact.Purpose, contact.purpose),
                "unit": contact.unit.name if contact.unit else "",
                "is_first": at == 0,
                "is_last": at == len(found) - 1,
            }
            for at, contact in enumerate(found)
        ],
        panels=[complete],
    )


def _moved(request: Request, one: Institution) -> HttpResponse:
    back = reverse("institution:contacts", args=[one.pk])
    chosen = request.POST.get("up") or request.POST.get("down") or ""
    if not chosen:
        messages.warning(request, _("Choose what is to be done."))
        return HttpResponseRedirect(back)
    contact = _contact(one, int(chosen) if chosen.isdecimal() and len(chosen) < 18 else 0)
    actions.move_contact(
        actor=request.actor, contact=contact, up="up" in request.POST, now=request.now
    )
    return HttpResponseRedirect(f"{back}#contact-{contact.pk}")


# One contact -----------------------------------------------------------------------------------


def _contact(one: Institution, contact_pk: int) -> Contact:
    found = Contact.objects.filter(institution=one, pk=contact_pk).select_related("unit").first()
    if found is None:
        raise Unknown("contact.unknown")
    return found


def add_contact(request: Request, pk: int) -> HttpResponse:
    """A new contact."""
    return _edited(request, own(request, pk), None)


def contact(request: Request, pk: int, contact_pk: int) -> HttpResponse:
    """A contact as it is, to be changed."""
    one = own(request, pk)
    return _edited(request, one, _contact(one, contact_pk))


def _edited(request: Request, one: Institution, contact: Contact | None) -> HttpResponse:
    stored = ContactFacts(purpose="coordination")
    if contact is not None:
        stored = contact_of(contact, unit=contact.unit.ounit_id if contact.unit else "")
    done = edited(
        request,
        Edit(
            layout=_layout(one),
            stored=stored,
            mark=seen(stored),
            show=_shown_as,
            read=_read,
            wrong=wrong_contact,
            save=partial(_save, request, one, contact),
            page=partial(_shown, request, one, contact),
        ),
    )
    if isinstance(done, HttpResponse):
        return done
    messages.success(request, _("The contact is saved."))
    return HttpResponseRedirect(reverse("institution:contacts", args=[one.pk]))


def _save(
    request: Request, one: Institution, contact: Contact | None, facts: ContactFacts, mark: str
) -> None:
    if contact is None:
        actions.add_contact(actor=request.actor, institution=one, facts=facts, now=request.now)
        return
    actions.edit_contact(
        actor=request.actor, contact=contact, facts=facts, now=request.now, expected=mark
    )


def _shown(
    request: Request, one: Institution, contact: Contact | None, sheet: Sheet, **more: Any
) -> HttpResponse:
    back = reverse("institution:contacts", args=[one.pk])
    return sheet_page(
        request,
        one,
        sheet,
        _sections(sheet),
        heading=str(contact) if contact is not None else _("Add a contact"),
        current="contacts",
        trail_more=[(_("Contacts"), back)],
        back=back,
        remove=reverse("institution:remove-contact", args=[one.pk, contact.pk])
        if contact is not None
        else "",
        **more,
    )


def remove_contact(request: Request, pk: int, contact_pk: int) -> HttpResponse:
    """A contact goes."""
    one = own(request, pk)
    contact = _contact(one, contact_pk)
    if request.method == "POST":
        actions.remove_contact(actor=request.actor, contact=contact, now=request.now)
        messages.success(request, _("The contact is removed."))
        return HttpResponseRedirect(reverse("institution:contacts", args=[one.pk]))
    return page(
        request,
        "web/confirm.html",
        heading=_("Remove %(name)s") % {"name": str(contact)},
        trail=trail(one, (_("Contacts"), reverse("institution:contacts", args=[one.pk]))),
        sentence=_("Partners do not see this contact any more."),
        deed=_("Remove the contact"),
        danger=True,
        back=reverse("institution:contact", args=[one.pk, contact.pk]),
    )
