"""Pictures: what is taken, what comes out, and what is refused before it can do harm."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from factories.pictures import SCRIPT, SVG, moving, picture, png_that_says_it_is, png_with_a_text_bomb
from tessera.profiles import jpeg, pictures
from tessera.profiles.pictures import InvalidPicture, read_picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_any_still_picture_becomes_two_squares(kind: str) -> None:
    made = read_picture(picture(kind, (900, 300)))

    for raw, side in ((made.large, 256), (made.small, 64)):
        with Image.open(BytesIO(raw)) as image:
            assert (image.format, image.size, image.mode) == ("WEBP", (side, side), "RGB")
            red, green, blue = image.getpixel((side // 2, side // 2))
            assert red > 180
            assert max(green, blue) < 60
    assert len(made.digest) == 32
    assert made == read_picture(picture(kind, (900, 300)))


def test_what_is_see_through_lies_on_white() -> None:
    made = read_picture(picture("PNG", color=(0, 0, 0, 0), mode="RGBA"))
    with Image.open(BytesIO(made.large)) as image:
        assert image.getpixel((128, 128)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("mode", "color"), [("L", 80), ("1", 1), ("P", 3), ("CMYK", (0, 90, 90, 10)), ("LA", (9, 200))]
)
def test_every_way_to_write_colours_is_read(mode: str, color: object) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert read_picture(picture(kind, color=color, mode=mode)).large[8:12] == b"WEBP"


def test_where_it_was_taken_is_not_kept_and_it_stands_upright() -> None:
    camera = Image.new("RGB", (400, 200), "blue")
    camera.paste("red", (0, 0, 200, 200))  # the left half; turned a quarter to the right it is the upper one
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home, 40.4168 N 3.7038 W"
    out = BytesIO()
    camera.save(out, "JPEG", exif=exif, quality=95, comment=b"secret comment", icc_profile=b"not a profile" * 10)

    made = read_picture(out.getvalue())

    for secret in (b"at home", b"EXIF", b"ICCP", b"XMP", b"secret comment", b"not a profile"):
        assert secret not in made.large + made.small
    with Image.open(BytesIO(made.large)) as image:
        above, below = image.getpixel((128, 40)), image.getpixel((128, 216))
        assert above[0] > 200 > below[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_script_behind_a_picture_is_left_behind(kind: str) -> None:
    made = read_picture(picture(kind) + SCRIPT)
    assert b"script" not in made.large + made.small


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"\0" * 100, "whole JPEG"),
        (SVG, "whole JPEG"),
        (SCRIPT, "whole JPEG"),
        (b"%PDF-1.7\n" + picture("JPEG"), "whole JPEG"),
        (b"GIF89a=1;alert(1);/*" + SCRIPT, "whole JPEG"),
        (picture("BMP"), "whole JPEG"),
        (picture("TIFF"), "whole JPEG"),
        (picture("ICO", (64, 64)), "whole JPEG"),
        (picture("PDF"), "whole JPEG"),
        (picture("PNG")[:-30], "whole JPEG"),
        (picture("JPEG", (600, 600))[:900], "whole JPEG"),
        (picture("WEBP")[:40], "whole JPEG"),
        (moving("GIF"), "moves"),
        (moving("PNG"), "moves"),
        (moving("WEBP"), "moves"),
        (picture("PNG", (15, 400)), "at least 16"),
        (png_that_says_it_is(60_000, 60_000), "million pixels"),
        (png_that_says_it_is(2**31 - 1, 2**31 - 1), "million pixels"),
        (png_that_says_it_is(13_000, 16), "to a side"),
        (picture("PNG") + bytes(2_000_000), "2 MB"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",  # not the file itself
)
def test_what_is_no_picture_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(InvalidPicture, match=why) as refused:
        read_picture(raw)
    assert refused.value.code == "invalid_picture"


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(InvalidPicture, match="pixels"):
        read_picture(png_that_says_it_is(3_000, 2_700))


def test_a_text_bomb_is_refused_without_unpacking_it() -> None:
    with pytest.raises(InvalidPicture):
        read_picture(png_with_a_text_bomb())


MEASURED = """
import sys
from tessera.profiles.pictures import read_picture

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

read_picture(open(sys.argv[1], "rb").read())
before = peak()
read_picture(open(sys.argv[2], "rb").read())
print((peak() - before) // 1024)
"""


@pytest.mark.parametrize(
    ("kind", "mode", "side", "options"),
    [
        ("PNG", "P", 2828, {"transparency": 0}),
        ("PNG", "RGBA", 2828, {}),
        ("WEBP", "RGBA", 2828, {"lossless": True}),
        ("GIF", "P", 2828, {}),
        ("JPEG", "RGB", 2828, {"progressive": True}),
        ("JPEG", "RGB", 8000, {}),
        ("JPEG", "RGB", 5760, {"progressive": True, "subsampling": 2}),
        ("JPEG", "RGB", 4080, {"progressive": True, "subsampling": 0}),
        ("JPEG", "CMYK", 6000, {"quality": 10}),
        ("PNG", "L", 2828, {}),
    ],
)
def test_a_small_file_of_many_pixels_costs_little_memory(
    tmp_path: Path, kind: str, mode: str, side: int, options: dict[str, Any]
) -> None:
    """In a process of its own, whose peak is nobody else's. It was 411 MB for a PNG of 25 KB."""
    color = 3 if mode in "PL" else (3,) * len(mode)
    (tmp_path / "small").write_bytes(picture(kind, color=color, mode=mode))
    (tmp_path / "large").write_bytes(picture(kind, (side, side), color=color, mode=mode, **options))

    command = [sys.executable, "-c", MEASURED, str(tmp_path / "small"), str(tmp_path / "large")]
    megabytes = int(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    assert megabytes < 140


@pytest.mark.parametrize(
    ("size", "options", "taken"),
    [
        ((4000, 3000), {}, True),
        ((6936, 9248), {"quality": 30}, False),  # 64.1 million pixels
        ((8160, 6120), {}, True),
        ((5000, 5000), {"progressive": True}, True),
        ((6000, 6000), {"progressive": True}, False),  # as large in memory as a baseline one of 8 million pixels
        ((12_000, 700), {}, False),  # so flat that decoding it smaller would leave nothing of its height
    ],
)
def test_a_camera_makes_more_pixels_than_are_decoded(
    size: tuple[int, int], options: dict[str, Any], taken: bool
) -> None:
    raw = picture("JPEG", size, **options)
    assert len(raw) < pictures.MAX_BYTES
    if not taken:
        with pytest.raises(InvalidPicture, match="64 million"):
            read_picture(raw)
        return
    with Image.open(BytesIO(read_picture(raw).large)) as image:
        red, green, blue = image.getpixel((128, 128))
        assert red > 180
        assert max(green, blue) < 60


def test_a_photo_with_more_pictures_behind_it_is_the_first_of_them() -> None:
    """Phones keep the depth or the brightness of a photo behind it."""
    out = BytesIO()
    Image.new("RGB", (4000, 3000), "red").save(
        out, "MPO", save_all=True, append_images=[Image.new("RGB", (400, 300), "blue")]
    )
    with Image.open(BytesIO(out.getvalue())) as seen:
        assert seen.format == "MPO"
    with Image.open(BytesIO(read_picture(out.getvalue()).large)) as image:
        assert image.getpixel((128, 128))[0] > 200


def test_a_colour_in_a_scan_of_its_own_is_held_as_a_progressive_one_is() -> None:
    """Nothing in the frame says so, only the scan."""
    raw = bytearray(picture("JPEG", (800, 600)))
    assert jpeg.coefficient_bytes(bytes(raw)) == 0
    scan = raw.index(b"\xff\xda")
    raw[scan + 4] = 1
    held = jpeg.coefficient_bytes(bytes(raw))
    assert held == 50 * 38 * 6 * 128  # units of 16 by 16, with four blocks of brightness and two of colour
    assert jpeg.coefficient_bytes(picture("JPEG", (800, 600), progressive=True)) == held


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xd8", b"\xff\xd8" + b"\xff\xe0\0\0" * 99, picture("JPEG")[:80], picture("PNG")]
)
def test_a_header_that_is_not_plain_says_nothing_of_its_cost(raw: bytes) -> None:
    assert jpeg.coefficient_bytes(raw) is None


def test_a_jpeg_in_very_many_scans_is_refused() -> None:
    whole = picture("JPEG", (800, 600), progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    with pytest.raises(InvalidPicture, match="scans"):
        read_picture(whole[:-2] + scan * 100 + whole[-2:])


def test_one_picture_is_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most, reduced = 0, 0, pictures._reduced

    def watched(image: Image.Image) -> Image.Image:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)
        inside -= 1
        return reduced(image)

    monkeypatch.setattr(pictures, "_reduced", watched)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(read_picture, [picture()] * 4))

    assert most == 1
    assert len({one.digest for one in made}) == 1


def test_the_front_lets_through_what_the_form_of_a_largest_picture_weighs() -> None:
    from tessera.api.door import MAX_PICTURE
    from tessera.project.front import MOST_BODY

    assert MAX_PICTURE == pictures.MAX_BYTES
    assert pictures.MAX_BYTES + 64 * 1024 < MOST_BODY


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "RGBA", "I;16", "1"])
def test_a_large_picture_keeps_its_middle_and_its_colours(mode: str) -> None:
    """Left and right are cut off, and what is left looks as it did."""
    whole = Image.new("RGB", (3000, 1200), "black")
    whole.paste("white", (900, 0, 2100, 600))
    out = BytesIO()
    (Image.new("I;16", (1500, 1500), 65535) if mode == "I;16" else whole.convert(mode)).save(out, "PNG")

    with Image.open(BytesIO(read_picture(out.getvalue()).large)) as image:
        assert min(image.getpixel((128, 60))) > 240
        if mode != "I;16":
            assert min(image.getpixel((8, 60))) > 240
            assert max(image.getpixel((128, 200))) < 15


def test_the_largest_that_is_taken_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 40_000)
    assert read_picture(picture(size=(200, 200))).digest
    with pytest.raises(InvalidPicture, match="pixels"):
        read_picture(picture(size=(200, 201)))


SEEDS = [picture(kind, (40, 40)) for kind in ("JPEG", "PNG", "WEBP", "GIF")]


@settings(max_examples=300)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), max_size=6))
def test_whatever_comes_it_is_a_picture_or_a_refusal(seed: bytes, damage: list[tuple[int, bytes]]) -> None:
    raw = bytearray(seed)
    for place, piece in damage:
        at = place % len(raw)
        raw[at : at + len(piece)] = piece
    try:
        made = read_picture(bytes(raw))
    except InvalidPicture:
        pass
    else:
        assert made.large[8:12] == made.small[8:12] == b"WEBP"
