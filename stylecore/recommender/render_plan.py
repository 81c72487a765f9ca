"""Plan renders: which pictures of a product are missing, and how many clicks each would get.

`plan` turns a product, the styles and what is planned already into jobs. Every picture has a
variant, a hash of photo, style definition and model, and of the versions of photo and reference
picture where they are known; each variant is ordered once. The same input gives the same jobs with
the same ids, so that an order sent twice is one order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from schemas.events import Product, Style, StyleRequest, StylizeJob
from schemas.images import Reason
from stylecore.errors import Permanent
from stylecore.recommender.catalog import in_window, is_standing
from stylecore.recommender.engagement_prior import EngagementPrior

MAX_STYLES = 64
"""Styles of one job, by its contract."""


class OfferedStyle(Style, frozen=True, kw_only=True, omit_defaults=True):
    """A style, and the version of its reference picture's bytes; empty where that is not known."""

    reference_version: str = ""


class Plan(msgspec.Struct, frozen=True):
    """Jobs to send, styles whose pictures go, and what is planned then: style_id to variant."""

    jobs: list[StylizeJob]
    withdrawn: list[str]
    planned: dict[str, str]

    @property
    def missing(self) -> list[str]:
        """The styles that the jobs order."""
        return [request.style_id for job in self.jobs for request in job.styles]


class UnknownStyle(Permanent):
    """A style is a blend of generator styles that the generator does not have."""


def require_known(style: Style, generator_styles: Collection[str]) -> None:
    """Raises UnknownStyle where the style's weights name others than these."""
    unknown = sorted(set(style.weights or ()) - set(generator_styles))
    if unknown:
        raise UnknownStyle(
            f"weights: the generator has no style {', '.join(unknown)}; "
            f"it has {', '.join(sorted(generator_styles))}"
        )


def plan(
    product: Product | None,
    styles: Iterable[Style],
    planned: Mapping[str, str],
    *,
    model: str,
    reason: Reason,
    at: datetime,
    prior: EngagementPrior | None = None,
    photo: str = "",
) -> Plan:
    """Order the variants of a product that `planned` does not have yet; None removes it.

    `photo` is the version of the photo's bytes, empty where it is not known.
    `styles` are all that the shop offers, each style_id once. Styles are ordered by id; those that
    the product's category likes most come first, in a job of their own.
    """
    if product is None:
        return Plan([], sorted(planned), {})
    wanted = sorted(
        (style for style in styles if is_offered(style, product.category)),
        key=lambda style: style.style_id,
    )
    variants = {style.style_id: variant_of(product, style, model, photo) for style in wanted}
    missing = [style for style in wanted if planned.get(style.style_id) != variants[style.style_id]]
    jobs = [
        job
        for group in _favourites_first(missing, product.category, prior)
        for job in jobs_of(product, group, model, reason, at, photo)
    ]
    return Plan(jobs, sorted(planned.keys() - variants.keys()), variants)


def without_jobs(full: Plan, planned: Mapping[str, str]) -> Plan:
    """Return the plan with nothing ordered yet: what was planned before stays as it was.

    That picture is there until another takes its place.
    """
    kept = {style_id: planned[style_id] for style_id in full.planned if style_id in planned}
    return Plan([], full.withdrawn, kept)


def _favourites_first(
    missing: Sequence[Style], category: str, prior: EngagementPrior | None
) -> Sequence[Sequence[Style]]:
    if prior is None:
        return [missing]
    first = set(prior.favourites(category, (style.style_id for style in missing)))
    return [
        [style for style in missing if style.style_id in first],
        [style for style in missing if style.style_id not in first],
    ]


def on_offer(
    generator: Mapping[str, Style], catalogue: Iterable[Style], now: datetime, lead: timedelta
) -> dict[str, Style]:
    """Return the shop's styles at `now`, by id; one of the generator's gives way to its namesake.

    A style made for a campaign is on offer from `lead` before its start until its end.
    """
    shown = (style for style in catalogue if is_standing(style) or in_window(style, now, lead))
    return {**generator, **{style.style_id: style for style in shown}}


def is_offered(style: Style, category: str) -> bool:
    """Return whether products of this category are shown in the style."""
    return not style.categories or category in style.categories


def generator_styles(labels: Mapping[str, str]) -> dict[str, Style]:
    """Return the generator's own styles, each a style of the same name, by id; from id to label."""
    return {
        style_id: Style(style_id=style_id, label=label, weights={style_id: 1.0})
        for style_id, label in labels.items()
    }


def variant_of(product: Product, style: Style, model: str, photo: str = "") -> str:
    """Return the identity of an ordered picture, 32 hexadecimal digits."""
    return _digest([product.image_uri, style.definition, model, *_versions(photo, [style])])[:32]


def jobs_of(
    product: Product,
    styles: Sequence[Style],
    model: str,
    reason: Reason,
    at: datetime,
    photo: str = "",
) -> list[StylizeJob]:
    """Return the orders for a product in these styles, as many in a job as it may have."""
    return [
        _job(product, styles[first : first + MAX_STYLES], model, reason, at, photo)
        for first in range(0, len(styles), MAX_STYLES)
    ]


def _job(
    product: Product,
    styles: Sequence[Style],
    model: str,
    reason: Reason,
    at: datetime,
    photo: str,
) -> StylizeJob:
    requests = [StyleRequest(style_id=s.style_id, definition=s.definition) for s in styles]
    identity = [product.product_id, product.image_uri, requests, model, *_versions(photo, styles)]
    return StylizeJob(
        job_id=_digest(identity),
        product_id=product.product_id,
        image_uri=product.image_uri,
        styles=requests,
        reason=reason,
        requested_at=at,
    )


def _versions(photo: str, styles: Sequence[Style]) -> list[str]:
    """List the versions of the pictures' bytes; none where none is known, as in old orders."""
    references = [style.reference_version for style in styles if isinstance(style, OfferedStyle)]
    return [photo, *references] if photo or any(references) else []


def _digest(parts: Any) -> str:
    return sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
