"""What belongs to an agreement and is approved by nobody: contacts, signing data, units, papers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from vaihto.agreements import actions
from vaihto.agreements.attachments import attach, content_of
from vaihto.agreements.models import Agreement, Programme
from vaihto.institutions.models import Contact as OfficeContact
from vaihto.institutions.models import Unit
from vaihto.journal.actors import May
from vaihto.refusals import NotAllowed, Refusal
from vaihto.web.agreements.agreement import agreement_of, trail
from vaihto.web.agreements.conditions import clean_text, units_of
from vaihto.web.agreements.contacts import as_stored, contact_of
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.offers.rows import tell
from vaihto.web.offers.words import name_of, reader
from vaihto.web.wording import options, sentence_of


def _word(contact: dict[str, Any]) -> str:
    names = contact.get("names") or [["", ""]]
    return ", ".join(filter(None, (names[0][1], *contact.get("emails", ()))))


class ParticularsForm(forms.Form):
    """Facts that may change at any time."""

    programme = ChoiceField(label=gettext_lazy("Programme"))
    unit = ChoiceField(label=gettext_lazy("Our unit"), required=False)
    partner_unit = ChoiceField(label=gettext_lazy("Partner's unit"), required=False)
    signing_contact = ChoiceField(label=gettext_lazy("Who signs for us"), required=False)
    signing_date = forms.DateField(
        label=gettext_lazy("Signed on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Only where somebody signs; over the network the approval counts."),
    )
    contacts = forms.MultipleChoiceField(
        label=gettext_lazy("Contacts the partner sees"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    note = forms.CharField(
        label=gettext_lazy("Note for colleagues"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any, *, agreement: Agreement, known: dict[str, Any]) -> None:
        chosen = [key for key, value in known.items() if value in agreement.contacts]
        signer = next((k for k, v in known.items() if v == agreement.signing_contact), "")
        super().__init__(
            data,
            initial={
                "programme": agreement.programme,
                "unit": str(agreement.unit_id or ""),
                "partner_unit": agreement.partner_unit,
                "signing_contact": signer,
                "signing_date": agreement.signing_date,
                "contacts": chosen,
                "note": agreement.note,
            },
        )
        ours = Unit.objects.filter(institution=agreement.institution_id).order_by("name")[:400]
        words = [(key, _word(value)) for key, value in known.items()]
        theirs = units_of(agreement.partner)
        if agreement.partner_unit and agreement.partner_unit not in dict(theirs):
            theirs.append((agreement.partner_unit, agreement.partner_unit))
        for name, choices in (
            ("programme", options(Programme)),
            (
                "unit",
                [
                    ("", _("The whole institution")),
                    *((str(one.pk), one.names.get(reader()) or one.name) for one in ours),
                ],
            ),
            ("partner_unit", [("", _("The whole institution")), *theirs]),
            ("signing_contact", [("", "–"), *words]),
            ("contacts", words),
        ):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        if not words:
            del self.fields["contacts"], self.fields["signing_contact"]


def _known(one: Agreement) -> dict[str, Any]:
    """Contacts to choose from: those of the institution, and those the agreement has already."""
    rows = OfficeContact.objects.filter(institution=one.institution_id).select_related("unit")
    found = {str(contact.pk): as_stored(contact_of(contact)) for contact in rows[:200]}
    kept = [*one.contacts, *([one.signing_contact] if one.signing_contact else [])]
    for place, value in enumerate(kept):
        if value not in found.values():
            found[f"kept-{place}"] = value
    return found


def particulars(request: Request, pk: int) -> HttpResponse:
    """Contacts, signing data, units, programme and our own note."""
    one = agreement_of(request, pk)
    if not request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    known = _known(one)
    form = ParticularsForm(
        request.POST if request.method == "POST" else None, agreement=one, known=known
    )
    back = reverse("agreements:agreement", args=[pk])
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        changed: dict[str, Any] = {
            "programme": given["programme"],
            "unit": Unit.objects.filter(
                institution=one.institution_id, pk=int(given["unit"] or 0)
            ).first(),
            "partner_unit": given["partner_unit"],
            "signing_date": given["signing_date"],
            "note": clean_text(given["note"]),
        }
        if "contacts" in form.fields:
            changed["contacts"] = [known[key] for key in given["contacts"]]
            changed["signing_contact"] = known.get(given["signing_contact"])
        present = {name: getattr(one, name) for name in changed}
        moved = {name: value for name, value in changed.items() if value != present[name]}
        try:
            if moved:
                actions.edit_particulars(
                    actor=request.actor, agreement=one, now=request.now, **moved
                )
        except Refusal as refusal:
            tell(form, refusal)
        else:
            messages.success(request, _("Kept. Nothing of it needs a new approval."))
            return HttpResponseRedirect(back)
    return page(
        request,
        "agreements/particulars.html",
        status=400 if form.errors else 200,
        heading=_("Contacts and signing"),
        lead=_("Agreement %(code)s with %(partner)s")
        % {"code": one.code, "partner": name_of(one.partner)},
        trail=trail(one),
        form=form,
        back=back,
        has_contacts=bool(known),
    )


class PaperForm(forms.Form):
    """A paper to keep."""

    file = forms.FileField(label=gettext_lazy("PDF file"))


@require_POST
def add_paper(request: Request, pk: int) -> HttpResponse:
    """Keeps an old or signed paper with the agreement."""
    one = agreement_of(request, pk)
    if not request.actor.has(May.AGREEMENTS_EDIT, one.institution_id, one.unit_id):
        raise NotAllowed("not-allowed", may=str(May.AGREEMENTS_EDIT))
    file = request.FILES.get("file")
    if file is None:
        messages.warning(request, _("Choose a file first."))
    else:
        try:
            attach(
                actor=request.actor,
                agreement=one,
                name=file.name or "",
                content=file.read(),
                now=request.now,
            )
        except Refusal as refusal:
            told = sentence_of(refusal)
            messages.warning(request, f"{told.sentence} {told.remedy}".strip())
        else:
            messages.success(request, _("The paper is kept with the agreement."))
    return HttpResponseRedirect(f"{reverse('agreements:agreement', args=[pk])}#papers")


def attachment(request: Request, pk: int, attachment: int) -> HttpResponse:
    """A paper as it came."""
    one = agreement_of(request, pk)
    found = one.attachments.filter(pk=attachment).first()
    if found is None:
        raise Http404
    answer = HttpResponse(content_of(found), content_type="application/pdf")
    name = "".join(c if c.isalnum() or c in ".-_ " else "-" for c in found.name)
    answer["Content-Disposition"] = (
        f'attachment; filename="{name.encode("ascii", "replace").decode()}"'
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
