"""The photo studio: softboxes, a paper sweep, a camera that frames by itself, and the exposure.

The empty set is photographed too, and on white paper the photo is divided by it (a flat-field
correction, as product photographers do): the ground becomes even white and only the product's
own shadow stays on it. What this module does not know: what it photographs.
"""

from __future__ import annotations

from typing import Any

import mitsuba as mi
import numpy as np
from denoise import denoised
from materials import Surface, matte
from mesh import Floats, Mesh, grid, merged, normals
from numpy.typing import NDArray
from product import WHITE, Part, Shot
from scipy import ndimage

FIELD_OF_VIEW = 20.0


def photograph(parts: list[Part], shot: Shot, size: int, samples: int) -> NDArray[np.uint8]:
    """The photo, uint8 [size, size, 3] in sRGB, of parts in any one unit of length."""
    parts = _on_the_table(parts)
    points = np.concatenate([mesh.positions for mesh, _ in parts])
    eye, target = framed(points, shot.elevation, shot.fill)
    light = _exposed(_stage(shot, eye, target, size) | _solid(parts), samples)
    empty = _exposed(_stage(shot, eye, target, 64), 96)
    if shot.paper == WHITE:
        even = ndimage.zoom(
            ndimage.gaussian_filter(empty, (3, 3, 0)), (size / 64, size / 64, 1), order=1
        )
        light = light / even * 1.03
    else:
        light = light / float(empty.mean(axis=-1).max()) * _brightness(shot.paper) * 1.05
    return _developed(light)


def outlined(parts: list[Part], shot: Shot, size: int, samples: int) -> NDArray[np.uint8]:
    """The exact alpha of `photograph` with the same arguments, uint8 [size, size]."""
    parts = _on_the_table(parts)
    points = np.concatenate([mesh.positions for mesh, _ in parts])
    scene = _stage(shot, *framed(points, shot.elevation, shot.fill), size) | _solid(parts)
    del scene["sweep"]
    scene["integrator"] = {"type": "path", "max_depth": 2, "hide_emitters": True}
    scene["camera"]["film"]["pixel_format"] = "rgba"
    layers = np.array(mi.render(mi.load_dict(scene), spp=samples, seed=mi.UInt32(1)))
    return np.round(layers[..., 3].clip(0, 1) * 255).astype(np.uint8)


def framed(points: Floats, elevation: float, fill: float) -> tuple[Floats, Floats]:
    """Eye and target so that the points' outline fills that share of the frame, centred."""
    tilt = np.radians(elevation)
    away = np.array([0.0, -np.cos(tilt), np.sin(tilt)])
    right, up = np.array([1.0, 0, 0]), np.array([0.0, np.sin(tilt), np.cos(tilt)])
    target, distance = points.mean(axis=0), 4.0
    for _ in range(12):
        seen = points - target
        depth = distance - seen @ away
        across, upward = seen @ right / depth, seen @ up / depth
        centre = np.array([np.ptp(across) / 2 + across.min(), np.ptp(upward) / 2 + upward.min()])
        target = target + (right * centre[0] + up * centre[1]) * distance
        extent = max(np.ptp(across), np.ptp(upward)) / (2 * np.tan(np.radians(FIELD_OF_VIEW / 2)))
        distance *= float(extent) / fill
    return target + away * distance, target


def _on_the_table(parts: list[Part]) -> list[Part]:
    """Scaled to a longest side of 1, standing on the ground in the middle."""
    whole = merged(*[mesh for mesh, _ in parts]).positions
    low, high = whole.min(axis=0), whole.max(axis=0)
    shift = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    scale = 1 / float((high - low).max())
    return [(Mesh((m.positions - shift) * scale, m.uv, m.faces), s) for m, s in parts]


def _stage(shot: Shot, eye: Floats, target: Floats, size: int) -> dict[str, Any]:
    aim = mi.ScalarTransform4f().look_at(list(eye), list(target), [0, 0.02, 1])
    film = {
        "type": "hdrfilm",
        "width": size,
        "height": size,
        "pixel_format": "rgb",
        "filter": {"type": "gaussian"},
    }
    return {
        "type": "scene",
        "integrator": {
            "type": "aov",
            "aovs": "albedo:albedo,normal:sh_normal,place:position",
            "light": {"type": "path", "max_depth": 6},
        },
        "camera": {"type": "perspective", "fov": FIELD_OF_VIEW, "to_world": aim, "film": film},
        "room": {"type": "constant", "radiance": _grey(0.34)},
        "key": _softbox((-3.6, -2.2, 4.6), 1.5, 8.0),
        "rim": _softbox((3.6, 0.6, 3.0), 1.0, 4.0),
        "top": _softbox((0.3, 0.9, 5.4), 1.9, 4.2),
        "sweep": _mitsuba_mesh(_paper_sweep(), matte(shot.paper)),
    }


def _grey(value: float) -> dict[str, Any]:
    return {"type": "rgb", "value": value}


def _softbox(place: tuple[float, float, float], half_side: float, radiance: float) -> Any:
    turn = mi.ScalarTransform4f().look_at(list(place), [0, 0, 0.4], [0, 0.1, 1])
    shape = turn @ mi.ScalarTransform4f().scale([half_side, half_side, 1])
    return {
        "type": "rectangle",
        "to_world": shape,
        "light": {"type": "area", "radiance": _grey(radiance)},
    }


def _paper_sweep() -> Mesh:
    """Floor, a wide bend, wall: paper without a horizon."""
    bend = np.linspace(0, np.pi / 2, 33)
    y = np.concatenate([[-12.0], 2.5 + 3 * np.sin(bend), [5.5]])
    z = np.concatenate([[0.0], 3 - 3 * np.cos(bend), [9.0]])
    x = np.array([-14.0, 14.0])
    return grid(
        np.stack(
            [
                np.broadcast_to(x, (len(y), 2)),
                np.repeat(y[:, None], 2, 1),
                np.repeat(z[:, None], 2, 1),
            ],
            axis=-1,
        )
    )


def _solid(parts: list[Part]) -> dict[str, Any]:
    return {f"part{i}": _mitsuba_mesh(mesh, surface) for i, (mesh, surface) in enumerate(parts)}


def _mitsuba_mesh(mesh: Mesh, surface: Surface) -> Any:
    properties = mi.Properties()
    properties["surface"] = mi.load_dict(_resolved(surface))
    solid = mi.Mesh(
        "part",
        len(mesh.positions),
        len(mesh.faces),
        has_vertex_normals=True,
        has_vertex_texcoords=True,
        props=properties,
    )
    values = mi.traverse(solid)
    values["vertex_positions"] = mesh.positions.astype(np.float32).ravel()
    values["vertex_normals"] = normals(mesh).astype(np.float32).ravel()
    downward = mesh.uv * np.array([1, -1]) + np.array([0, 1])  # Mitsuba's v runs down a picture
    values["vertex_texcoords"] = downward.astype(np.float32).ravel()
    values["faces"] = mesh.faces.astype(np.uint32).ravel()
    values.update()
    return solid


def _resolved(surface: Any) -> Any:
    """Colours, pictures and height fields of a description in Mitsuba's own form."""
    if isinstance(surface, dict):
        return {name: _resolved(value) for name, value in surface.items()}
    if isinstance(surface, str) and surface.startswith("#"):
        return {"type": "rgb", "value": list(_linear(surface))}
    if isinstance(surface, np.ndarray):
        picture = np.ascontiguousarray(surface)
        return {"type": "bitmap", "bitmap": mi.Bitmap(picture), "raw": picture.ndim == 2}
    return surface


def _linear(colour: str) -> Floats:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    light: Floats = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light


def _brightness(colour: str) -> float:
    return float(_linear(colour).mean())


def _exposed(scene: dict[str, Any], samples: int) -> Floats:
    layers = np.array(
        mi.render(mi.load_dict(scene), spp=samples, seed=mi.UInt32(1)), dtype=np.float32
    )
    light, albedo, normal, position = np.split(layers, [3, 6, 9], axis=-1)
    return denoised(light, albedo, normal, position).astype(np.float64)


def _developed(light: Floats) -> NDArray[np.uint8]:
    light = np.clip(light, 0, 1)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(value * 255).astype(np.uint8)
