"""The planner's pages: /plan for people, /plan.json for programs, and every worker's probes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import msgspec
from prometheus_client import generate_latest

from workers.planner.budget import Budget, reason_of
from workers.planner.liveness import Progress
from workers.planner.planning import Planning
from workers.telemetry import READY

SHOWN = 500
"""Products on the page for people; the other page has all."""

STYLE = """<!doctype html><meta charset="utf-8"><title>What is planned</title><style>
body { font: 15px system-ui, sans-serif; margin: 2rem; color: #222 }
table { border-collapse: collapse; margin-bottom: 2rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem }
tr { border-bottom: 1px solid #ddd }
</style>"""


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
        "budget": None if planning.budget is None else _budget(planning.budget),
        "recent_jobs": list(reversed(planning.jobs)),
        "demand": list(reversed(planning.demand.values())),
    }


def _budget(budget: Budget) -> dict[str, Any]:
    """Return how much waits, and the next pictures in order."""
    return {
        "renders_per_minute": budget.a_minute,
        "waiting": len(budget.queue),
        "next": [
            {
                "product_id": waiting.pair[0],
                "style_id": waiting.pair[1],
                "reason": reason_of(waiting),
                "clicks_a_day": round(-waiting.loss, 4),
            }
            for waiting in budget.best(SHOWN)
        ],
    }


def page(planning: Planning) -> str:
    """Return all that is planned as a page for people."""
    plan = summary(planning)
    count = len(plan["products"])
    parts = [
        STYLE,
        f"<h1>{count} products, {len(plan['styles'])} styles</h1>",
        f"<p>Generator {escape(planning.model)}</p>",
        f"<p>Shoppers' liking by {escape(planning.factors_version or 'factors to come')}</p>",
        *(_budget_parts(plan["budget"]) if plan["budget"] else ()),
        "<h2>Last jobs</h2>",
        _table(
            ["product", "styles", "reason", "at"],
            [
                [
                    job.product_id,
                    ", ".join(request.style_id for request in job.styles),
                    job.reason,
                    f"{job.requested_at:%Y-%m-%d %H:%M:%S}",
                ]
                for job in plan["recent_jobs"]
            ],
        ),
        f"<h2>Products{f' (the first {SHOWN})' if count > SHOWN else ''}</h2>",
        _table(
            ["product", "title", "category", "planned in"],
            [
                [p["product_id"], p["title"], p["category"], ", ".join(p["styles"])]
                for p in plan["products"][:SHOWN]
            ],
        ),
        "<h2>Wanted by shoppers</h2>",
        _table(
            ["product", "style", "shoppers"],
            [[d.product_id, d.style_id, str(d.wanted)] for d in plan["demand"][:SHOWN]],
        ),
    ]
    return "\n".join(parts)


def _budget_parts(budget: dict[str, Any]) -> list[str]:
    return [
        f"<h2>{budget['waiting']} pictures wait</h2>",
        f"<p>{budget['renders_per_minute']:g} a minute are ordered, in this order:</p>",
        _table(
            ["product", "style", "reason", "expected clicks a day"],
            [
                [w["product_id"], w["style_id"], w["reason"], f"{w['clicks_a_day']:.3f}"]
                for w in budget["next"]
            ],
        ),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>None yet.</p>"
    header = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{header}</tr>{body}</table>"
