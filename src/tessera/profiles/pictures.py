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

MAX_BYTES: Final = 2_000_000
"""As much as a whole request may have (`project/front.py`), less what a form puts around a file."""
MAX_PIXELS: Final = 8_000_000
"""Read from the header before a pixel is decoded: 32 MB, and what a decoder adds (121 MB for WebP)."""
MAX_SIDE: Final = 12_000
MIN_SIDE: Final = 16
LARGE: Final = 256
SMALL: Final = 64
CONTENT_TYPE: Final = "image/webp"
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
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
        if image.format == "JPEG":
            image.draft("RGB", (2 * LARGE, 2 * LARGE))  # decodes at a fraction of the size where it is much larger
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
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_large()
    if min(width, height) < MIN_SIDE:
        raise InvalidPicture(f"a picture is at least {MIN_SIDE} pixels wide and high")
    if image.format in _MOVING and getattr(image, "is_animated", False):
        raise InvalidPicture("a picture that moves will not do")


def _too_large() -> InvalidPicture:
    return InvalidPicture(f"a picture has at most {MAX_PIXELS // 1_000_000} million pixels, {MAX_SIDE} to a side")


def _webp(square: Image.Image, side: int) -> bytes:
    """A fresh image has nothing but pixels, so nothing else can be written."""
    fitting = square if side == square.width else square.resize((side, side), Image.Resampling.LANCZOS)
    clean = Image.frombytes("RGB", fitting.size, fitting.tobytes())
    out = BytesIO()
    clean.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()
