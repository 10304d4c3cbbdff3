"""A picture somebody uploaded, made into one of ours: decoded under limits, cut square, written anew as WebP.

Nothing of the upload survives but its pixels: no metadata, no colour profile, no bytes after the end. So a file that
is a picture and a script at once leaves the script behind.
"""

import struct
import threading
import warnings
import zlib
from hashlib import blake2b
from io import BytesIO
from typing import Final

from msgspec import Struct
from PIL import Image, ImageOps

from tessera.foundation.errors import TesseraError
from tessera.profiles import jpeg

MAX_BYTES: Final = 2_000_000
"""As much as a whole request may have (`project/front.py`), less what a form puts around a file."""
MAX_PIXELS: Final = 8_000_000
"""That are decoded. Read from the header before one is: 32 MB, and what a decoder adds (121 MB for WebP)."""
MAX_JPEG_PIXELS: Final = 64_000_000
"""Of a JPEG, which is decoded at a fraction of its size: a phone's camera makes 12 to 50 million."""
MAX_COEFFICIENTS: Final = 100_000_000
"""Bytes a decoder may hold of a JPEG in several scans, which cannot be decoded line by line: 33 million pixels with
the usual sampling. Measured at that size: 80 MB; with 64 million it would be 170 MB."""
MAX_SIDE: Final = 12_000
MIN_SIDE: Final = 16
LARGE: Final = 256
SMALL: Final = 64
CONTENT_TYPE: Final = "image/webp"
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_JPEG: Final = frozenset({"JPEG", "MPO"})
"""A phone's photo may have more pictures behind it (its depth, its brightness); the first is the photo."""
_MOVING: Final = frozenset({"PNG", "WEBP", "GIF"})
_UNBLENDED: Final = frozenset({"1", "P", "PA", "I;16", "I;16B"})
"""Modes whose numbers cannot be averaged, or not by Pillow: they are thinned out instead."""
_one_at_a_time: Final = threading.Lock()
"""However many upload at once, the process holds the pixels of one picture."""
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, OverflowError, MemoryError)


class InvalidPicture(TesseraError):
    """The file is no picture that we take; the message says why."""

    code = "invalid_picture"


class Picture(Struct, frozen=True):
    """Two squares in WebP, and what stands for them in addresses."""

    digest: str
    large: bytes
    small: bytes


def read_picture(raw: bytes) -> Picture:
    """The picture in these bytes. Raises `InvalidPicture`."""
    if not raw:
        raise InvalidPicture("the file is empty")
    if len(raw) > MAX_BYTES:
        raise InvalidPicture(f"a picture has at most {MAX_BYTES // 1_000_000} MB")
    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            square = _square(raw)
    except Image.DecompressionBombError:
        raise _too_large() from None
    except _BROKEN as error:
        raise InvalidPicture("the file is not a whole JPEG, PNG, WebP or GIF picture") from error
    large, small = _webp(square, LARGE), _webp(square, SMALL)
    return Picture(blake2b(large, digest_size=16).hexdigest(), large, small)


def _square(raw: bytes) -> Image.Image:
    with Image.open(BytesIO(raw), formats=_FORMATS) as image:
        _check(image)
        if image.format in _JPEG:
            _draft(image, raw)
        image.load()
        few = _reduced(image)
    pixels = ImageOps.exif_transpose(few).convert("RGBA")
    ground = Image.new("RGBA", pixels.size, "white")
    whole = Image.alpha_composite(ground, pixels).convert("RGB")
    return ImageOps.fit(whole, (LARGE, LARGE), Image.Resampling.LANCZOS)


def _reduced(image: Image.Image) -> Image.Image:
    """The square in the middle, with a side of less than four times `LARGE`: before anything makes copies of it."""
    width, height = image.size
    side = min(width, height)
    left, above = (width - side) // 2, (height - side) // 2
    box = (left, above, left + side, above + side)
    factor = max(1, side // (2 * LARGE))
    if image.mode in _UNBLENDED:
        return image.resize((side // factor, side // factor), Image.Resampling.NEAREST, box=box)
    return image.reduce(factor, box=box)


def _check(image: Image.Image) -> None:
    """Looks at the header only. Raises `InvalidPicture`."""
    width, height = image.size
    most = MAX_JPEG_PIXELS if image.format in _JPEG else MAX_PIXELS
    if width * height > most or max(width, height) > MAX_SIDE:
        raise _too_large()
    if min(width, height) < MIN_SIDE:
        raise InvalidPicture(f"a picture is at least {MIN_SIDE} pixels wide and high")
    if image.format in _MOVING and getattr(image, "is_animated", False):
        raise InvalidPicture("a picture that moves will not do")


def _draft(image: Image.Image, raw: bytes) -> None:
    """Have the JPEG decoded at a fraction of its size where it is much larger; bounded is what that takes.

    Raises `InvalidPicture`.
    """
    if jpeg.scans(raw) > jpeg.MOST_SCANS:
        raise InvalidPicture(f"a JPEG has at most {jpeg.MOST_SCANS} scans")
    whole = image.width * image.height
    image.draft("RGB", (2 * LARGE, 2 * LARGE))
    if whole > MAX_PIXELS:
        held = jpeg.coefficient_bytes(raw)
        if held is None or held > MAX_COEFFICIENTS or image.width * image.height > MAX_PIXELS:
            raise _too_large()


def _too_large() -> InvalidPicture:
    return InvalidPicture(
        f"a picture has at most {MAX_PIXELS // 1_000_000} million pixels, a JPEG as cameras write it"
        f" {MAX_JPEG_PIXELS // 1_000_000} million, {MAX_SIDE} to a side"
    )


def _webp(square: Image.Image, side: int) -> bytes:
    """A fresh image has nothing but pixels, so nothing else can be written."""
    fitting = square if side == square.width else square.resize((side, side), Image.Resampling.LANCZOS)
    clean = Image.frombytes("RGB", fitting.size, fitting.tobytes())
    out = BytesIO()
    clean.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()
