"""Pictures in rows, styles in columns; what lacks stays empty."""

import numpy as np

from stylecore.imaging.contact_sheet import (
    CELL,
    GAP,
    GROUND,
    HEADER,
    PAGE_ROWS,
    contact_sheet,
    contact_sheets,
)

PITCH = CELL + GAP
BLACK = np.zeros((40, 40, 3), np.uint8)
SLIVER = np.zeros((10, 100, 3), np.uint8)


def middle(sheet, row: int, column: int):
    return sheet.getpixel((GAP + column * PITCH + CELL // 2, HEADER + row * PITCH + CELL // 2))


def test_each_picture_stands_in_its_row_under_its_style():
    sheet = contact_sheet([{"a": BLACK, "b": BLACK}, {"b": BLACK}], ["a", "b"])
    assert sheet.size == (2 * PITCH + GAP, HEADER + 2 * PITCH)
    ground = tuple(bytes.fromhex(GROUND[1:]))
    assert [middle(sheet, row, column) for row in (0, 1) for column in (0, 1)] == [
        (0, 0, 0),
        (0, 0, 0),
        ground,
        (0, 0, 0),
    ]


def test_a_picture_of_another_shape_keeps_it():
    ground = tuple(bytes.fromhex(GROUND[1:]))
    sheet = contact_sheet([{"a": SLIVER}], ["a"])
    assert middle(sheet, 0, 0) == (0, 0, 0)
    assert sheet.getpixel((GAP + CELL // 2, HEADER + 10)) == ground


def test_many_rows_are_pages_and_are_taken_as_they_come():
    taken = []

    def rows():
        for number in range(PAGE_ROWS + 1):
            taken.append(number)
            yield {"a": np.zeros((500, 400, 3), np.uint8)}

    pages = contact_sheets(rows(), ["a"])
    first = next(pages)
    assert len(taken) == PAGE_ROWS
    assert first.size == (PITCH + GAP, HEADER + PAGE_ROWS * PITCH)
    (last,) = pages
    assert last.size == (PITCH + GAP, HEADER + PITCH)
    assert middle(last, 0, 0) == (0, 0, 0)
    assert list(contact_sheets([], ["a"])) == []
