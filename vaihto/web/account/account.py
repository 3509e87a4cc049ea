"""One's own account: language, password, what one may do."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from vaihto.people import accounts
from vaihto.people.models import Role
from vaihto.refusals import Invalid
from vaihto.web import components, reminding
from vaihto.web.account.signing_in import safe_next
from vaihto.web.frame import Request, page
from vaihto.web.models import Reminder
from vaihto.web.wording import label, options


@login_not_required
@require_POST
def choose_language(request: Request) -> HttpResponse:
    """Keeps the language in a cookie and, for those signed in, with the account."""
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        raise Invalid("account.language", field="language")
    if not request.actor.is_stranger:
        accounts.choose_language(
            actor=request.actor, account=request.user, language=language, now=timezone.now()
        )
    response = HttpResponseRedirect(safe_next(request))
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 60 * 60,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return response


class RemindersForm(forms.Form):
    """How often a letter tells what waits."""

    rhythm = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["rhythm"]
        field.label = _("A letter tells me what waits")
        field.choices = options(Reminder.Rhythm)  # type: ignore[attr-defined]


def account(request: Request) -> HttpResponse:
    """What the account is and what it may do."""
    roles = request.user.roles.select_related("institution", "unit", "alliance", "stand_in_for")
    return page(
        request,
        "web/account.html",
        heading=_("My account"),
        reminders=RemindersForm(initial={"rhythm": reminding.rhythm_of(request.user)}),
        sends_mail=settings.SENDS_MAIL,
        facts=components.facts(
            [
                (_("User name"), request.user.username),
                (_("Name"), request.user.name),
                (_("E-mail"), request.user.email),
                (_("Language"), dict(settings.LANGUAGES).get(request.user.language, "")),
                (_("Account made"), request.user.created_at),
            ]
        ),
        roles=components.table(
            _("My roles"),
            [
                components.Column(label=_("Role")),
                components.Column(label=_("Where")),
                components.Column(label=_("From")),
                components.Column(label=_("Until")),
                components.Column(label=_("Stands in for")),
            ],
            [
                components.Row(
                    [
                        label(Role.Name, role.name),
                        str(role.unit or role.institution or role.alliance),
                        role.since,
                        role.until,
                        role.stand_in_for and str(role.stand_in_for),
                    ]
                )
                for role in roles
            ],
            empty_text=_("This account has no role."),
        ),
    )


@require_POST
def choose_reminders(request: Request) -> HttpResponse:
    """How often a letter tells what waits."""
    form = RemindersForm(request.POST)
    if not form.is_valid():
        raise Invalid("account.reminders", field="rhythm")
    reminding.choose(
        actor=request.actor,
        account=request.user,
        rhythm=form.cleaned_data["rhythm"],
        now=timezone.now(),
    )
    messages.success(request, _("Your choice is kept."))
    return HttpResponseRedirect(resolve_url("web:account"))


@sensitive_post_parameters()
def password(request: Request) -> HttpResponse:
    """Changes the password of a local account; other sessions of it end."""
    form = PasswordChangeForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        accounts.choose_password(
            actor=request.actor,
            account=request.user,
            password=form.cleaned_data["new_password1"],
            now=timezone.now(),
        )
        update_session_auth_hash(request, request.user)
        with override(request.user.language or settings.LANGUAGE_CODE):
            messages.success(request, _("The password was changed."))
        return HttpResponseRedirect(resolve_url("web:account"))
    return page(request, "web/password.html", heading=_("Change the password"), form=form)
