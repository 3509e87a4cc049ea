"""Our own node, for operators: keys, manifests, what the registry knows, the catalogue, the queue, an examination."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from lxml import etree

from vaihto.ewp import examining, keys, manifest, outcomes, registry, standing
from vaihto.ewp.models import Key
from vaihto.ewp.standing import KeyStanding, Listing
from vaihto.institutions.models import Institution
from vaihto.jobs import beat
from vaihto.jobs.models import Notification, Work
from vaihto.refusals import Unknown
from vaihto.web import components
from vaihto.web.components import Cell, Column, Fact, Figure, Row, Tone
from vaihto.web.fields import ChoiceField
from vaihto.web.frame import Request, page
from vaihto.web.network import telling
from vaihto.web.network.pages import (
    ago,
    code_lines,
    document,
    links,
    moment,
    require_operator,
    tabs,
)
from vaihto.web.wording import shown
from vaihto.web.work import progress_of

_SHARED = "shared"
_STATES: dict[standing.State, tuple[Any, Tone]] = {
    standing.State.SIGNS: (gettext_lazy("signs"), "good"),
    standing.State.COMING: (gettext_lazy("will sign"), "info"),
    standing.State.FADING: (gettext_lazy("on its way out"), "warn"),
    standing.State.WITHDRAWN: (gettext_lazy("withdrawn"), "plain"),
}


def node(request: Request) -> HttpResponse:
    """How our own node stands."""
    require_operator(request.actor)
    running = examining.under_way()
    found = examining.last()
    return page(
        request,
        "network/node.html",
        heading=_("Own node"),
        lead=settings.PUBLIC_URL,
        tabs=tabs(request.actor, "node"),
        cards=components.cards(_figures(request), label=_("How the node stands")),
        catalogue=_catalogue(request),
        keys=_keys(request),
        listings=_listings(),
        can_examine=running is None,
        bar=components.progress(progress_of(running)) if running is not None else "",
        refresh=4 if running is not None else None,
        findings=telling.findings(found, request) if found is not None else "",
        when=_("Examined %(ago)s.") % {"ago": ago(found.at, request.now)} if found else "",
    )


def _figures(request: Request) -> list[Figure]:
    now = request.now
    alive, silent = beat.alive(now=now), beat.silent(now=now)
    due = Notification.objects.filter(state=Notification.State.WAITING)
    aside = Notification.objects.filter(state=Notification.State.SET_ASIDE).count()
    work = Work.objects.filter(state__in=[Work.State.WAITING, Work.State.RUNNING]).count()
    return [
        Figure(
            label=_("Workers at work"),
            value=len(alive),
            note=_("%(count)s went silent") % {"count": len(silent)} if silent else "",
            tone="good" if alive else "bad",
            href=reverse("operations:work"),
        ),
        Figure(label=_("Background work open"), value=work, href=reverse("operations:work")),
        Figure(
            label=_("Notifications waiting"),
            value=due.count(),
            href=reverse("network:notifications"),
        ),
        Figure(
            label=_("Set aside"),
            value=aside,
            tone="bad" if aside else "plain",
            href=f"{reverse('network:notifications')}?view=set-aside",
        ),
    ]


# The catalogue ---------------------------------------------------------------------------------


def catalogue_words(copy: registry.Overview) -> tuple[str, Tone]:
    """How good our copy is, in words."""
    return {
        registry.State.UNSET: (_("no catalogue is set"), "warn"),
        registry.State.NEVER: (_("never fetched"), "bad"),
        registry.State.FRESH: (_("fresh"), "good"),
        registry.State.STALE: (_("past its expiry, still used"), "warn"),
        registry.State.TOO_OLD: (_("too old, not used"), "bad"),
    }[copy.state]  # type: ignore[return-value]


def _catalogue(request: Request) -> dict[str, Any]:
    copy = registry.overview(now=request.now)
    failure = ""
    if copy.failure and copy.failure in outcomes.TABLE:
        ending = outcomes.TABLE[copy.failure]
        failure = " ".join(
            outcomes.filled(_(text), copy.failure_facts)
            for text in (ending.sentence, ending.remedy)
            if text
        )
    word, tone = catalogue_words(copy)
    return {
        "is_set": copy.state is not registry.State.UNSET,
        "state": components.badge(word, tone),
        "failure": components.notice(failure, tone="warn", title=_("The last try failed"))
        if failure
        else "",
        "facts": components.facts(
            [
                Fact(_("Address"), copy.url),
                Fact(_("Confirmed"), ago(copy.confirmed_at, request.now) or _("never")),
                Fact(_("Asked"), ago(copy.asked_at, request.now) or _("never")),
                Fact(_("Last change"), ago(copy.changed_at, request.now)),
                Fact(_("Expires"), ago(copy.expires_at, request.now)),
                Fact(_("Hosts"), components.number(copy.hosts)),
                Fact(_("Institutions"), components.number(copy.institutions)),
                Fact(_("Size"), _("%(number)s bytes") % {"number": components.number(copy.size)}),
            ]
        ),
    }


@require_POST
def refresh_catalogue(request: Request) -> HttpResponse:
    """Asks the registry now."""
    require_operator(request.actor)
    done = registry.refresh(now=request.now, at_once=True, limits=registry.HURRIED)
    registry.forget()
    if done.outcome == "changed":
        messages.success(request, _("A new edition of the catalogue is here."))
    elif done.outcome == "unchanged":
        messages.success(request, _("The registry has no newer edition."))
    elif done.outcome == "unset":
        messages.warning(request, _("No catalogue is set. Set VAIHTO_CATALOGUE_URL."))
    else:
        ending = outcomes.Outcome(done.failure, done.facts)
        messages.error(
            request,
            f"{_('The registry could not be asked.')} {outcomes.filled(_(ending.sentence), ending.facts)}",
        )
    return HttpResponseRedirect(reverse("network:node"))


# Keys ------------------------------------------------------------------------------------------


def purpose_word(purpose: str) -> str:
    """What a key signs."""
    return {
        str(Key.Purpose.CLIENT): _("requests"),
        str(Key.Purpose.SERVER): _("answers"),
    }.get(purpose, purpose)


def _owner(key: Key) -> str:
    return key.institution.name if key.institution is not None else _("all institutions here")


def _keys(request: Request) -> SafeString:
    found = standing.keys_of_node(now=request.now)
    return components.table(
        _("Keys"),
        [
            Column(label=_("Of")),
            Column(label=_("Signs")),
            Column(label=_("Fingerprint (SHA-256)")),
            Column(label=_("State")),
            Column(label=_("In the catalogue")),
            Column(label=_("What comes next")),
            Column(label=_("Change")),
        ],
        [_key(one, request) for one in found],
        hide_caption=True,
        empty_text=_(
            "There is no key yet. One is made when the manifest of an institution is first asked for."
        ),
    )


def _key(one: KeyStanding, request: Request) -> Row:
    key = one.key
    word, tone = _STATES[one.state]
    listed = {True: _("yes"), False: _("no"), None: "–"}[one.is_listed]
    is_late = one.is_late(request.now)
    return Row(
        [
            _owner(key),
            purpose_word(key.purpose),
            Cell(code_lines([key.fingerprint[:32], key.fingerprint[32:]]), nowrap=True),
            Cell(str(word), tone=tone),
            Cell(listed, tone="bad" if is_late else None) if one.is_needed else "–",
            Cell(_next_step(one, request.now)),
            Cell(_changes(one)),
        ],
        tone="bad" if is_late else None,
    )


def _next_step(one: KeyStanding, now: datetime) -> str:
    """What happens to the key by itself, or what somebody has to do."""
    if one.state is standing.State.WITHDRAWN:
        at = one.key.withdrawn_at
        return _("withdrawn %(ago)s") % {"ago": ago(at, now)} if at else ""
    if one.is_late(now):
        return _(
            "The registry has not read it: see on its status page for the manifest why, or ask it to read again."
        )
    if one.state is standing.State.COMING:
        return _("signs from %(moment)s") % {"moment": moment(one.key.signs_from)}
    if one.fades_at is not None:
        return _("withdrawn by itself at %(moment)s") % {"moment": moment(one.fades_at)}
    return _("nothing; in use since %(day)s") % {
        "day": shown(timezone.localdate(one.key.signs_from))
    }


def _changes(one: KeyStanding) -> SafeString:
    if one.state is standing.State.WITHDRAWN:
        return SafeString("")
    key = one.key
    place = str(key.institution_id) if key.institution_id is not None else _SHARED
    found = []
    if one.state is standing.State.SIGNS and one.fades_at is None:
        query = f"?purpose={key.purpose}"
        found.append((_("Roll over"), reverse("network:roll-key", args=[place]) + query))
    found.append((_("Withdraw"), reverse("network:withdraw-key", args=[key.pk])))
    return links(found)


def _place_of(place: str) -> Institution | None:
    """The hosted institution of that number, None for the shared key."""
    if place == _SHARED:
        return None
    found = Institution.objects.hosted().filter(pk=int(place) if place.isdecimal() else 0).first()
    if found is None:
        raise Unknown("institution.unknown")
    return found


class NewKey(forms.Form):
    """Whose key is made, and for what."""

    place = ChoiceField(label=gettext_lazy("Of"))
    purpose = ChoiceField(label=gettext_lazy("Signs"))

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        hosted = Institution.objects.hosted().order_by("name").values_list("pk", "name")
        self.fields["place"].choices = [  # type: ignore[attr-defined]
            *((str(pk), name) for pk, name in hosted),
            (_SHARED, _("all institutions here")),
        ]
        self.fields["purpose"].choices = [  # type: ignore[attr-defined]
            (value, purpose_word(value)) for value in Key.Purpose.values
        ]

    def clean(self) -> dict[str, Any]:
        """A key that signs requests belongs to one institution."""
        found = super().clean() or {}
        if found.get("place") == _SHARED and found.get("purpose") == Key.Purpose.CLIENT:
            self.add_error(
                "place", _("A key that signs requests belongs to exactly one institution.")
            )
        return found


def create_key(request: Request) -> HttpResponse:
    """The first key of an institution, or of the installation."""
    require_operator(request.actor)
    back = reverse("network:node")
    form = NewKey(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = keys.create(
            actor=request.actor,
            institution=_place_of(form.cleaned_data["place"]),
            purpose=Key.Purpose(form.cleaned_data["purpose"]),
            now=request.now,
        )
        messages.success(request, _("The key %(key)s… is made.") % {"key": made.fingerprint[:16]})
        return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=_("Create a key"),
        trail=[(_("Own node"), back)],
        sentence=_("The first key of an institution signs at once."),
        consequences=[
            _(
                "Partners know it when the registry has read the manifest, three hours later at most."
            ),
            _("A key that is there already is changed by rolling over."),
        ],
        form=form,
        deed=_("Create the key"),
        back=back,
    )


def roll_key(request: Request, place: str) -> HttpResponse:
    """A new key beside the old one."""
    require_operator(request.actor)
    institution = _place_of(place)
    purpose = request.GET.get("purpose", "")
    if purpose not in Key.Purpose.values:
        raise Unknown("ewp.no-key")
    back = reverse("network:node")
    if request.method == "POST":
        made = keys.roll(
            actor=request.actor,
            institution=institution,
            purpose=Key.Purpose(purpose),
            now=request.now,
        )
        messages.success(
            request,
            _("The new key %(key)s… is published and signs from %(moment)s.")
            % {"key": made.fingerprint[:16], "moment": moment(made.signs_from)},
        )
        return HttpResponseRedirect(back)
    owner = institution.name if institution is not None else _("all institutions here")
    return page(
        request,
        "web/confirm.html",
        heading=_("Roll the key over"),
        trail=[(_("Own node"), back)],
        sentence=_("The key of %(owner)s that signs %(what)s gets a successor.")
        % {"owner": owner, "what": purpose_word(purpose)},
        consequences=[
            _("The new key is published at once beside the old one."),
            _("It signs from three hours later on, when everybody has read the catalogue."),
            _("The old one is withdrawn by itself a day after that. Nothing stops meanwhile."),
        ],
        deed=_("Roll over"),
        back=back,
    )


class Withdrawal(forms.Form):
    """Why a key is withdrawn."""

    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=500, help_text=gettext_lazy("Kept in the journal.")
    )


def withdraw_key(request: Request, pk: int) -> HttpResponse:
    """Takes a key out of use at once."""
    require_operator(request.actor)
    key = Key.objects.published().select_related("institution").filter(pk=pk).first()
    if key is None:
        raise Unknown("ewp.no-key")
    back = reverse("network:node")
    form = Withdrawal(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        keys.withdraw(
            actor=request.actor, key=key, now=request.now, reason=form.cleaned_data["reason"]
        )
        messages.success(request, _("The key is withdrawn. Another signs from now on."))
        return HttpResponseRedirect(back)
    return page(
        request,
        "web/confirm.html",
        heading=_("Withdraw the key"),
        trail=[(_("Own node"), back)],
        sentence=_("Only a key that others may have is withdrawn at once; else roll it over."),
        consequences=[
            _("The private half is thrown away."),
            _("Another key signs at once; if it is new, partners refuse it until they know it."),
        ],
        details=components.facts(
            [
                Fact(_("Of"), _owner(key)),
                Fact(_("Signs"), purpose_word(key.purpose)),
                Fact(_("Fingerprint (SHA-256)"), key.fingerprint),
            ],
            wide=True,
        ),
        form=form,
        deed=_("Withdraw the key"),
        danger=True,
        back=back,
    )


# Manifests -------------------------------------------------------------------------------------


def _listings() -> SafeString:
    return components.table(
        _("Institutions hosted here"),
        [
            Column(label=_("Institution")),
            Column(label=_("In the catalogue")),
            Column(label=_("Interfaces announced"), numeric=True),
            Column(label=_("What the catalogue lacks")),
            Column(label=_("Manifest")),
        ],
        [_listing(one) for one in standing.listings()],
        hide_caption=True,
        empty_text=_("No institution is hosted here."),
    )


def _listing(one: Listing) -> Row:
    lacking = [*one.missing, *(_("%(api)s at another address") % {"api": e} for e in one.elsewhere)]
    return Row(
        [
            Cell(one.institution.name, note=one.institution.hei_id),
            Cell(_("yes"), tone="good") if one.is_listed else Cell(_("no"), tone="bad"),
            str(one.announced),
            Cell(", ".join(lacking) if one.is_listed else _("everything")) if lacking else "–",
            Cell(
                _("Show the manifest"),
                href=reverse("network:manifest", args=[one.institution.pk]),
                note=one.manifest_url,
            ),
        ],
    )


def show_manifest(request: Request, pk: int) -> HttpResponse:
    """The manifest of a hosted institution, as the registry reads it."""
    require_operator(request.actor)
    one = Institution.objects.hosted().filter(pk=pk).first()
    if one is None:
        raise Unknown("institution.unknown")
    problem, text = "", ""
    try:
        text = manifest.document(institution=one, now=request.now).decode()
    except manifest.NoPublicAddress as refused:
        problem = " ".join(
            part % refused.facts for part in (_(refused.sentence), _(refused.remedy)) if part
        )
    return page(
        request,
        "network/manifest.html",
        heading=_("Manifest of %(name)s") % {"name": one.name},
        lead=manifest.manifest_url(one.hei_id),
        trail=[(_("Own node"), reverse("network:node"))],
        url=manifest.manifest_url(one.hei_id),
        problem=components.notice(problem, tone="warn") if problem else "",
        text=document(_indented(text), label=_("The manifest")) if text else "",
    )


def _indented(text: str) -> str:
    root = etree.fromstring(text.encode())  # our own document
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


@require_POST
def examine(request: Request) -> HttpResponse:
    """Starts an examination of our own node."""
    require_operator(request.actor)
    work = examining.ask(actor=request.actor)
    return HttpResponseRedirect(reverse("web:work", args=[work.pk]))
