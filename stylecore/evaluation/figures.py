"""The figures: their names, which way is better, and why a copy of the photo wins some of them.

A copy is no style at all, so a figure that it wins says what that figure cannot see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Values = Mapping[str, float]
"""Figure to value; a figure that does not apply is left out."""


@dataclass(frozen=True)
class Figure:
    """One column of the table; `copy_wins` is its footnote where the copy is better."""

    name: str
    title: str
    better: Literal["higher", "lower", "neither"]
    decimals: int
    says: str
    copy_wins: str


FIGURES = (
    Figure("artfid", "ArtFID", "lower", 2,
           "(1 + content distance) (1 + Frechet distance to the references), by SqueezeNet 1.0 in "
           "place of Inception and LPIPS: compare within a style only",
           "a copy pays nothing for content, and deep features see what is shown before they see "
           "how: a render has to near the references by more than its content costs"),
    Figure("progress", "progress", "higher", 2,
           "towards the references by Gram statistics: 0 the photo, 1 a real reference",
           "the copy has 0 by definition; below it the renders went away from the references, "
           "which is a shortfall of the style"),
    Figure("accuracy", "style", "higher", 2,
           "share nearest to the own style's references by Gram statistics",
           "photos lie by chance nearer to these references than to the other styles'"),
    Figure("recognised", "named", "higher", 2,
           "share that the product's own classifier names rightly",
           "the classifier takes photos for this style"),
    Figure("apart", "apart", "higher", 2,
           "share nearest to the own style's renders among the same painter's styles",
           "copies are alike in all styles and share the first place; a render below that is "
           "another style's double"),
    Figure("texture", "texture", "neither", 2,
           "Gram distance to the photo after both are made grey: 0 is a mere recolouring", ""),
    Figure("ssim", "SSIM", "higher", 2,
           "structural similarity of luma to the photo",
           "it counts every brush stroke as damage; a copy has 1 by definition"),
    Figure("retrieval", "found", "higher", 2,
           "share whose nearest photo, among all of them, is their own",
           "a copy is its own photo and is always found; few tones make products alike"),
    Figure("fine", "fine", "higher", 2,
           "correlation of the fine luminance inside the product with the photo's",
           "a copy keeps every thread; a style that draws washes or dots cannot"),
    Figure("lettering", "letters", "higher", 2,
           "share of characters, 14 to 50 px high on typeset pictures of 1,024 px, that a template "
           "reader reads",
           "nothing is drawn over the letters of a copy"),
    Figure("ground", "ground", "lower", 1,
           "Delta E of white ground from white or the style's paper, whichever is nearer",
           "the photo's ground is white already; paper in a colour has tooth"),
    Figure("uneven", "uneven", "lower", 1,
           "spread of that ground in LAB",
           "the photo's ground is even already"),
    Figure("checkerboard", "checker", "lower", 1,
           "spectral peak of upsampling grids over its surroundings in dB, less the photo's",
           "the difference to the photo is 0 for a copy; dots and hatching at 2 or 4 px count as "
           "a grid"),
    Figure("border", "border", "lower", 1,
           "step of the outermost 4 px in LAB units, less the photo's",
           "the difference to the photo is 0 for a copy; stronger contrast makes steps larger"),
    Figure("shift", "shift", "lower", 1,
           "mean change of 255 when the photo moves by 3 px, the move undone",
           "a copy moves with the photo; noise that stays in place does not"),
    Figure("ms", "ms", "lower", 0,
           "time a picture: the generator's median at 256 x 256, the others' mean as drawn", ""),
)  # fmt: skip
BY_NAME = {figure.name: figure for figure in FIGURES}


def won_by_copy(ours: Values, copy: Values) -> list[str]:
    """The figures in which the copy is better than the generator, by more than rounding."""
    both = [figure for figure in FIGURES if figure.name in ours and figure.name in copy]
    return [figure.name for figure in both if _better(figure, copy, ours)]


def _better(figure: Figure, one: Values, other: Values) -> bool:
    margin = 0.5 * 10.0**-figure.decimals
    gain = one[figure.name] - other[figure.name]
    return {"higher": gain, "lower": -gain, "neither": 0.0}[figure.better] > margin
