"""Which pictures of a product are missing: from product, styles and what is planned to jobs.

Every picture has a variant, a hash of photo, style definition and model; it is ordered once for
each. The same input gives the same jobs with the same ids, so that an order which is sent twice
is one order. Whether a picture was drawn in the end is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from schemas.events import Product, Style, StyleDefinition, StyleRequest, StylizeJob
from schemas.renders import Reason

MAX_STYLES = 64
"""Styles of one job, by its contract."""


class Plan(msgspec.Struct, frozen=True):
    """Jobs to send, styles whose pictures go, and what is planned then: style_id to variant."""

    jobs: list[StylizeJob]
    withdrawn: list[str]
    planned: dict[str, str]


def plan(
    product: Product | None,
    styles: Iterable[Style],
    planned: Mapping[str, str],
    *,
    model: str,
    reason: Reason,
    at: datetime,
) -> Plan:
    """Orders the variants of a product that `planned` does not have yet; None removes it.

    `styles` are all that the shop offers, each style_id once. Styles are ordered by id.
    """
    if product is None:
        return Plan([], sorted(planned), {})
    wanted = sorted(
        (style for style in styles if is_offered(style, product.category)),
        key=lambda style: style.style_id,
    )
    variants = {s.style_id: variant_of(product.image_uri, s.definition, model) for s in wanted}
    missing = [
        StyleRequest(style_id=style.style_id, definition=style.definition)
        for style in wanted
        if planned.get(style.style_id) != variants[style.style_id]
    ]
    jobs = [
        _job(product, missing[first : first + MAX_STYLES], model, reason, at)
        for first in range(0, len(missing), MAX_STYLES)
    ]
    return Plan(jobs, sorted(planned.keys() - variants.keys()), variants)


def is_offered(style: Style, category: str) -> bool:
    """Whether products of this category are shown in the style."""
    return not style.categories or category in style.categories


def generator_styles(labels: Mapping[str, str]) -> dict[str, Style]:
    """Each of the generator's own styles as a style of the same name, by id; from id to label."""
    return {
        style_id: Style(style_id=style_id, label=label, weights={style_id: 1.0})
        for style_id, label in labels.items()
    }


def variant_of(image_uri: str, definition: StyleDefinition, model: str) -> str:
    """Identity of one picture as it is ordered; 32 hexadecimal digits."""
    return _digest([image_uri, definition, model])[:32]


def _job(
    product: Product, styles: Sequence[StyleRequest], model: str, reason: Reason, at: datetime
) -> StylizeJob:
    return StylizeJob(
        job_id=_digest([product.product_id, product.image_uri, styles, model]),
        product_id=product.product_id,
        image_uri=product.image_uri,
        styles=list(styles),
        reason=reason,
        requested_at=at,
    )


def _digest(parts: Any) -> str:
    return sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
