"""The planner's pages: /plan for people, /plan.json for programs, and every worker's probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from prometheus_client import generate_latest

from workers.planner.budget import reason_of
from workers.planner.liveness import Progress
from workers.planner.planning import Planning
from workers.telemetry import READY

SHOWN = 500
"""Products on the page for people; the other page has all."""

_templates = Environment(
    loader=PackageLoader("workers.planner"), autoescape=True, undefined=StrictUndefined
)


def add_pages(app: Any, planning: Planning, ready: Callable[[], bool], progress: Progress) -> None:
    """Add the pages to the Faust application; it is ready when `ready` and the broker answers."""

    def works() -> bool:
        return ready() and progress.sees_broker

    READY.set_function(works)

    async def plan_page(web: Any, _request: Any) -> Any:
        return web.html(page(planning))

    async def plan_document(web: Any, _request: Any) -> Any:
        document = msgspec.json.encode(summary(planning))
        return web.bytes(document, content_type="application/json")

    async def metrics(web: Any, _request: Any) -> Any:
        return web.bytes(generate_latest(), content_type="text/plain")

    async def live(web: Any, _request: Any) -> Any:
        return web.text("yes") if progress.is_live else web.text("no", status=503)

    async def is_ready(web: Any, _request: Any) -> Any:
        return web.text("yes") if works() else web.text("no", status=503)

    pages = {
        "/plan": plan_page,
        "/plan.json": plan_document,
        "/metrics": metrics,
        "/live": live,
        "/ready": is_ready,
    }
    for path, view in pages.items():
        app.page(path)(view)


def summary(planning: Planning) -> dict[str, Any]:
    """Return all that is planned as plain values."""
    budget = None
    if planning.budget is not None:
        budget = {
            "renders_per_minute": planning.budget.a_minute,
            "waiting": len(planning.budget.queue),
            "next": [
                {
                    "product_id": waiting.pair[0],
                    "style_id": waiting.pair[1],
                    "reason": reason_of(waiting),
                    "clicks_a_day": round(-waiting.loss, 4),
                }
                for waiting in planning.budget.best(SHOWN)
            ],
        }
    return {
        "model": planning.model,
        "factors_version": planning.factors_version,
        "styles": sorted(planning.offered().values(), key=lambda style: style.style_id),
        "products": [
            {
                "product_id": known.product.product_id,
                "title": known.product.title,
                "category": known.product.category,
                "styles": sorted(known.planned),
            }
            for _, known in planning.shop.all_products()
        ],
        "budget": budget,
        "recent_jobs": list(reversed(planning.jobs)),
        "demand": list(reversed(planning.demand.values())),
    }


def page(planning: Planning) -> str:
    """Return all that is planned as a page for people."""
    return _templates.get_template("plan.html").render(plan=summary(planning), shown=SHOWN)
