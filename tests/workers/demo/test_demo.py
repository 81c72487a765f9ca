"""The demo's own parts: which photos it takes, what it sums up, what its report shows."""

import re
from datetime import UTC, datetime

import pytest
from PIL import Image

from schemas.events import Product, RejectedImage, RejectionReason
from stylecore.errors import Permanent
from stylecore.recommender.simulator import Shopper
from workers.demo.inputs import folder_products, sample_products
from workers.demo.report import DemoResult, summary_of, write_report
from workers.demo.shoppers import Visit


@pytest.fixture
def photos(tmp_path):
    for category, count in (("hats", 5), ("shoes", 1), ("skirts", 3)):
        (tmp_path / category).mkdir()
        for number in range(count):
            Image.new("RGB", (32, 32), (number * 40, 0, 0)).save(
                tmp_path / category / f"{number}.jpg"
            )
    (tmp_path / "hats" / "notes.txt").write_text("no photo")
    return tmp_path


def test_sub_folders_are_categories_and_a_limit_is_spread_over_them(photos):
    assert len(folder_products(photos)) == 9
    chosen = folder_products(photos, limit=5)
    assert [product.category for product in chosen] == ["hats", "shoes", "skirts", "hats", "skirts"]
    assert len({product.product_id for product in chosen}) == 5


def test_a_folder_without_photos_is_told(tmp_path):
    with pytest.raises(Permanent, match="no photos"):
        folder_products(tmp_path)


def test_the_sample_products_are_a_shop():
    products = sample_products()
    assert len(products) >= 24
    assert len({product.category for product in products}) >= 6


@pytest.fixture
def outcome(photos):
    product = Product(
        product_id="p",
        title="<script>alert(1)</script>",
        category="hats",
        image_uri=str(photos / "hats" / "0.jpg"),
    )
    rejected = RejectedImage(
        product_id="p",
        style_id="neon",
        kind="gate",
        reasons=[RejectionReason(figure="identity", value=0.41, bound=0.6)],
        model="m",
        rendered_at=datetime.now(UTC),
        job_id="j",
    )
    return DemoResult(
        products=[product],
        styles=["neon"],
        rejected={("p", "neon"): rejected},
        visits=[Visit(Shopper("u", "neon", frozenset({"hats"})))],
        latencies=[0.010, 0.030],
    )


def test_the_summary_has_the_agreed_fields(outcome):
    summary = summary_of(outcome)
    assert summary["renders_rejected"] == 1
    assert summary["click_to_recommendation_ms"]["p50"] == 20.0
    assert summary["taste_hit_rate"]["chance"] == 0.5


def test_the_report_is_one_file_escapes_titles_and_says_why_a_render_lacks(outcome, tmp_path):
    outcome.visits = []
    write_report(outcome, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "identity 0.41 below 0.60" in html
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert sources
    assert all(source.startswith("data:image/webp") for source in sources)


def test_a_limit_takes_products_of_as_many_categories_as_it_can():
    few = sample_products(6)
    assert len({product.category for product in few}) == len(few) == 6
    assert len(sample_products(1_000)) == len(sample_products())
