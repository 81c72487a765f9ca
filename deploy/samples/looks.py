"""How each sample product looks: its shape and print, and how it is photographed.

The keys are the product_ids of photos/products.jsonl. What this module does not know: titles,
prices and categories, which are in that file.
"""

from __future__ import annotations

import artwork as art
import bags
import bottles
import clocks
import cloth_goods
import desk
import furniture
import home
import patterns
import prints
import toys
import vessels
from materials import glazed, metal, satin
from product import Look, Shot

LOW, HIGH, ABOVE = Shot(9), Shot(22), Shot(89.0, 0.8)
GREY, BLUSH, SKY, SAND = "#c9cbcd", "#ecd3c8", "#cfdfe6", "#e6dcc6"

LOOKS = {
    "mug-harbour": Look(
        lambda: vessels.mug(
            patterns.bands(
                art.WRAP,
                "#e8dcc4",
                [
                    (0.14, 0.24, "#1f3f7a"),
                    (0.34, 0.44, "#c8372d"),
                    (0.54, 0.64, "#1f3f7a"),
                    (0.74, 0.84, "#c8372d"),
                ],
            ),
            "#e8dcc4",
            "#1f3f7a",
        ),
        HIGH,
    ),
    "mug-hello": Look(
        lambda: vessels.mug(
            prints.lettered(
                patterns.plain(art.WRAP, "#f2b61f"), "hello", "#233042", 0.38, (0.47, 0.5), 8
            ),
            "#e9dcc0",
            "#f2b61f",
        ),
        HIGH,
    ),
    "mug-moss": Look(
        lambda: vessels.mug(
            patterns.speckled(
                patterns.bands(art.WRAP, "#7d9a6b", [(0.66, 1, "#d8c7a6")]), "#3f3a2c", 900, 3
            ),
            "#d8c7a6",
            "#7d9a6b",
            "satin",
            belly=0.8,
        ),
        HIGH,
    ),
    "mug-camp": Look(
        lambda: vessels.mug(
            patterns.dots(patterns.plain(art.WRAP, "#1d6f8c"), "#f7f4ec", 16, 6, 0.2),
            "#f7f4ec",
            "#1d6f8c",
            rim="#1c2c3a",
        ),
        Shot(22, paper=SAND),
    ),
    "vase-coral": Look(
        lambda: vessels.vase(
            [(4, 0.3), (7.2, 6), (7.6, 11), (4.6, 18), (3.2, 22), (4.2, 25)],
            glazed("#e8674d"),
            "#7a3326",
            22,
            0.035,
        ),
        LOW,
    ),
    "vase-mesa": Look(
        lambda: vessels.vase(
            [(4.2, 0.3), (8.6, 8), (9.4, 15), (7, 22), (3.6, 25.5), (5, 28)],
            satin(art.mesa(), 0.6),
            "#6a3a22",
        ),
        LOW,
    ),
    "vase-ink": Look(
        lambda: vessels.vase(
            [(5, 0.3), (7.6, 4), (7.4, 8.5), (3, 12.5), (1.6, 16), (1.5, 22), (2.3, 25)],
            glazed(
                patterns.leaves(
                    patterns.plain((1500, 1200), "#e7e6e0"), ("#20418f", "#4d74c4"), 70, 8
                )
            ),
            "#e7e6e0",
        ),
        Shot(9, paper=BLUSH),
    ),
    "cactus-sol": Look(
        lambda: vessels.cactus(
            patterns.zigzag(patterns.plain((1200, 500), "#e8dcc2"), "#e0572f", 0.45, 12, 0.24, 16),
            "#4f8a4c",
            "#e8588a",
        ),
        LOW,
    ),
    "teapot-cobalt": Look(
        lambda: vessels.teapot(
            patterns.dots(patterns.plain((1600, 760), "#1f4aa8"), "#f6f3ea", 18, 9, 0.26), "#1f4aa8"
        ),
        Shot(18),
    ),
    "teapot-plum": Look(
        lambda: vessels.teapot(
            patterns.speckled(patterns.plain((1400, 700), "#6d2f4f"), "#e2c3cf", 700, 9),
            "#6d2f4f",
            0.82,
            True,
        ),
        Shot(16, paper=BLUSH),
    ),
    "bowl-check": Look(
        lambda: vessels.bowl(patterns.board((1600, 400), ("#efe3c9", "#2f8f6b"), 24, 5), "#e9dcbf"),
        HIGH,
    ),
    "bowl-oak": Look(
        lambda: vessels.bowl(art.OAK, art.OAK, 9, 6, "satin"),
        Shot(30),
    ),
    "flask-pine": Look(
        lambda: bottles.flask(
            "#1f5a46",
            "#22262a",
            prints.lettered(
                patterns.plain((1200, 560), "#1f5a46"), "NORTH\nBOUND", "#f4efe2", 0.2, weight=4
            ),
        ),
        LOW,
    ),
    "bottle-tonic": Look(
        lambda: bottles.glass_bottle(
            [(4, 0.7), (4, 6), (4, 12.5), (3.2, 14.6), (1.7, 16.2), (1.6, 19)],
            "#531f08",
            satin("#201c1a"),
            art.tonic(),
        ),
        LOW,
    ),
    "bottle-olive": Look(
        lambda: bottles.glass_bottle(
            [(3.2, 0.7), (3.2, 8), (3.2, 15), (2.6, 17.6), (1.5, 20.5), (1.3, 25)],
            "#24521f",
            satin("#c69a63"),
            art.olive(),
        ),
        LOW,
    ),
    "lamp-tripoli": Look(
        lambda: home.table_lamp(
            glazed("#1f7f86"), [(5.5, 0.6), (7.6, 7), (6.4, 13), (2.2, 18), (1.2, 20)], "#e3a93f"
        ),
        LOW,
    ),
    "lamp-mushroom": Look(
        lambda: home.mushroom_lamp("#ee6c1f", "#fff1d6"),
        Shot(5),
    ),
    "lamp-study": Look(
        lambda: home.desk_lamp("#27406b"),
        Shot(12, paper=GREY),
    ),
    "candle-fig": Look(
        lambda: bottles.jar_candle(glazed("#26323a"), "#d9c6a4", art.fig(), None),
        HIGH,
    ),
    "candle-trio": Look(
        lambda: bottles.pillar_candles(("#c2415b", "#e79a86", "#f4dcc6"), metal("#d8b25c", 0.22)),
        HIGH,
    ),
    "cushion-picnic": Look(
        lambda: home.cushion(patterns.checks(art.SQUARE, "#efe4d0", "#d3382f", 8, 8), "#d3382f"),
        LOW,
    ),
    "cushion-deck": Look(
        lambda: home.cushion(
            patterns.stripes(art.SQUARE, ("#f2b134", "#2e5fa3", "#eadfc8"), 15, True),
            "#2e5fa3",
            58,
            38,
        ),
        LOW,
    ),
    "cushion-fern": Look(
        lambda: home.cushion(
            patterns.leaves(
                patterns.plain(art.SQUARE, "#f1e6d0"), ("#2f6b4a", "#7fa35b", "#d98b4a"), 36, 12
            ),
            "#2f6b4a",
        ),
        Shot(9, paper=SKY),
    ),
    "tee-sunday": Look(
        lambda: cloth_goods.t_shirt(
            prints.lettered(
                patterns.plain(art.SQUARE, "#c9352c"),
                "SUNDAY",
                "#fff4e2",
                0.105,
                (0.5, 0.36),
                weight=5,
            ),
            "#a52921",
            21,
        ),
        ABOVE,
    ),
    "tee-breton": Look(
        lambda: cloth_goods.t_shirt(
            patterns.stripes(art.SQUARE, ("#e4d9c2", "#24396b"), 41), "#24396b", 22, True
        ),
        ABOVE,
    ),
    "tee-target": Look(
        lambda: cloth_goods.t_shirt(
            prints.round_badge(
                patterns.plain(art.SQUARE, "#3c7d6b"),
                (0.5, 0.42),
                0.15,
                ("#f5e7c6", "#e0572f", "#f5e7c6", "#22384f"),
            ),
            "#2d6153",
            23,
        ),
        Shot(89.0, 0.8, SAND),
    ),
    "tote-shore": Look(
        lambda: cloth_goods.tote_bag(
            prints.sunrise(
                patterns.plain(art.SQUARE, "#dfcba0"), (0.5, 0.66), 0.2, "#e0622d", "#1f5f8b"
            ),
            "#1f5f8b",
            24,
        ),
        ABOVE,
    ),
    "handbag-cherry": Look(
        lambda: bags.handbag("#a8232f", "#8c1a27", "#d8b25c"),
        Shot(12),
    ),
    "backpack-trail": Look(
        lambda: bags.backpack("#35577a", "#e0a12e", "#7a4a2a"),
        LOW,
    ),
    "blocks-abc": Look(
        lambda: toys.letter_blocks(
            [art.block("A", "#d9402f"), art.block("B", "#2f6fb7"), art.block("C", "#2f9159")],
            art.OAK,
        ),
        HIGH,
    ),
    "rings-rainbow": Look(
        lambda: toys.stacking_rings(
            ["#d8382f", "#ef8a2c", "#f5cd3a", "#4fa65b", "#3b7fc4"], art.OAK
        ),
        Shot(14),
    ),
    "car-seven": Look(
        lambda: toys.toy_car("#2f9e8f", "#ee8f2e", art.seven()),
        HIGH,
    ),
    "robot-rx": Look(
        lambda: toys.robot("#9fb7c9", "#d9402f", art.chest()),
        LOW,
    ),
    "chair-shell": Look(
        lambda: furniture.chair("#e3b23c", art.OAK),
        Shot(14),
    ),
    "stool-dip": Look(
        lambda: furniture.stool(art.OAK, "#cfa474", "#e0574f"),
        HIGH,
    ),
    "armchair-sage": Look(
        lambda: furniture.armchair(
            "#7e9c82", "#5a3a22", patterns.stripes(art.SQUARE, ("#f3e9d2", "#c8553d"), 11)
        ),
        Shot(14),
    ),
    "clock-bell": Look(
        lambda: clocks.alarm_clock(
            prints.clock_face(700, "#fbf6e6", "#22303c", "#d9402f"), "#e58fa4", "#d8b25c"
        ),
        LOW,
    ),
    "watch-field": Look(
        lambda: clocks.wristwatch(
            prints.clock_face(700, "#1f3a34", "#f4ecd4", "#ef8a2c"), "#8a5430", "#d9d9dc"
        ),
        Shot(26, 0.7),
    ),
    "headphones-dune": Look(
        lambda: desk.headphones("#ded0b6", "#8f5f3c", "#d8b25c"),
        Shot(12, paper=GREY),
    ),
    "radio-cadet": Look(
        lambda: desk.radio(art.radio_front(), art.WALNUT, "#d8b25c"),
        Shot(14),
    ),
    "book-tides": Look(
        lambda: desk.book(
            art.tides(),
            prints.lettered(patterns.plain((120, 900), "#123a5c"), "", "#f4ead2", 0.05),
            "#123a5c",
        ),
        LOW,
    ),
    "gift-polka": Look(
        lambda: desk.gift_box(
            patterns.dots(patterns.plain((700, 700), "#7b4bb3"), "#f7ecff", 7, 7, 0.24), "#f5c93d"
        ),
        HIGH,
    ),
}
