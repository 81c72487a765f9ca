"""No picture crashes or holds up a worker: it becomes a photo, or is refused with a reason."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psutil
import pytest
from helpers import wait_until
from hostile import pictures
from hostile.fuzz_pictures import LIMITS, fuzz_pictures, resident_bytes, seeds
from hostile.mutants import mutant
from msgspec.structs import replace
from PIL import Image

from stylecore.imaging.decoder import Decoder
from stylecore.imaging.photo import NotAPhoto, decode, encode

FEW = 300


@pytest.fixture(scope="module")
def decoder():
    with closing(Decoder(LIMITS, 1)) as made:
        yield made


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (pictures.pixel_bomb, "20000 x 20000 pixels are over the limit"),
        (pictures.webp_canvas_bomb, "16384 x 16384 pixels are over the limit"),
        (lambda: pictures.text_bomb(b"zTXt"), "Decompressed data too large"),
        (lambda: pictures.text_bomb(b"iTXt"), "Decompressed data too large"),
        (pictures.tiff_with_huge_tiles, "no readable photo"),
        (lambda: pictures.png(0, 10), "no readable photo"),
        (lambda: pictures.png(10, 0), "no readable photo"),
        (lambda: pictures.png(64, 48, data=b"not zlib"), "no readable photo"),
        (lambda: pictures.file_of(Image.new("F", (64, 48)), "TIFF"), "floating-point"),
        (lambda: b"", "none of JPEG, PNG"),
        (lambda: b"%PDF-1.7\n" + pictures.file_of(pictures.plain(), "JPEG"), "none of JPEG, PNG"),
        (lambda: b"<html>" + pictures.file_of(pictures.plain(), "GIF"), "none of JPEG, PNG"),
        (lambda: b"\0asm\1\0\0\0" + bytes(100), "none of JPEG, PNG"),
    ],
)
def test_bombs_and_what_is_no_picture_are_refused_in_little_memory(decoder, bomb, reason):
    with pytest.raises(NotAPhoto, match=reason):
        decoder.decode(bomb())
    (pid,) = decoder.pids
    assert resident_bytes(pid) < 150_000_000


@pytest.mark.parametrize(
    "picture",
    [
        pictures.gif_with_frames,
        pictures.jpeg_with_large_profile,
        lambda: pictures.text_bomb(b"iCCP"),
        pictures.exif_loop,
        pictures.exif_of_four_gigabytes,
        lambda: pictures.file_of(pictures.plain(30_000, 1)),
        lambda: pictures.file_of(pictures.plain(2, 30_000)),
        lambda: pictures.file_of(pictures.plain(30_000, 1600), "JPEG"),
    ],
)
def test_much_beside_a_good_picture_does_no_harm(decoder, picture):
    height, width = decoder.decode(picture()).pixels.shape[:2]
    assert 16 <= min(height, width) <= 256
    assert max(height, width) <= 4 * 256


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "LAB", "YCbCr", "L", "P", "LA", "RGBA"])
def test_unusual_samples_show_the_same_picture(decoder, mode):
    pixels = decoder.decode(pictures.in_mode(mode)).pixels
    assert abs(int(pixels[100, 20].mean()) - 30) < 12
    assert abs(int(pixels[100, -20].mean()) - 200) < 12


@pytest.mark.parametrize("name", pictures.polyglots())
def test_of_a_polyglot_only_the_picture_goes_on(decoder, name):
    data = pictures.polyglots()[name]
    assert b"payload" in data
    assert b"payload" not in encode(decoder.decode(data).pixels)[0]


def test_endless_work_is_ended_and_the_next_photo_is_decoded():
    with closing(Decoder(replace(LIMITS, seconds=0.5), 1)) as decoder:
        with pytest.raises(NotAPhoto, match=r"took over 0\.5 s to decode"):
            decoder.decode(pictures.endless_scans())
        assert decoder.decode(seeds()[0]).pixels.shape[2] == 3


def test_memory_is_bounded_by_the_system_where_pillow_sees_no_harm(decoder):
    large = pictures.file_of(Image.new("RGBA", (7000, 7000)), "WEBP")
    decoder.decode(seeds()[0])
    (pid,) = decoder.pids
    process = psutil.Process(pid)
    assert process.rlimit(psutil.RLIMIT_AS) == (LIMITS.memory, LIMITS.memory)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 100_000_000, LIMITS.memory))
    with pytest.raises(NotAPhoto):
        decoder.decode(large)
    assert decoder.decode(seeds()[0]).pixels.shape[2] == 3
    assert decoder.pids == [pid]


def test_a_crash_is_tried_once_more_and_then_is_the_photos_fault(decoder):
    decoder.decode(seeds()[0])
    (pid,) = decoder.pids
    os.kill(pid, signal.SIGSEGV)
    assert decoder.decode(seeds()[0]).pixels.shape[2] == 3

    endless = pictures.endless_scans()
    others = _children()
    with closing(Decoder(LIMITS, 1)) as crashing, ThreadPoolExecutor(1) as executor:
        decoding = executor.submit(crashing.decode, endless)
        for _ in range(2):
            wait_until(lambda: any(map(_is_busy, _children() - others)))
            (busy,) = _children() - others
            busy.send_signal(signal.SIGSEGV)
            others.add(busy)
        with pytest.raises(NotAPhoto, match=r"crashed the decoder 2 times \(SIGSEGV\)"):
            decoding.result(30)


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def _is_busy(process: psutil.Process) -> bool:
    """Whether it has worked for longer than a start takes."""
    return process.is_running() and process.cpu_times().user > 0.6


def test_the_process_has_no_secret_and_writes_no_file(monkeypatch):
    monkeypatch.setenv("STYLECAST_KAFKA__SASL_PASSWORD", "planted")
    with closing(Decoder(LIMITS, 1)) as decoder:
        decoder.decode(seeds()[0])
        (pid,) = decoder.pids
        process = psutil.Process(pid)
        assert not [name for name in process.environ() if name.startswith("STYLECAST")]
        assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_processes_end_with_the_decoder():
    with closing(Decoder(LIMITS, 2)) as decoder:
        decoder.decode(seeds()[0])
        (pid,) = decoder.pids
    assert not psutil.pid_exists(pid)


def test_both_ways_to_decode_agree(decoder):
    for photo in seeds()[:3]:
        ours = decoder.decode(photo)
        plain = decode(photo, short_side=256, max_pixels=50_000_000, output_side=1024)
        assert (ours.pixels == plain.pixels).all()
        assert (ours.large == plain.large).all()
        assert ours.sha256 == plain.sha256


def test_mutants_of_photos_are_photos_or_refused():
    found = fuzz_pictures(FEW)
    assert found["photo"] + found["refused"] == FEW
    assert found["photo"] > FEW / 20
    assert found["refused"] > FEW / 20
    assert found["memory_megabytes"] < LIMITS.memory / 1e6


def test_a_mutant_is_the_same_each_time():
    assert mutant(seeds(), 7) == mutant(seeds(), 7) != mutant(seeds(), 8)
