"""The samples as a picture: a panel a figure, a line a worker or group."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from samples import Samples

WIDTH, PANEL, LEFT, RIGHT, TOP, BOTTOM = 1200, 260, 90, 260, 40, 30
COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#444444", "#e07a5f")
TITLES = {
    "memory_mib": "memory, MiB",
    "files": "file handles",
    "threads": "threads",
    "lag_records": "lag, records",
}


def draw(found: Samples, path: Path) -> None:
    """Write the picture."""
    picture = Image.new("RGB", (WIDTH, PANEL * len(found.series)), "white")
    canvas = ImageDraw.Draw(picture)
    for number, (figure, by_name) in enumerate(found.series.items()):
        _panel(canvas, number * PANEL, TITLES[figure], found.seconds, by_name)
    picture.save(path)


def _panel(
    canvas: ImageDraw.ImageDraw,
    top: int,
    title: str,
    seconds: list[float],
    by_name: dict[str, list[float]],
) -> None:
    most = max(1.0, *(max(values) for values in by_name.values())) * 1.05
    height, width = PANEL - TOP - BOTTOM, WIDTH - LEFT - RIGHT
    base = top + TOP + height

    def place(second: float, value: float) -> tuple[float, float]:
        return LEFT + width * second / seconds[-1], base - height * value / most

    font = ImageFont.load_default(16)
    canvas.text((LEFT, top + 10), title, "black", font)
    for share in (0, 0.5, 1):
        y = base - height * share
        canvas.line([(LEFT, y), (LEFT + width, y)], "#dddddd")
        canvas.text((LEFT - 10, y), f"{most * share:.0f}", "black", font, anchor="rm")
        x = LEFT + width * share
        text = f"{seconds[-1] * share / 60:.1f} min"
        canvas.text((x, base + 6), text, "black", font, anchor="ma")
    for number, (name, values) in enumerate(by_name.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [place(*point) for point in zip(seconds, values, strict=True)]
        canvas.line(points, colour, 2)
        label = (LEFT + width + 15, top + TOP + 22 * number)
        canvas.text(label, f"{name}: {values[-1]:.0f}", colour, font)
