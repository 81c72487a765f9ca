"""Does the discriminator know its few references by heart? Some are kept from it, to tell.

Where it only learns what a style looks like, it takes references that it never saw for as real as
those it is shown. The gap between the two is logged while training; one that grows says that more
augmentation, or less of the adversarial term, is due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from stylecore.arrays import Bytes
from stylecore.gan.data import to_tensor
from stylecore.gan.networks import Discriminator
from stylecore.gan.objective import judged
from stylecore.gan.references import reference_crop
from stylecore.gan.settings import TrainSettings

References = Mapping[int, Sequence[Bytes]]

FEWEST = 5
"""References of a style from which one is kept back; fewer are needed whole."""
CROPS = 4
"""Of each picture that is judged."""


def kept_back(references: References) -> tuple[dict[int, list[Bytes]], dict[int, list[Bytes]]]:
    """The references to teach with, and one of each style that has enough of them."""
    taught = {style: list(pictures) for style, pictures in references.items()}
    unseen = {style: [some.pop()] for style, some in taught.items() if len(some) >= FEWEST}
    return taught, unseen


@torch.no_grad()
def memorising_gap(
    discriminator: Discriminator,
    taught: References,
    unseen: References,
    settings: TrainSettings,
    random: np.random.Generator,
) -> float:
    """Mean logit of references that were shown less that of those that were not; about 0 at best.

    Raises ValueError where nothing was kept back.
    """
    if not unseen:
        raise ValueError("no references were kept back")
    gaps = [
        _logit(discriminator, taught[style][0], style, settings, random)
        - _logit(discriminator, pictures[0], style, settings, random)
        for style, pictures in unseen.items()
    ]
    return float(np.mean(gaps))


def _logit(
    discriminator: Discriminator,
    picture: Bytes,
    style: int,
    settings: TrainSettings,
    random: np.random.Generator,
) -> float:
    crops = to_tensor([reference_crop(picture, settings.crop, random) for _ in range(CROPS)])
    weights = torch.zeros(CROPS, settings.shape.styles)
    weights[:, style] = 1.0
    return float(judged(discriminator, crops, weights, settings).mean())
