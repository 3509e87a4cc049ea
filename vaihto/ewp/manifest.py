"""The manifest of each hosted institution, made of what it serves, what is known of it and its published keys.

One manifest is one host, and one host covers one institution: keys, addresses and the manifest's own address belong
to that institution alone. Which APIs stand in it follows from the table in `apis`: those that have an answer for
every endpoint. Source: ewp-specs-api-discovery 6.0.0; ewp-specs-sec-intro 2.0.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from django.conf import settings

from vaihto.ewp import keys
from vaihto.ewp.apis import APIS
from vaihto.ewp.apis.discovery.messages import PATH, Covered, Entry, Manifest
from vaihto.ewp.models import Key
from vaihto.ewp.protocol.api import Api
from vaihto.ewp.protocol.types import EMAIL
from vaihto.institutions.models import Contact, Institution
from vaihto.refusals import Invalid
from vaihto.wording import mark as _

# What is not said means TLS client certificates, which nobody uses any more: so both are said in every entry.
CLIENT_AUTH = ("httpsig",)
SERVER_AUTH = ("httpsig", "tlscert")


class NoPublicAddress(Invalid):
    """Partners reach a node over https only."""

    sentence = _(
        "The public address of this installation is %(url)s; a manifest needs one with https."
    )
    remedy = _("Set VAIHTO_PUBLIC_URL to the address at which partners reach this installation.")


def endpoint_url(hei_id: str, path: str, *, public_url: str = "") -> str:
    """The address of an endpoint of one institution; `path` is what follows `/ewp/<hei_id>/`."""
    return f"{public_url or settings.PUBLIC_URL}/ewp/{quote(hei_id, safe='')}/{path}"


def manifest_url(hei_id: str) -> str:
    """Where the institution's manifest is, for good: the registry knows it by this address."""
    return endpoint_url(hei_id, PATH)


def document(*, institution: Institution, now: datetime, public_url: str = "") -> bytes:
    """The manifest of a hosted institution. Makes its keys if it has none. Raises `NoPublicAddress`."""
    keys.ensure(institution=institution, now=now)
    manifest = manifest_of(
        institution,
        public_url=public_url or settings.PUBLIC_URL,
        emails=admin_emails(institution),
        client_keys=_published(institution, Key.Purpose.CLIENT),
        server_keys=_published(institution, Key.Purpose.SERVER),
    )
    return manifest.write()


def manifest_of(
    institution: Institution,
    *,
    public_url: str,
    emails: Sequence[str],
    client_keys: Sequence[str],
    server_keys: Sequence[str],
    served: Iterable[Api] | None = None,
) -> Manifest:
    """The manifest of an institution that need not be stored. Raises `NoPublicAddress`.

    Keys are base64 of the DER. `served` are the APIs that stand in it, without a word those of the table.
    """
    if not public_url.startswith("https://"):
        raise NoPublicAddress("ewp.no-public-address", url=public_url)
    chosen = served_apis() if served is None else served
    return Manifest(
        emails=tuple(emails),
        provider=settings.EWP_PROVIDER
        or f"{institution.names.get('en') or institution.name} (Vaihto)",
        entries=tuple(entry_of(api, institution.hei_id, public_url=public_url) for api in chosen),
        covered=Covered(institution.hei_id, institution.published_names, institution.other_ids),
        client_keys=tuple(client_keys),
        server_keys=tuple(server_keys),
    )


def served_apis() -> tuple[Api, ...]:
    """The APIs that this installation answers; the others it only calls."""
    return tuple(
        api
        for api in APIS
        if api.endpoints and all(endpoint.answer is not None for endpoint in api.endpoints)
    )


def entry_of(api: Api, hei_id: str, *, public_url: str = "") -> Entry:
    """The entry of one API of one institution, its parts in the order of the schema."""
    said = {
        **{
            endpoint.name: endpoint_url(hei_id, endpoint.path, public_url=public_url)
            for endpoint in api.endpoints
        },
        **{name: str(number) for name, number in api.limits},
        **dict(api.flags),
    }
    anonymous = all(endpoint.anonymous for endpoint in api.endpoints)
    return Entry(
        namespace=api.namespace,
        element=api.element,
        version=api.version,
        parts=tuple((name, said[name]) for name in api.order if name in said),
        client_auth=(*CLIENT_AUTH, *(["anonymous"] if anonymous else []))
        if api.http_security
        else None,
        server_auth=SERVER_AUTH if api.http_security else None,
    )


def admin_emails(institution: Institution) -> tuple[str, ...]:
    """Addresses of roles: as set, else of the institution's technical contacts, else an address of this host."""
    if settings.EWP_ADMIN_EMAILS:
        return tuple(settings.EWP_ADMIN_EMAILS)
    contacts = Contact.objects.filter(
        institution=institution, unit=None, purpose=Contact.Purpose.TECHNICAL
    )
    found = [email for contact in contacts for email in contact.emails if EMAIL.fits(email)]
    return tuple(dict.fromkeys(found)) or usual_emails(institution.hei_id, settings.PUBLIC_URL)


def usual_emails(hei_id: str, public_url: str) -> tuple[str, ...]:
    """The address where nobody has named one: ewp@ and the public host, or the institution's domain."""
    at_host = f"ewp@{urlsplit(public_url).hostname}"
    return (at_host if EMAIL.fits(at_host) else f"ewp@{hei_id}",)


def _published(institution: Institution, purpose: Key.Purpose) -> list[str]:
    found = keys.published_keys(institution=institution, purpose=purpose)
    return [key.public for key in found]
