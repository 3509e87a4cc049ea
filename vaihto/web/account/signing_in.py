"""Signing in and out with accounts of this installation."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from vaihto.people.models import Account, Role
from vaihto.refusals import Unknown
from vaihto.web.frame import Request, page
from vaihto.web.wording import label

DEMO_PREFIX = "demo-"
# What the demo gives every one of its persons; it is printed by `vaihto demo` and worth nothing elsewhere.
DEMO_PASSWORD = "vaihto-demo"  # noqa: S105


class SignInForm(AuthenticationForm):
    """User name and password; which of the two was wrong is not told."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["username"].label = _("User name")
        self.fields["password"].label = _("Password")
        self.error_messages["invalid_login"] = _(
            "No account fits this user name and password. Capital and small letters differ."
        )


def safe_next(request: Request, otherwise: str = settings.LOGIN_REDIRECT_URL) -> str:
    """The page of ours that `next` names, else the usual one; never another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return resolve_url(otherwise)


def demo_persons() -> list[tuple[Account, str]]:
    """The persons of the demo with the roles they have, in words."""
    today = timezone.localdate()
    accounts = Account.objects.filter(
        username__startswith=DEMO_PREFIX, is_active=True
    ).prefetch_related("roles__institution", "roles__alliance", "roles__unit")
    listed = sorted(
        accounts[:40], key=lambda account: (_rank(account), len(account.username), account.username)
    )
    return [(account, _roles(account, today)) for account in listed]


def _rank(account: Account) -> int:
    """Those who do the daily work stand first."""
    order = [Role.Name.REGISTRAR, Role.Name.COORDINATOR, Role.Name.SECRETARIAT]
    held = {role.name for role in account.roles.all()}
    return next((place for place, name in enumerate(order) if name in held), len(order))


def _roles(account: Account, today: object) -> str:
    words = [
        _("%(role)s, %(place)s")
        % {
            "role": label(type(role).Name, role.name),
            "place": role.unit or role.institution or role.alliance,
        }
        for role in account.roles.all()
    ]
    if account.is_operator:
        words.append(_("Operator"))
    if not words and account.person_id:
        words.append(_("Student or staff member"))
    return "; ".join(words)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
def sign_in(request: Request) -> HttpResponse:
    """The sign-in page; on a demo installation it lists the persons one can be."""
    if not request.actor.is_stranger:
        return HttpResponseRedirect(safe_next(request))
    local = settings.LOCAL_ACCOUNTS or settings.DEMO
    persons = demo_persons() if settings.DEMO else []
    form = SignInForm(request, data=request.POST if request.method == "POST" else None)
    if persons:
        form.fields["username"].widget.attrs.pop("autofocus", None)
    if request.method == "POST" and local and form.is_valid():
        login(request, form.get_user())
        return HttpResponseRedirect(safe_next(request))
    return page(
        request,
        "web/sign_in.html",
        form=form,
        local=local,
        next=request.POST.get("next") or request.GET.get("next", ""),
        persons=persons,
    )


@login_not_required
@require_POST
def sign_in_as_demo(request: Request) -> HttpResponse:
    """One click to be a person of the demo. Anywhere else this page does not exist."""
    if not settings.DEMO:
        raise Unknown("account.no-demo")
    username = request.POST.get("username", "")
    account = (
        authenticate(request, username=username, password=DEMO_PASSWORD)
        if username.startswith(DEMO_PREFIX)
        else None
    )
    if account is None:
        raise Unknown("account.no-such-demo-person")
    login(request, account)
    return HttpResponseRedirect(safe_next(request))


@login_not_required
@require_POST
def sign_out(request: Request) -> HttpResponse:
    """Ends the session."""
    logout(request)
    return HttpResponseRedirect(resolve_url(settings.LOGOUT_REDIRECT_URL))
