"""What a merchandiser does with the shop, played through the topics: one function a scenario.

A new product, a campaign, a classic work as a style, a brand's colours, an advertisement, and more
wishes than the budget of renders allows. Each publishes events, waits for what comes of them on the
topics, and tells it with figures and pictures. Whether that is good is for tests and people to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from schemas.events import ORIGINAL, Campaign, PosterRequest, Product, Style, StyleDemand
from schemas.topics import DEMAND, POSTER_REQUESTS, PRODUCTS
from stylecore.storage.store import Store
from workers.demo.pictures import classic_work, logo
from workers.demo.stage import Scene, Stage

LEAD_SECONDS, WINDOW_SECONDS = 6.0, 10.0
"""From a campaign's event to its start, and from there to its end."""
BRAND = ["#0a3d62", "#f8efba", "#e55039"]
SIZES = ["1080x1080", "1080x1920", "1200x628"]
RENDERS_A_MINUTE = 30
WISHES = 2
WISHED_BY = 25
"""Distinct shoppers, as preferences would count them."""


def play(stage: Stage, newcomer: Product | None) -> Iterator[Scene]:
    """All scenes, one after the other."""
    if newcomer is not None:
        yield new_product(stage, newcomer)
    for scene in (campaign, classic_style, brand, poster, demand):
        yield scene(stage)


def new_product(stage: Stage, newcomer: Product) -> Scene:
    """It is drawn in the styles that its category likes first, and shown while it is new."""
    stage.publisher.send(PRODUCTS, newcomer, datetime.now(UTC))
    stage.publisher.flush()
    stage.wait_until(
        lambda: all(stage.is_drawn(newcomer, style) for style in stage.styles),
        "the new product's pictures do not come",
    )
    first, *_ = stage.jobs_of(newcomer)
    order = [request.style_id for request in first.styles]
    order += [style for style in stage.styles if style not in order]
    lists = list(stage.lists(looks=4))
    showing = [
        shown for shown in lists if newcomer.product_id in {i.product_id for i in shown.items}
    ]
    published = stage.gallery.published
    return Scene(
        name="new product",
        told=f"{newcomer.title} came into a running shop. It was ordered in "
        f"{', '.join(request.style_id for request in first.styles)} first, which shoppers of "
        f"{newcomer.category} like most, and stood in {len(showing)} of the next {len(lists)} "
        "lists: places are kept for what is new.",
        figures={"lists": len(lists), "lists_with_it": len(showing)},
        pictures=[
            (style, published[newcomer.product_id, style].image_uri)
            for style in order
            if (newcomer.product_id, style) in published
        ],
    )


def campaign(stage: Stage) -> Scene:
    """Its theme is drawn before it starts, preferred while it lasts, and gone afterwards."""
    starts = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    ends = starts + timedelta(seconds=WINDOW_SECONDS)
    first, second = stage.styles[:2]
    theme = Style(
        style_id="festival",
        label="Festival",
        weights={first: 0.5, second: 0.5},
        categories=[stage.category],
        campaign=Campaign(starts_at=starts, ends_at=ends, priority=50),
    )
    stage.publish_style(theme)
    pictures = stage.wait_for_style(theme.style_id)
    drawn_early = (starts - datetime.now(UTC)).total_seconds()
    before = stage.share_of(theme.style_id, looks=1, since=datetime.now(UTC))
    stage.sleep_until(starts)
    within = stage.share_of(theme.style_id, looks=5, since=starts)
    stage.sleep_until(ends)
    after = stage.share_of(theme.style_id, looks=2, since=ends)
    return Scene(
        name="campaign",
        told=f"A theme for {stage.category}, {WINDOW_SECONDS:.0f} seconds long. Its pictures were "
        f"there {drawn_early:.0f} seconds before it began. Of what was shown of {stage.category} "
        f"it had {100 * before:.0f} % before, {100 * within:.0f} % within, and "
        f"{100 * after:.0f} % afterwards.",
        figures={"before": before, "within": within, "after": after, "drawn_early_s": drawn_early},
        pictures=pictures,
    )


def classic_style(stage: Stage) -> Scene:
    """A picture's strokes and colours become a style."""
    address, _ = Store(stage.settings.store.uri).put_blob("uploads", classic_work(), ".png")
    style = Style(
        style_id="composition",
        label="Composition",
        reference_uri=address,
        categories=[stage.category],
    )
    stage.publish_style(style)
    pictures = stage.wait_for_style(style.style_id)
    return Scene(
        name="a classic work as a style",
        told="A composition in red, yellow and blue was given as a style by its picture alone.",
        figures={"pictures": len(pictures)},
        pictures=[("the work", address), *pictures],
    )


def brand(stage: Stage) -> Scene:
    """A brand's colours over a style; the product keeps its own."""
    style = Style(
        style_id="house-colours",
        label="House colours",
        weights={stage.styles[0]: 1.0},
        palette=BRAND,
        keep_product_colour=True,
        categories=[stage.category],
    )
    stage.publish_style(style)
    pictures = stage.wait_for_style(style.style_id)
    return Scene(
        name="brand",
        told=f"{', '.join(BRAND)} were laid over {stage.styles[0]}; products keep their colour.",
        figures={"pictures": len(pictures)},
        pictures=pictures,
    )


def poster(stage: Stage) -> Scene:
    """An advertisement in the usual sizes, with the brand's logo and its colours kept exact."""
    product = stage.products[0]
    drawn = [s for s in stage.styles if (product.product_id, s) in stage.gallery.published]
    shown = drawn[0] if drawn else ORIGINAL
    address, _ = Store(stage.settings.store.uri).put_blob("uploads", logo(BRAND), ".png")
    request = PosterRequest(
        poster_id="demo",
        product_id=product.product_id,
        style_id=shown,
        headline=f"{product.title}: new this week · 本周新品",
        price="$24.90",
        sizes=SIZES,
        logo_uri=address,
        palette=BRAND,
    )
    stage.publisher.send(POSTER_REQUESTS, request, datetime.now(UTC))
    stage.publisher.flush()
    made = stage.poster(request.poster_id)
    return Scene(
        name="ad poster",
        told=f"{product.title} in {shown}, as an advertisement in {len(made.images)} sizes.",
        figures={"pictures": len(made.images)},
        pictures=sorted(made.images.items()),
    )


def demand(stage: Stage) -> Scene:
    """With a budget of renders, what shoppers wait for is drawn first."""
    stage.workers.restart("planner", STYLECAST_PLANNER__RENDERS_PER_MINUTE=str(RENDERS_A_MINUTE))
    stage.workers.wait_ready("planner")
    style = Style(
        style_id="limited",
        label="Limited",
        weights={stage.styles[1]: 1.0},
        seed=7,
        categories=[stage.category],
    )
    wished = stage.products[-WISHES:]
    now = datetime.now(UTC)
    for product in wished:
        wanted = StyleDemand(
            product_id=product.product_id,
            style_id=style.style_id,
            wanted=WISHED_BY,
            window_start=now - timedelta(seconds=10),
            window_end=now,
        )
        stage.publisher.send(DEMAND, wanted, now)
    stage.publisher.flush()
    stage.wait_until(
        lambda: {(p.product_id, style.style_id) for p in wished} <= stage.demand(),
        "the planner does not hear what shoppers wait for",
    )
    stage.publish_style(style)
    stage.wait_until(
        lambda: all(stage.is_drawn(product, style.style_id) for product in wished),
        "the pictures that shoppers wait for do not come",
    )
    others = [product for product in stage.products if product not in wished]
    last = max(filter(None, (stage.ordered_at(product, style.style_id) for product in wished)))
    before = sum(
        at is not None and at < last
        for at in (stage.ordered_at(product, style.style_id) for product in others)
    )
    stage.withdraw_style(style.style_id)
    stage.workers.restart("planner", STYLECAST_PLANNER__RENDERS_PER_MINUTE="")
    return Scene(
        name="demand",
        told=f"{len(stage.products)} pictures of a new style were wanted and {RENDERS_A_MINUTE} a "
        f"minute allowed. The {len(wished)} for which shoppers waited were ordered when {before} "
        f"of the other {len(others)} had been.",
        figures={"waiting": len(stage.products), "others_before": before},
    )
