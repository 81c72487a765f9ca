"""From a shopper's list to what a page shows: pure functions of the tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from schemas.events import ORIGINAL, Product
from workers.web.addresses import picture
from workers.web.lists import ShownItem, ShownList
from workers.web.pictures import version_of
from workers.web.tables import Tables
from workers.web.words import Words

WIDTHS_OFFERED = (160, 320, 480, 640)
WHOLE_CURRENCIES = {"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF"}
"""Without a minor unit (ISO 4217), as far as shops have them."""


@dataclass(frozen=True)
class Picture:
    """A picture's addresses: one to fall back on, and a browser's choice of widths."""

    address: str
    choice: str


@dataclass(frozen=True)
class Look:
    """A product in one style."""

    style_id: str
    label: str
    picture: Picture


@dataclass(frozen=True)
class Item:
    """A place of the shelf, with what feedback about it copies from the list."""

    product: Product
    look: Look
    why: str
    price: str
    position: int
    propensity: float
    recommendation_id: str
    policy: str


def items_of(found: ShownList | None, tables: Tables, words: Words) -> list[Item]:
    """The list's items whose product and picture are there, best first."""
    if found is None:
        return []
    return [
        Item(
            product=product,
            look=look,
            why=why(item, tables, words),
            price=price(product),
            position=position,
            propensity=item.propensity,
            recommendation_id=found.recommendation_id,
            policy=found.policy,
        )
        for position, item in enumerate(found.items)
        if (product := tables.products.get(item.product_id)) is not None
        and (look := look_of(tables, words, item.product_id, item.style_id)) is not None
    ]


def look_of(tables: Tables, words: Words, product_id: str, style_id: str) -> Look | None:
    """The product in a style, None where there is no such picture."""
    uri = picture_uri(tables, product_id, style_id)
    if uri is None:
        return None
    return Look(
        style_id=style_id,
        label=style_label(tables, words, style_id),
        picture=picture_of(tables, product_id, style_id, uri),
    )


def looks_of(tables: Tables, words: Words, product_id: str, order: list[str]) -> list[Look]:
    """The product in every style that there is: those of `order` first, the photo at the end."""
    rendered = tables.renders.get(product_id, {})
    rest = sorted(style for style in rendered if style not in order)
    styles = list(dict.fromkeys([*order, *rest, ORIGINAL]))
    looks = (look_of(tables, words, product_id, style) for style in styles)
    return [look for look in looks if look is not None]


def style_order(found: ShownList | None) -> list[str]:
    """The styles of a list, the likeliest for this shopper first."""
    chances: dict[str, float] = defaultdict(float)
    for item in found.items if found else ():
        chances[item.style_id] += item.propensity
    return sorted(chances, key=lambda style: (-chances[style], style))


def picture_uri(tables: Tables, product_id: str, style_id: str) -> str | None:
    """Where a product's picture in a style lies; None where there is none on sale."""
    product = tables.products.get(product_id)
    if product is None:
        return None
    if style_id == ORIGINAL:
        return product.image_uri
    render = tables.renders.get(product_id, {}).get(style_id)
    return render.image_uri if render else None


def picture_version(tables: Tables, product_id: str, style_id: str, uri: str) -> str:
    """Changes with the picture: a photo may be replaced under its address, and then it is rendered
    again.
    """
    renders = tables.renders.get(product_id, {}).values()
    if style_id != ORIGINAL or not renders:
        return version_of(uri)
    return version_of(uri + max(renders, key=lambda render: render.rendered_at).source_sha256)


def picture_of(tables: Tables, product_id: str, style_id: str, uri: str) -> Picture:
    """The addresses of a picture in the sizes that are offered."""
    version = picture_version(tables, product_id, style_id, uri)
    sizes = [f"{picture(product_id, style_id, version, w)} {w}w" for w in WIDTHS_OFFERED]
    return Picture(picture(product_id, style_id, version, 320), ", ".join(sizes))


def style_label(tables: Tables, words: Words, style_id: str) -> str:
    """What the style is called: in the language's words, by its merchandiser, or by its id."""
    own = tables.styles.get(style_id)
    return words.style(style_id) or (own.label if own else style_id)


def why(item: ShownItem, tables: Tables, words: Words) -> str:
    """The reason in the reader's language; English is the topic's own text."""
    if words.language == "en":
        return item.reason.text
    key = f"why.{item.reason.kind}"
    if key not in words:  # a kind that is newer than these words
        return item.reason.text
    past = [tables.products[it] for it in item.reason.because if it in tables.products]
    style = style_label(tables, words, item.style_id)
    return words(key, title=past[0].title if past else "", style=style)


def price(product: Product) -> str:
    """The price with its currency's code; '' where it has none."""
    if product.price_minor is None or product.currency is None:
        return ""
    if product.currency in WHOLE_CURRENCIES:
        return f"{product.currency} {product.price_minor:,}"
    return f"{product.currency} {product.price_minor / 100:,.2f}"
