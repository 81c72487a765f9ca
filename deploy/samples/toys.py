"""Toys of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

from materials import Paint, Picture, glazed, metal, satin
from mesh import merged, moved, scaled, turned
from product import Part
from shapes import ball, box, curve, disc, filleted, revolved, rounded_box, torus, tube


def letter_blocks(faces: list[Picture], wood: Paint) -> list[Part]:
    """Three wooden blocks, one on top of two; the printed sides face the camera."""
    parts: list[Part] = []
    for face, (x, z, turn) in zip(
        faces, ((-3.1, 0, 12), (3.0, 0, -16), (0.1, 5.6, 26)), strict=True
    ):
        cube = box(5.6, 5.6, 5.6, 0.35)
        shown = {"front", "right", "left"}
        rest = merged(*[mesh for name, mesh in cube.items() if name not in shown])
        sides = merged(*[cube[name] for name in sorted(shown)])
        parts += [
            (moved(turned(sides, "z", turn), x, 0, z), satin(face, 0.4)),
            (moved(turned(rest, "z", turn), x, 0, z), satin(wood, 0.4)),
        ]
    return parts


def stacking_rings(colours: list[str], wood: Paint) -> list[Part]:
    """Wooden rings, wide to narrow, on a rod with a ball on top."""
    parts: list[Part] = [
        (revolved(filleted([(0, 0), (6, 0), (6, 1.6), (0, 1.6)], 0.5)), satin(wood))
    ]
    height = 1.6
    for i, colour in enumerate(colours):
        thick = 1.45 - 0.07 * i
        parts.append((moved(torus(3.9 - 0.5 * i, thick), z=height + thick), glazed(colour)))
        height += 1.85 * thick
    return [
        *parts,
        (moved(ball(1.7), z=height + 1.2), glazed(colours[0])),
        (revolved([(0.9, 1), (0.9, height + 1)]), satin(wood)),
    ]


def toy_car(colour: str, roof: str, badge: Picture) -> list[Part]:
    """A wooden car with round windows, in profile, turned a little."""
    faces = box(17, 7.6, 4.6, 1.6)
    hull = merged(*[moved(mesh, z=1.8) for name, mesh in faces.items() if name != "front"])
    door = moved(faces["front"], z=1.8)
    cabin = moved(rounded_box(9.4, 6.6, 4.8, 1.7), -0.8, 0, 5.2)
    panes = merged(*[moved(turned(disc(1.35, 3.36), "x", 90), x, 0, 7.9) for x in (-3.0, 1.4)])
    tyre = turned(revolved(filleted([(0, -0.9), (2.3, -0.9), (2.3, 0.9), (0, 0.9)], 0.5)), "x", 90)
    hub = turned(revolved(filleted([(0, 0.85), (1.2, 0.85), (1.0, 1.15), (0, 1.15)], 0.1)), "x", 90)
    spots = [(x, y) for x in (-5, 5.2) for y in (-3.9, 3.9)]
    tyres = merged(*[moved(tyre, x, y, 2.3) for x, y in spots])
    hubs = merged(*[moved(hub, x, y, 2.3) for x, y in spots])
    lamp = moved(scaled(ball(0.8), x=0.6), 8.4, -2.2, 4.6)
    parts: list[Part] = [
        (hull, glazed(colour)),
        (door, glazed(badge)),
        (cabin, glazed(roof)),
        (panes, glazed("#bfe3f2")),
        (tyres, satin("#33302f")),
        (merged(hubs, lamp), glazed("#f7cf4d")),
    ]
    return [(turned(mesh, "z", -24), surface) for mesh, surface in parts]


def robot(shell: str, trim: str, chest: Picture) -> list[Part]:
    """A tin robot: boxes for head and body, tubes for limbs, the chest printed."""
    trunk = box(9, 6, 10, 1.0)
    rest = moved(merged(*[mesh for name, mesh in trunk.items() if name != "front"]), z=6)
    head = moved(rounded_box(7, 5.4, 5.4, 1.1), z=17)
    neck = moved(revolved([(1.3, 0), (1.3, 1.4)]), z=15.8)
    eyes = merged(*[moved(turned(torus(1.05, 0.25), "x", 90), x, -2.75, 20.2) for x in (-1.6, 1.6)])
    pupils = merged(*[moved(scaled(ball(0.85), y=0.5), x, -2.75, 20.2) for x in (-1.6, 1.6)])
    mouth = moved(rounded_box(3.2, 0.6, 0.7, 0.25), 0, -2.7, 18.0)
    antenna = merged(
        tube([(0, 0, 22.2), (0, 0, 24.6)], 0.22, up=(0, 1, 0)), moved(ball(0.75), z=25.0)
    )
    arms = merged(
        *[
            tube(
                curve(
                    [
                        (s * 4.4, 0, 14.4),
                        (s * 6.6, 0, 14),
                        (s * 7.0, -0.6, 11),
                        (s * 6.8, -2.2, 8.8),
                    ],
                    10,
                ),
                0.85,
                up=(0, 1, 0.01),
            )
            for s in (-1, 1)
        ]
    )
    hands = merged(*[moved(ball(1.25), s * 6.8, -2.3, 8.2) for s in (-1, 1)])
    legs = merged(*[moved(revolved([(1.2, 0), (1.2, 5)]), s * 2.3, 0, 1.5) for s in (-1, 1)])
    feet = merged(*[moved(rounded_box(3.4, 5, 2, 0.8), s * 2.3, -0.6) for s in (-1, 1)])
    parts: list[Part] = [
        (merged(rest, head), glazed(shell)),
        (moved(trunk["front"], z=6), glazed(chest)),
        (merged(arms, legs, neck), metal("#c9cbd0", 0.3)),
        (merged(hands, feet, antenna, eyes, mouth), glazed(trim)),
        (pupils, glazed("#22262e")),
    ]
    return [(turned(mesh, "z", 18), surface) for mesh, surface in parts]
