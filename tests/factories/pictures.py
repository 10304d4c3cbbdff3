"""Pictures to upload, kind and hostile."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image


def picture(
    kind: str = "PNG", size: tuple[int, int] = (300, 200), color: Any = (200, 30, 30), mode: str = "RGB", **options: Any
) -> bytes:
    """A picture of one colour."""
    out = BytesIO()
    Image.new(mode, size, color).save(out, kind, **options)
    return out.getvalue()


def moving(kind: str) -> bytes:
    """Two frames."""
    out = BytesIO()
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100, loop=0)
    return out.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_says_it_is(width: int, height: int) -> bytes:
    """A few hundred bytes that claim to be this large: a bomb for whoever decodes before looking."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(bytes(100))) + _chunk(b"IEND", b"")
    )


def png_with_a_text_bomb() -> bytes:
    """Compressed text that would unpack to 80 MB."""
    whole = picture("PNG")
    bomb = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 1))
    return whole[:33] + bomb + whole[33:]


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SCRIPT = b"<script>alert(document.cookie)</script>"
