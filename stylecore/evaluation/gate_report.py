"""The calibration of the gate as a Markdown report, and sheets of the renders around each bound.

A sheet has four rows of up to eight renders with their photo and their value: good renders that
fail, those nearest to the bound first; good ones that just pass; broken ones that pass; broken ones
that just fail. Only breakages that the figure has to detect are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from stylecore.evaluation.gate import (
    ANSWERABLE,
    BREAKAGES,
    KEPT,
    KINDS,
    KINDS_OF,
    Drawn,
    Specimen,
    Table,
    good_kind,
    picture_of,
)
from stylecore.evaluation.table import markdown_table
from stylecore.imaging.photo import to_pixels
from stylecore.rendering.manifest import FIGURES, SMALLER_IS_BETTER, Bounds, judge, misses

RULE = (
    f"Taken is the bound with the best balanced accuracy among those that pass at least {KEPT:.0%} "
    "of the good renders: the mean of the good that pass and of the broken that fail, over the "
    "breakages that the figure answers for (marked *); of equal ones the middle."
)


def report(
    heading: str,
    found: Sequence[Specimen],
    tables: Mapping[str, Sequence[Table]],
    bounds: Mapping[str, Bounds],
) -> str:
    """Write the report; sheets are linked as sheets/<style>-<figure>.png."""
    parts = [f"# The gate's bounds\n\n{heading}\n\n{RULE}\n", _bounds_table(bounds)]
    parts += [_whole_gate(found, bounds), _missed(found, bounds)]
    for style, mine in tables.items():
        parts += [f"## {style}\n", *map(_section, mine)]
    return "\n".join(parts)


def _bounds_table(bounds: Mapping[str, Bounds]) -> str:
    names = [f"{name} {'at most' if name in SMALLER_IS_BETTER else 'at least'}" for name in FIGURES]
    rows = [
        [style, *(_number(getattr(own, name)) for name in FIGURES)] for style, own in bounds.items()
    ]
    return "## Bounds\n\n" + markdown_table(["style", *names], rows) + "\n"


def _whole_gate(found: Sequence[Specimen], bounds: Mapping[str, Bounds]) -> str:
    shares = rejected_share(found, bounds)
    rows = [
        [kind, *(f"{share:.2f}" for share in by_style.values())]
        for kind, by_style in shares.items()
    ]
    title = "## Share that the whole gate rejects, by any figure\n\n"
    return title + markdown_table(["", *bounds], rows) + "\n"


def rejected_share(
    found: Iterable[Specimen], bounds: Mapping[str, Bounds]
) -> dict[str, dict[str, float]]:
    """Compute the share of renders that any figure rejects, by kind and style."""
    seen: Counter[tuple[str, str]] = Counter()
    rejected: Counter[tuple[str, str]] = Counter()
    for specimen in found:
        key = specimen.kind, specimen.style
        seen[key] += 1
        rejected[key] += bool(judge(specimen.quality, bounds[specimen.style]))
    kinds = [kind for kind in KINDS if any(seen[kind, style] for style in bounds)]
    return {
        kind: {style: rejected[kind, style] / seen[kind, style] for style in bounds}
        for kind in kinds
    }


def _missed(found: Sequence[Specimen], bounds: Mapping[str, Bounds]) -> str:
    """Tabulate the rejected good renders with the reasons."""
    rows = [
        [specimen.style, specimen.stem, reason.figure, _number(reason.value), _number(reason.bound)]
        for specimen in found
        if specimen.kind in KINDS_OF
        for reason in judge(specimen.quality, bounds[specimen.style])
    ]
    names = ["style", "photo", "figure", "value", "bound"]
    return "## Good renders that are rejected\n\n" + markdown_table(names, rows) + "\n"


def _section(table: Table) -> str:
    mine = [kind for kind in BREAKAGES if kind in table.chosen.failed]
    heads = [f"{kind}*" if kind in ANSWERABLE[table.figure] else kind for kind in mine]
    rows = [
        [
            f"**{candidate.bound:g}**" if candidate is table.chosen else f"{candidate.bound:g}",
            f"{candidate.passed:.3f}",
            *(f"{candidate.failed[kind]:.2f}" for kind in mine),
            f"{candidate.accuracy:.3f}",
        ]
        for candidate in table.candidates
    ]
    names = ["bound", "good pass", *(f"{head} fail" for head in heads), "balanced"]
    picture = f"sheets/{table.style}-{table.figure}.png"
    title = f"### {table.style}: {table.figure}, {table.good} good renders\n\n"
    return title + markdown_table(names, rows) + f"\n\n![around the bound]({picture})\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


ROW, CELL, PHOTO, CAPTION, TITLE = 8, 160, 56, 16, 22

GROUND = "#efefef"


def bound_sheet(table: Table, found: Sequence[Specimen], drawn: Drawn) -> Image.Image:
    """Draw the four rows of a style's figure."""
    rows = around_bound(table, found)
    height = TITLE + len(rows) * (TITLE + CELL + CAPTION)
    sheet = Image.new("RGB", (ROW * CELL, height), GROUND)
    draw, small = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    title = f"{table.style}: {table.figure}, bound {table.chosen.bound:g}"
    draw.text((4, 3), title, "black", ImageFont.load_default(15))
    for number, (name, specimens) in enumerate(rows):
        top = TITLE + number * (TITLE + CELL + CAPTION)
        draw.text((4, top + 3), name, "black", ImageFont.load_default(13))
        for place, specimen in enumerate(specimens):
            corner = (place * CELL, top + TITLE)
            sheet.paste(_cell(specimen, drawn), corner)
            caption = f"{getattr(specimen.quality, table.figure):.3f} {specimen.kind}"
            draw.text((corner[0] + 4, corner[1] + CELL), caption, "black", small)
    return sheet


def around_bound(table: Table, found: Sequence[Specimen]) -> list[tuple[str, list[Specimen]]]:
    """Select the specimens of each row, with its title."""
    figure, bound = table.figure, table.chosen.bound

    def value(specimen: Specimen) -> float:
        return float(getattr(specimen.quality, figure))

    mine = [
        specimen
        for specimen in found
        if specimen.style == table.style and getattr(specimen.quality, figure) is not None
    ]
    good = [specimen for specimen in mine if specimen.kind == good_kind(figure)]
    broken = [specimen for specimen in mine if specimen.kind in ANSWERABLE[figure]]
    rows = []
    for name, some in (("good", good), ("broken", broken)):
        for wrong in (True, False) if name == "good" else (False, True):
            side = [s for s in some if misses(figure, value(s), bound) is wrong]
            nearest = sorted(side, key=lambda s: abs(value(s) - bound))[:ROW]
            rows.append((f"{name}, {'rejected' if wrong else 'passed'}: {len(side)}", nearest))
    return rows


def _cell(specimen: Specimen, drawn: Drawn) -> Image.Image:
    """Draw the render with its photo, reduced, in the lower right corner."""
    render = picture_of(specimen.kind, drawn, specimen.stem, specimen.style)
    photo = to_pixels(drawn.source(specimen.stem).pixels)
    cell = Image.new("RGB", (CELL, CELL), GROUND)
    cell.paste(ImageOps.contain(Image.fromarray(render), (CELL - 4, CELL - 4)), (2, 2))
    small = ImageOps.expand(ImageOps.contain(Image.fromarray(photo), (PHOTO, PHOTO)), 1, "black")
    cell.paste(small, (CELL - small.width - 2, CELL - small.height - 2))
    return cell
