"""What machines ask: is it alive, is it ready, and the figures for Prometheus."""

from __future__ import annotations

import ipaddress
import os
import secrets
from datetime import datetime

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from vaihto.ewp import registry
from vaihto.jobs import beat, queue
from vaihto.jobs.models import Notification, Work


@login_not_required
@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Alive: this process answers. Asks nothing of the database."""
    return JsonResponse({"alive": True})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Ready: the database answers, and the broker if there is one; a worker was heard of within a minute. Else 503."""
    parts = {"database": _database(), "worker": False}
    if queue.has_broker():
        parts["queue"] = queue.answers()
    if parts["database"]:
        parts["worker"] = bool(beat.alive(now=timezone.now()))
    # How old the registry's catalogue is does not decide: pages are served without it, and its last good copy holds.
    catalogue = _catalogue() if parts["database"] else None
    answer = {"ready": all(parts.values()), **parts, "catalogue": catalogue}
    return JsonResponse(answer, status=200 if answer["ready"] else 503)


def _catalogue() -> dict[str, object] | None:
    """State and age of the registry's catalogue; None where no address of one is set."""
    found = registry.overview(now=timezone.now())
    if found.state is registry.State.UNSET:
        return None
    age = None if found.age is None else round(found.age.total_seconds())
    return {"state": found.state, "age_seconds": age, "failure": found.failure}


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, to those who carry the token or ask from this machine; else not there."""
    if not _may_measure(request):
        raise Http404
    collectors = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(collectors)
        counted = generate_latest(collectors)
    else:
        counted = generate_latest(REGISTRY)
    standing = CollectorRegistry()
    standing.register(_Standing())
    return HttpResponse(counted + generate_latest(standing), content_type=CONTENT_TYPE_LATEST)


def _may_measure(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Standing:
    """Figures that are read from the database at the moment of asking."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Work by state, the oldest that waits, and workers alive and silent."""
        now = timezone.now()
        work = GaugeMetricFamily(
            "vaihto_work", "Background work waiting, running or failed.", labels=["state"]
        )
        open_states = (Work.State.WAITING, Work.State.RUNNING, Work.State.FAILED)
        for state in open_states:
            work.add_metric([state.value], Work.objects.filter(state=state).count())
        oldest = (
            Work.objects.filter(state=Work.State.WAITING)
            .order_by("created_at")
            .values_list("created_at", flat=True)
            .first()
        )
        waiting = GaugeMetricFamily(
            "vaihto_work_oldest_waiting_seconds", "How long the oldest waiting work has waited."
        )
        waiting.add_metric([], (now - oldest).total_seconds() if oldest else 0)
        workers = GaugeMetricFamily(
            "vaihto_workers", "Workers heard of within a minute, or silent.", labels=["state"]
        )
        workers.add_metric(["alive"], len(beat.alive(now=now)))
        workers.add_metric(["silent"], len(beat.silent(now=now)))
        return [work, waiting, workers, *self._notifications(now), *self._catalogue()]

    def _notifications(self, now: datetime) -> list[GaugeMetricFamily]:
        """Word to and from partners that waits or was set aside, and for how long the oldest has been due."""
        standing = GaugeMetricFamily(
            "vaihto_notifications",
            "Notifications that wait or were set aside, by direction.",
            labels=["direction", "state"],
        )
        found = Notification.objects.open().order_by().values_list("direction", "state")
        for direction, state, count in found.annotate(count=Count("pk")):
            standing.add_metric([direction, state], count)
        oldest = (
            Notification.objects.filter(state=Notification.State.WAITING, due_at__lte=now)
            .order_by("due_at")
            .values_list("due_at", flat=True)
            .first()
        )
        overdue = GaugeMetricFamily(
            "vaihto_notifications_oldest_due_seconds",
            "How long the oldest notification that is due has been due.",
        )
        overdue.add_metric([], (now - oldest).total_seconds() if oldest else 0)
        return [standing, overdue]

    def _catalogue(self) -> list[GaugeMetricFamily]:
        """The age of the registry's catalogue, where there is one."""
        age = registry.overview(now=timezone.now()).age
        if age is None:
            return []
        gauge = GaugeMetricFamily(
            "vaihto_catalogue_age_seconds",
            "Since the registry last confirmed our copy of its catalogue.",
        )
        gauge.add_metric([], age.total_seconds())
        return [gauge]
