"""Any CSV of user, item, time, rating or kind: which columns, which rows, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stylecore.errors import Permanent
from stylecore.evaluation.prequential_data import Ratings, chosen_columns, read


def written(folder: Path, text: str) -> Path:
    path = folder / "events.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "header",
    [
        "user_id,item_id,rating,timestamp",
        "userId,movieId,rating,timestamp",
        "timestamp,visitorid,event,itemid,transactionid",
        "event_time,event_type,product_id,category_code,price,user_id",
    ],
)
def test_the_usual_names_are_known(header: str) -> None:
    columns = chosen_columns(header.split(","), {})
    assert {"user", "item", "time"} <= columns.keys()
    assert columns.keys() & {"rating", "kind"}


def test_other_names_can_be_given() -> None:
    given = {"user": "who", "item": "what", "time": "when"}
    columns = chosen_columns(["what", "who", "when"], given)
    assert (columns["user"], columns["item"], columns["time"]) == ("who", "what", "when")


@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_rows_come_in_the_order_of_time(tmp_path: Path, mark: str) -> None:
    text = "user,item,time\nada,mug,200\nbob,cup,100\nada,cup,200\n".replace(",", mark)
    rows = read(written(tmp_path, text), {}, Ratings())
    assert [(row.event.user_id, row.event.product_id) for row in rows] == [
        ("bob", "cup"),
        ("ada", "mug"),
        ("ada", "cup"),
    ]
    assert all(row.event.kind == "click" and row.category == "all" for row in rows)


@pytest.mark.parametrize(
    "text", ["881250949", "881250949000", "1997-12-04T15:55:49", "1997-12-04 15:55:49 UTC"]
)
def test_times_are_seconds_milliseconds_or_iso(tmp_path: Path, text: str) -> None:
    (row,) = read(written(tmp_path, f"user,item,time\nada,mug,{text}\n"), {}, Ratings())
    assert row.event.occurred_at == datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)


def test_ratings_and_kinds_become_feedback(tmp_path: Path) -> None:
    rated = written(tmp_path, "user,item,time,rating\na,p,1,5\na,q,2,3\na,r,3,1\n")
    kinds = [row.event.kind for row in read(rated, {}, Ratings(liked=4, disliked=2))]
    assert kinds == ["click", "dismiss"]
    named = written(tmp_path, "user,item,time,event\na,p,1,view\na,p,2,addtocart\na,p,3,buy\n")
    kinds = [row.event.kind for row in read(named, {}, Ratings())]
    assert kinds == ["click", "cart", "purchase"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("user,item\na,p\n", "no column for time"),
        ("user,item,time\na,p,noon\n", "line 2"),
        ("user,item,time\na,p,1\n,p,2\n", "line 3: an empty user"),
        ("user,item,time,kind\na,p,1,sneeze\n", "no kind 'sneeze'"),
        ("user,item,time,rating\na,p,1,good\n", "good"),
        ("user,item,time\na,p,1e300\n", "line 2"),
        ("user,item,time\n", "no event"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Permanent, match=told):
        read(written(tmp_path, text), {}, Ratings())


def test_a_column_that_is_not_there_and_a_file_that_is_not_are_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="no column 'when'; there are: a, b"):
        chosen_columns(["a", "b"], {"time": "when"})
    with pytest.raises(Permanent, match="cannot read"):
        read(tmp_path / "none.csv", {}, Ratings())
