"""Jobs become renders with the shipped generator: all of them, in order, each drawn once."""

import gc
import io
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from colour_profiles import rgb_profile
from PIL import Image

from schemas.catalog import Scene
from schemas.events import (
    RejectedImage,
    StyleDefinition,
    StyleRequest,
    StylizedImage,
    StylizeJob,
)
from stylecore.errors import Permanent
from stylecore.imaging.photo import NotAPhoto, decode
from stylecore.models import FEATURES, GENERATOR, MATTE
from stylecore.rendering.draw import compose, draw, source_of, task_of
from stylecore.rendering.engine import Engine
from stylecore.rendering.gate import load_quality_model
from stylecore.rendering.manifest import Bounds
from stylecore.rendering.matte import MatteNet
from stylecore.rendering.style import UnknownStyle, load_encoder, parse_style, reference_of
from stylecore.rendering.stylize import WAITING_BATCHES, RenderContext, stylize
from stylecore.storage.render_cache import read_embedding, render_key
from stylecore.storage.store import Store
from workers.demo.inputs import sample_products

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PHOTOS = [Path(product.image_uri) for product in sample_products()[:3]]
SIDE = 96
ANYTHING = Bounds(identity=-2, structure=-1, style=0, background=1000)


@pytest.fixture(scope="module")
def engine():
    return Engine(GENERATOR, provider="cpu", threads=2)


@pytest.fixture(scope="module")
def quality_model():
    return load_quality_model(FEATURES)


@pytest.fixture
def context(engine, quality_model, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        yield RenderContext(
            load_photo=load_photo,
            engine=CountingEngine(engine),
            quality_model=quality_model,
            bounds=ANYTHING,
            store=Store(str(tmp_path)),
            executor=executor,
            batch_images=4,
            matte_net=MatteNet(MATTE),
        )


class CountingEngine:
    """The real engine, which also counts the pictures that it draws."""

    def __init__(self, engine):
        self.manifest, self.composition = engine.manifest, engine.composition
        self._engine, self.drawn = engine, 0

    def render(self, photos, weights, noise):
        self.drawn += len(photos)
        return self._engine.render(photos, weights, noise)


def load_photo(uri, short_side=SIDE):
    try:
        return decode(Path(uri).read_bytes(), short_side=short_side, max_pixels=10**7)
    except FileNotFoundError as problem:
        raise NotAPhoto(f"nothing at {uri}") from problem


def weights(**shares):
    return StyleDefinition(weights={name.replace("_", "-"): s for name, s in shares.items()})


def job(photo, **definitions):
    return StylizeJob(
        job_id="job",
        product_id="product",
        image_uri=str(photo),
        styles=[StyleRequest(style_id=n, definition=d) for n, d in definitions.items()],
        reason="request",
        requested_at=NOW,
    )


INK, BLEND = weights(ink_line=1), weights(watercolour=3, ink_line=1)


def test_results_have_the_length_and_order_of_the_jobs(context):
    jobs = [job(photo, ink=INK, blend=BLEND) for photo in PHOTOS]
    results = stylize(jobs, context, NOW)
    assert [[image.style_id for image in result] for result in results] == [["ink", "blend"]] * 3
    for result in results:
        for image in result:
            assert isinstance(image, StylizedImage)
            assert len(context.store.get(image.image_uri)) > 500
            assert (image.width, image.height) == (SIDE, SIDE)


def test_a_render_that_exists_is_not_drawn_again(context):
    first = stylize([job(PHOTOS[0], ink=INK)], context, NOW)
    again = stylize([job(PHOTOS[0], other_name=INK), job(PHOTOS[0], ink=INK)], context, NOW)
    assert context.engine.drawn == 1
    assert again[1] == first[0]
    assert again[0][0].sha256 == first[0][0].sha256


def test_pictures_are_drawn_while_another_photo_is_fetched(context):
    drawn = threading.Event()

    def load(uri):
        if uri == str(PHOTOS[1]) and not drawn.wait(120):
            raise NotAPhoto("nothing was drawn while this photo was away")
        return load_photo(uri)

    def seen(pictures):
        for picture in pictures:
            drawn.set()
            yield picture

    jobs = [job(photo, ink=INK) for photo in PHOTOS[:2]]
    results = stylize(jobs, replace(context, load_photo=load, timed=seen), NOW)
    assert all(isinstance(result[0], StylizedImage) for result in results)


def test_few_pictures_wait_to_be_stored_and_photos_are_let_go(context):
    room = WAITING_BATCHES * context.batch_images
    full, drawn, stored, waiting = threading.Event(), [], [], []
    sources = []

    class SlowStore(Store):
        def put_blob(self, *blob):
            assert full.wait(120)
            stored.append(blob)
            return super().put_blob(*blob)

    def seen(pictures):
        for task, render in pictures:
            sources.append(weakref.ref(task.source))
            drawn.append(task.key)
            waiting.append(len(drawn) - len(stored))
            if len(drawn) > room:
                full.set()
            yield task, render

    photo = load_photo(PHOTOS[0])
    jobs = [job(f"photo-{number}", ink=INK) for number in range(2 * room)]
    with ThreadPoolExecutor(2 * room) as executor:
        slow = replace(
            context,
            load_photo=lambda uri: replace(photo, sha256=uri),
            store=SlowStore(context.store.uri),
            executor=executor,
            timed=seen,
        )
        results = stylize(jobs, slow, NOW)
    assert [result[0].source_sha256 for result in results] == [job.image_uri for job in jobs]
    assert max(waiting) == room + 1
    gc.collect()
    assert not any(source() for source in sources)


def test_grounds_of_one_photo_are_pictures_of_their_own_and_tell_the_matte(context):
    styles = {
        ground: msgspec.structs.replace(INK, ground=ground) for ground in ("paper", "transparent")
    }
    ((whole, paper, transparent),) = stylize([job(PHOTOS[0], ink=INK, **styles)], context, NOW)
    assert len({image.sha256 for image in (whole, paper, transparent)}) == 3
    assert whole.quality.matte is None
    assert paper.quality.matte == transparent.quality.matte > 0.8
    picture = Image.open(io.BytesIO(context.store.get(transparent.image_uri)))
    assert picture.mode == "RGBA"
    assert picture.getchannel("A").getextrema() == (0, 255)
    assert Image.open(io.BytesIO(context.store.get(paper.image_uri))).mode == "RGB"
    assert stylize([job(PHOTOS[0], ink=INK, **styles)], context, NOW) == [
        [whole, paper, transparent]
    ]


def test_a_scene_is_drawn_by_the_job_and_a_backdrop_that_is_none_is_that_styles_error(context):
    scenes = {
        name: msgspec.structs.replace(
            INK, ground="scene", scene=Scene(backdrop=name), aspect="16:9"
        )
        for name in ("podium", "nowhere")
    }
    ((podium, nowhere, ink),) = stylize([job(PHOTOS[0], **scenes, ink=INK)], context, NOW)
    assert (podium.height, podium.width) == (SIDE, round(SIDE * 16 / 9))
    assert podium.quality.matte > 0.8
    assert podium.quality.notes == ["product-stands"]
    assert podium.quality.background is None
    assert podium.quality.visibility > 20
    assert nowhere.kind == "error"
    assert nowhere.reasons[0].figure == "definition"
    assert "no backdrop 'nowhere'; there are: studio" in nowhere.reasons[0].text
    assert ink.quality.matte is None
    assert context.engine.drawn == 2
    stylize([job(PHOTOS[0], **scenes, ink=INK)], context, NOW)
    assert context.engine.drawn == 2


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b"image gone"])
def test_a_render_whose_sidecar_was_lost_is_drawn_again(context, broken):
    ((first,),) = stylize([job(PHOTOS[0], ink=INK)], context, NOW)
    (sidecar,) = context.store.files("renders")
    (image,) = context.store.files("images")
    if broken == b"image gone":
        context.store.remove(image)
    else:
        Path(sidecar.path).write_bytes(broken)
    for _ in range(2):  # the second finds what the first drew
        ((again,),) = stylize([job(PHOTOS[0], ink=INK)], context, NOW)
        assert again == first
        assert context.store.get(again.image_uri)
    assert context.engine.drawn == 2


def test_what_was_put_right_in_the_photo_is_in_its_quality(context, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(Path(PHOTOS[0]).read_bytes().removesuffix(b"\xff\xd9"))
    ((image,), (whole,)) = stylize([job(cut, ink=INK), job(PHOTOS[0], ink=INK)], context, NOW)
    assert image.quality.notes == ["truncated"]
    assert whole.quality.notes == []
    assert image.quality.structure == whole.quality.structure


def test_a_render_of_before_profiles_and_alpha_were_heeded_is_drawn_anew(context, tmp_path):
    picture = Image.open(PHOTOS[0]).convert("RGB")
    for name, options in {"plain": {}, "wide": {"icc_profile": rgb_profile("prophoto")}}.items():
        picture.save(tmp_path / f"{name}.png", **options)
    picture.putalpha(Image.radial_gradient("L").resize(picture.size))
    picture.save(tmp_path / "cut.png")
    for name, kept in (("plain", True), ("wide", False), ("cut", False)):
        photo = load_photo(tmp_path / f"{name}.png")
        source = source_of(photo)
        task = task_of(source, INK, context.engine.manifest)
        before = render_key(
            source=photo.sha256,
            style=task.style_sha256,
            model=context.engine.manifest.version,
            size=SIDE,
            seed=0,
        )
        assert (task.key == before) is kept


def test_what_the_feature_network_sees_in_a_drawn_photo_is_kept(context):
    ((image,),) = stylize([job(PHOTOS[0], ink=INK)], context, NOW)
    found = read_embedding(context.store, image.source_sha256)
    assert found.model == context.quality_model.net.manifest.version
    assert np.linalg.norm(found.as_array()) == pytest.approx(1, abs=1e-5)


def test_a_palette_and_the_products_own_colour_draw_other_pictures(context):
    wanted = {
        "ink": INK,
        "palette": msgspec.structs.replace(INK, palette=["#1b9c85"]),
        "own": msgspec.structs.replace(INK, keep_product_colour=True),
    }
    (result,) = stylize([job(PHOTOS[0], **wanted)], context, NOW)
    assert context.engine.drawn == 3
    assert len({image.sha256 for image in result}) == 3
    assert len({image.style_sha256 for image in result}) == 3


def test_a_reference_is_read_once_and_its_bytes_are_part_of_the_style(context, tmp_path):
    read = []
    encoder = load_encoder(GENERATOR, context.engine.manifest)
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(PHOTOS[1].read_bytes())

    def load_reference(uri):
        read.append(uri)
        return reference_of(load_photo(uri), encoder)

    seeing = replace(context, load_reference=load_reference)
    like, missing = (StyleDefinition(reference_uri=uri) for uri in (str(picture), "missing"))
    jobs = [job(photo, like=like, missing=missing, ink=INK) for photo in PHOTOS]
    for drawn, error, plain in stylize(jobs, seeing, NOW):
        assert isinstance(drawn, StylizedImage)
        assert isinstance(error, RejectedImage)
        assert error.reasons[0].figure == "reference"
        assert "nothing at missing" in error.reasons[0].text
        assert isinstance(plain, StylizedImage)
    assert sorted(read) == sorted(["missing", str(picture)])
    picture.write_bytes(PHOTOS[2].read_bytes())
    ((again, *_),) = stylize(jobs[:1], seeing, NOW)
    assert again.style_sha256 != drawn.style_sha256
    assert context.engine.drawn == 2 * len(PHOTOS) + 1


def test_an_unknown_style_is_an_error_of_its_own_and_the_others_go_on(context):
    wrong = {
        "unknown": weights(nonsense=1),
        "reference": StyleDefinition(reference_uri="s3://picture"),
    }
    ((*errors, good),) = stylize([job(PHOTOS[0], **wrong, ink=INK)], context, NOW)
    assert all(isinstance(e, RejectedImage) and e.kind == "error" for e in errors)
    assert "no style 'nonsense'; there are: watercolour" in errors[0].reasons[0].text
    assert isinstance(good, StylizedImage)


def test_a_photo_that_cannot_be_had_fails_its_whole_job_alone(context):
    missing, good = stylize([job("missing.jpg", ink=INK), job(PHOTOS[0], ink=INK)], context, NOW)
    assert isinstance(missing, Permanent)
    assert isinstance(good[0], StylizedImage)


def test_what_misses_the_gate_is_rejected_with_its_picture_and_figures(context):
    strict = RenderContext(
        **{**vars(context), "bounds": msgspec.structs.replace(ANYTHING, structure=0.9999)}
    )
    ((image,),) = stylize([job(PHOTOS[0], ink=INK)], strict, NOW)
    assert isinstance(image, RejectedImage)
    assert image.kind == "gate"
    assert image.reasons[0].figure == "structure"
    assert image.reasons[0].value < image.reasons[0].bound == 0.9999
    assert context.store.get(image.image_uri)


def pictures(engine, definitions, batch_images, photos=PHOTOS, sides=(64, 96, 64)):
    sources = [
        source_of(load_photo(photo, side)) for photo, side in zip(photos, sides, strict=True)
    ]
    tasks = [task_of(s, d, engine.manifest) for s in sources for d in definitions]
    drawn = {task.key: planes for task, planes in draw(engine, tasks, batch_images)}
    return [compose(task, drawn[task.key], engine) for task in tasks]


def test_a_batch_of_mixed_styles_equals_one_by_one(engine):
    definitions = [INK, BLEND, weights(neon=1)]
    together, alone = pictures(engine, definitions, 8), pictures(engine, definitions, 1)
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_the_same_seed_draws_the_same_and_another_does_not(engine):
    def drawn(seed):
        definition = StyleDefinition(weights={"van-gogh": 1.0}, seed=seed)
        return pictures(engine, [definition], 1, PHOTOS[:1], (128,))[0]

    assert (drawn(1) == drawn(1)).all()
    assert np.abs(drawn(1).astype(int) - drawn(2)).mean() > 1


def test_strength_0_is_the_photo_and_shares_count_not_their_order(engine):
    nothing = msgspec.structs.replace(INK, strength=0.0)
    photo = load_photo(PHOTOS[0]).pixels
    assert (pictures(engine, [nothing], 1, PHOTOS[:1], (SIDE,))[0] == photo).all()
    turned = weights(ink_line=0.25, watercolour=0.75)
    one, other = pictures(engine, [BLEND, turned], 1, PHOTOS[:1], (SIDE,))
    assert (one == other).all()


def test_white_ground_is_the_styles_even_paper_or_stays_as_it_is(engine):
    corner = load_photo(PHOTOS[0]).pixels[:6, :6]
    assert corner.min() > 245
    for style in engine.manifest.styles:
        definition = StyleDefinition(weights={style.style_id: 1.0})
        (picture,) = pictures(engine, [definition], 1, PHOTOS[:1], (SIDE,))
        wanted = corner if style.paper is None else np.broadcast_to(style.paper, corner.shape)
        assert np.abs(picture[:6, :6].astype(int) - wanted).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 77), (33, 130)])
def test_any_height_and_width_is_drawn(engine, height, width):
    photo = np.random.default_rng(0).random((2, height, width, 3)).astype(np.float32)
    share = np.full((2, len(engine.manifest.styles)), 1 / len(engine.manifest.styles), np.float32)
    render = engine.render(photo, share, photo)
    assert render.shape == photo.shape
    assert render.min() >= 0
    assert render.max() <= 1


def test_styles_in_words():
    names = ["neon", "pastel"]
    assert parse_style("neon", names) == [("neon", {"neon": 1.0})]
    assert [name for name, _ in parse_style("all", names)] == names
    blend = parse_style("neon=0.7,pastel=0.3", names)
    assert blend == [("neon+pastel", {"neon": 0.7, "pastel": 0.3})]
    for wrong in ("noen", "neon=0", "neon=x", "neon=inf", "neon=-1", ""):
        with pytest.raises(UnknownStyle):
            parse_style(wrong, names)
