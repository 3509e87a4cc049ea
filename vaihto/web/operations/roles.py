"""Roles: who may do what where, from when to when; given and ended with a line in the journal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vaihto.institutions.models import Alliance, Institution, Unit
from vaihto.journal.actors import Actor, May
from vaihto.people import appointments
from vaihto.people.models import Account, Role
from vaihto.refusals import NotAllowed, Refusal, Unknown
from vaihto.web import components
from vaihto.web.address import Address
from vaihto.web.components import Cell, Column, Row, Tab, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.listing import Order, page_of
from vaihto.web.wording import label, options, sentence_of

_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _require(actor: Actor) -> None:
    if not (actor.is_operator or actor.has(May.ROLES_MANAGE)):
        raise NotAllowed("not-allowed", may=str(May.ROLES_MANAGE))


def _managed(actor: Actor) -> Q:
    """Roles at the institutions whose administrator the actor is; an operator manages all."""
    if actor.is_operator or actor.sees_everything:
        return Q()
    return Q(institution__in=actor.institutions(May.ROLES_MANAGE) or ())


def roles(request: Request) -> HttpResponse:
    """The roles of today, or those that have ended."""
    _require(request.actor)
    address = Address.of(request)
    is_past = address.get("show") == "past"
    over = Q(until__lt=request.today)
    found = Role.objects.filter(_managed(request.actor)).filter(over if is_past else ~over)
    shown = page_of(
        found.select_related("account", "institution", "unit", "alliance", "stand_in_for"),
        (Order("account__name"),),
        address,
    )
    return page(
        request,
        "operations/roles.html",
        heading=_("Roles"),
        lead=_("Who may do what where, from when to when. Both days included."),
        tabs=components.tabs(
            [
                Tab(_("Present and coming"), str(address.having(show=None)), not is_past),
                Tab(_("Past"), str(address.having(show="past")), is_past),
            ],
            label=_("Which roles"),
        ),
        table=components.table(
            _("Roles"),
            [
                Column(label=_("Account")),
                Column(label=_("Role")),
                Column(label=_("Where")),
                Column(label=_("From")),
                Column(label=_("Until")),
                Column(label=_("Stands in for")),
                Column(label=_("State")),
                Column(label=_("End it")),
            ],
            [_row(role, request) for role in shown.rows],
            paging=shown.paging,
            hide_caption=True,
            empty_text=_("No roles."),
        ),
    )


def _row(role: Role, request: Request) -> Row:
    word, tone = _state(role, request)
    ended = role.until is not None and role.until < request.today
    return Row(
        [
            Cell(str(role.account), note=role.account.username),
            label(Role.Name, role.name),
            Cell(
                str(role.institution or role.alliance),
                note=role.unit.name if role.unit else "",
            ),
            Cell(role.since, nowrap=True),
            Cell(role.until, nowrap=True),
            str(role.stand_in_for) if role.stand_in_for else "",
            Cell(word, tone=tone),
            "" if ended else Cell(_("End"), href=reverse("operations:end-role", args=[role.pk])),
        ]
    )


def _state(role: Role, request: Request) -> tuple[str, Tone]:
    if role.since > request.today:
        return _("begins later"), "info"
    if role.until is not None and role.until < request.today:
        return _("ended"), "plain"
    return _("holds"), "good"


class RoleForm(forms.Form):
    """A role to be given."""

    account = ChoiceField(label=gettext_lazy("Account"))
    role = ChoiceField(label=gettext_lazy("Role"))
    institution = ChoiceField(
        label=gettext_lazy("Institution"),
        required=False,
        help_text=gettext_lazy("Every role but the secretariat is held at an institution."),
    )
    unit = ChoiceField(
        label=gettext_lazy("Unit"),
        required=False,
        help_text=gettext_lazy("Leave empty for the whole institution; units below are included."),
    )
    alliance = ChoiceField(label=gettext_lazy("Alliance"), required=False)
    since = forms.DateField(label=gettext_lazy("From"), widget=_DAY)
    until = forms.DateField(label=gettext_lazy("Until"), widget=_DAY, required=False)
    stand_in_for = ChoiceField(label=gettext_lazy("Stands in for"), required=False)

    def __init__(self, data: Any, *, actor: Actor, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        hosted = Institution.objects.hosted()
        places = None if actor.is_operator else actor.institutions(May.ROLES_MANAGE)
        if places is not None:
            hosted = hosted.filter(pk__in=places)
        known = list(hosted.order_by("name").values_list("pk", "name"))
        units = Unit.objects.filter(institution__in=[pk for pk, _name in known])
        accounts = [
            (str(pk), f"{name} ({username})")
            for pk, name, username in Account.objects.filter(is_active=True)
            .order_by("name")
            .values_list("pk", "name", "username")[:2000]
        ]
        choices: dict[str, list[tuple[str, str]]] = {
            "account": [("", "–"), *accounts],
            "stand_in_for": [("", "–"), *accounts],
            "role": options(Role.Name, empty="–"),
            "institution": [("", "–"), *((str(pk), name) for pk, name in known)],
            "unit": [
                ("", "–"),
                *(
                    (str(unit.pk), f"{unit.institution.name}: {unit.name}")
                    for unit in units.select_related("institution")[:1000]
                ),
            ],
        }
        if actor.is_operator:
            choices["alliance"] = [
                ("", "–"),
                *((str(pk), name) for pk, name in Alliance.objects.values_list("pk", "name")),
            ]
        else:
            del self.fields["alliance"]
            choices["role"] = [pair for pair in choices["role"] if pair[0] != Role.Name.SECRETARIAT]
        for name, values in choices.items():
            self.fields[name].choices = values  # type: ignore[attr-defined]


def give(request: Request) -> HttpResponse:
    """Gives an account a role."""
    _require(request.actor)
    form = RoleForm(
        request.POST if request.method == "POST" else None,
        actor=request.actor,
        initial={"since": request.today},
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            appointments.appoint(
                actor=request.actor,
                account=Account.objects.get(pk=given["account"]),
                role=Role.Name(given["role"]),
                institution=_one(Institution, given.get("institution")),
                unit=_one(Unit, given.get("unit")),
                alliance=_one(Alliance, given.get("alliance")),
                since=given["since"],
                until=given["until"],
                stand_in_for=_one(Account, given.get("stand_in_for")),
                now=request.now,
            )
        except Refusal as refusal:
            form.add_error(None, sentence_of(refusal).sentence)
        else:
            messages.success(request, _("The role is given."))
            return HttpResponseRedirect(reverse("operations:roles"))
    return page(
        request,
        "web/confirm.html",
        heading=_("Give a role"),
        trail=[(_("Roles"), reverse("operations:roles"))],
        sentence=_("The account may act from the first day to the last, both included."),
        form=form,
        deed=_("Give the role"),
        back=reverse("operations:roles"),
    )


def _one(model: Any, pk: str | None) -> Any:
    return model.objects.get(pk=pk) if pk else None


class EndForm(forms.Form):
    """The last day of a role."""

    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        widget=_DAY,
        help_text=gettext_lazy("Yesterday ends it at once."),
    )


def end(request: Request, pk: int) -> HttpResponse:
    """Ends a role on a day."""
    _require(request.actor)
    role = (
        Role.objects.filter(_managed(request.actor), pk=pk)
        .select_related("account", "institution", "alliance")
        .first()
    )
    if role is None:
        raise Unknown("role.unknown")
    form = EndForm(
        request.POST if request.method == "POST" else None,
        initial={"last_day": request.today - timedelta(days=1)},
    )
    if request.method == "POST" and form.is_valid():
        try:
            appointments.end_appointment(
                actor=request.actor,
                role=role,
                last_day=form.cleaned_data["last_day"],
                now=request.now,
            )
        except Refusal as refusal:
            told = sentence_of(refusal)
            form.add_error(None, _("%(sentence)s %(remedy)s")
                           % {"sentence": told.sentence, "remedy": told.remedy})  # fmt: skip
        else:
            messages.success(request, _("The role ends on that day."))
            return HttpResponseRedirect(reverse("operations:roles"))
    return page(
        request,
        "web/confirm.html",
        heading=_("End a role"),
        trail=[(_("Roles"), reverse("operations:roles"))],
        sentence=_("%(account)s, %(role)s, %(place)s")
        % {
            "account": role.account,
            "role": label(Role.Name, role.name),
            "place": role.institution or role.alliance,
        },
        form=form,
        deed=_("End the role"),
        back=reverse("operations:roles"),
        danger=True,
    )
