"""The figures of one photo and one picture made of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stylecore.arrays import Floats
from stylecore.evaluation.artefacts import border_step, checkerboard
from stylecore.evaluation.artfid import content_distance
from stylecore.evaluation.embeddings import PAIR_AREA, gram_embedding
from stylecore.evaluation.perceptual import Activations, Eye
from stylecore.evaluation.pictures import scaled_to_area
from stylecore.evaluation.structure import fine_energy, fine_luminance, ssim
from stylecore.imaging.foreground import Colour, View, drift, stands_on_white, unevenness

Figures = dict[str, float]


def photo_figures(photo: View, render: View) -> Figures:
    """Structure, fine luminance and traces of a picture of the photo's size."""
    return {
        "ssim": ssim(photo.luma, render.luma),
        "fine": fine_luminance(photo, render),
        "fine_energy": fine_energy(photo, render),
        "checkerboard": checkerboard(render.luma) - checkerboard(photo.luma),
        "border": border_step(render.lab) - border_step(photo.lab),
    }


def ground_figures(photo: View, render: View, paper: Colour | None) -> Figures:
    """Drift and evenness of white ground; nothing where the photo has none."""
    if not stands_on_white(photo):
        return {}
    return {"ground": drift(render, paper), "uneven": unevenness(render)}


def seen_figures(eye: Eye, photo: View) -> Callable[[View], Figures]:
    """A function that gives the content and texture distance of pictures of this photo."""
    seen, grey = _seen(eye, photo), _texture(eye, photo)

    def compared(render: View) -> Figures:
        texture = float(np.linalg.norm(grey - _texture(eye, render)))
        return {"content": content_distance(seen, _seen(eye, render)), "texture": texture}

    return compared


def _seen(eye: Eye, view: View) -> Activations:
    return eye.see(scaled_to_area(view.picture, PAIR_AREA))


def _texture(eye: Eye, view: View) -> Floats:
    return gram_embedding(eye.see(scaled_to_area(view.grey, PAIR_AREA)))
