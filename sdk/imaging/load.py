"""Picture files to upright RGB, with a clear word about every file that is not one."""

import struct
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.imaging.color import flatten_alpha

__all__ = ["PICTURE_SUFFIXES", "load_image"]

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""What counts as a picture when a folder is listed. HEIC is among them so that it is named rather than passed over."""

_HEIC_BRANDS: Final = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")
_VIDEO_BRANDS: Final = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5", b"dash")


def load_image(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture file as upright RGB, (H, W, 3) uint8.

    EXIF orientation is applied. 16-bit pictures are cut to their upper 8 bits, grey and palette pictures become RGB,
    alpha is blended on white. The pixels are held once, and twice while decoding: 12,000 x 9,000 px take 324 MB.
    Raises InputError for a path, format or content that cannot be read, with the mend.
    """
    try:
        path = Path(path)
    except TypeError:
        raise InputError(f"expected the path of a picture, got {type(path).__name__}") from None
    data = _read(path)
    picture = _decode(path, data)
    if _may_have_alpha(data):
        layered = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if layered is not None and layered.ndim == 3 and layered.shape[2] == 4:
            if layered.dtype == np.uint16:
                layered = np.right_shift(layered, _avif_bits(data) - 8 if _is_avif(data) else 8)
            picture = flatten_alpha(layered.astype(np.uint8, copy=False), bgr=True)
            if not _is_tiff(data):  # which comes out upright already, whatever the flags
                picture = _upright(picture, _orientation(data))
    return _upright_avif(picture, data) if _is_avif(data) else picture


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: name a picture, or give the folder to `densepose-mobile predict`")
        with path.open("rb") as file:
            head = file.read(32)
            _check_head(path, head)
            return head + file.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): check its permissions") from None
    except ValueError:
        raise InputError(f"{str(path)!r} is no path (it holds a null character): check it") from None


def _check_head(path: Path, head: bytes) -> None:
    if not head:
        raise InputError(f"{path} is empty (0 bytes): copy it again")
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIC_BRANDS:
            raise InputError(f"{path} is a HEIC picture, which OpenCV cannot read: convert it to JPEG or PNG first")
        if head[8:12] in _VIDEO_BRANDS:
            raise InputError(f"{path} is a video, not a picture: give it to `densepose-mobile predict`")


def _decode(path: Path, data: bytes) -> NDArray[np.uint8]:
    if data[:2] == b"\xff\xd8" and not _jpeg_is_whole(data):
        raise InputError(f"{path} is a JPEG that breaks off after {len(data)} bytes: copy it again")
    try:
        # Not IMREAD_COLOR_RGB, which phones' OpenCV does not know, and which is ignored for AVIF with alpha.
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        reason = "it has more than 2^30 pixels" if "CV_IO_MAX_IMAGE" in str(error) else "the file is damaged"
        raise InputError(f"{path} cannot be decoded: {reason}. Save it again as JPEG or PNG") from None
    if picture is None or picture.size == 0:
        kind = _known_kind(data)
        if kind in ("AVIF", "TIFF"):
            raise InputError(f"{path} is {kind}, damaged or of a sort that OpenCV cannot read: save it as JPEG or PNG")
        if kind:
            raise InputError(f"{path} is a damaged or incomplete {kind} file ({len(data)} bytes): copy it again")
        raise InputError(f"{path} is not a picture (it starts with {data[:8]!r}): give a JPEG, PNG, WebP, BMP or TIFF")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, picture), np.uint8)


def _known_kind(head: bytes) -> str | None:
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:2] == b"\xff\xd8":
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if _is_avif(head):
        return "AVIF"
    return "TIFF" if _is_tiff(head) else None


def _jpeg_is_whole(data: bytes) -> bool:
    """Whether an end marker follows the first scan. Some decoders fill a missing rest with grey without a word."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return True  # not laid out as we know it: the decoder shall judge
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == 0xDA:
            return data.find(b"\xff\xd9", position) >= 0
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _may_have_alpha(data: bytes) -> bool:
    head = data[:32]
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return head[25:26] in (b"\4", b"\6") or b"tRNS" in data[: data.find(b"IDAT")]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return (head[12:16] == b"VP8X" and bool(head[20] & 0x10)) or head[12:16] == b"VP8L"
    return _is_tiff(head) or _is_avif(head)


def _is_avif(data: bytes) -> bool:
    return data[4:12] in (b"ftypavif", b"ftypavis")


def _avif_bits(data: bytes) -> int:
    """Of each channel of an AVIF file: 8, 10 or 12, from its `av1C` box."""
    start = data.find(b"av1C")
    flags = data[start + 6] if 0 <= start < len(data) - 6 else 0
    return 8 + 2 * bool(flags & 0x40) + 2 * bool(flags & 0x40 and flags & 0x20)


def _upright_avif(rgb: NDArray[np.uint8], data: bytes) -> NDArray[np.uint8]:
    """Turned and mirrored as the boxes `irot` and `imir` before the pixels say: of OpenCV, AVIF comes as stored."""
    boxes = data.partition(b"mdat")[0]
    turn, mirror = (boxes[start + 4] if (start := boxes.find(mark)) >= 0 else None for mark in (b"irot", b"imir"))
    if turn is not None:
        rgb = np.rot90(rgb, turn & 3)
    if mirror is not None:
        rgb = rgb[:, ::-1] if mirror & 1 else rgb[::-1]
    return np.ascontiguousarray(rgb)


def _is_tiff(data: bytes) -> bool:
    return data[:4] in (b"II*\0", b"MM\0*")


def _orientation(data: bytes) -> int:
    """EXIF orientation 1..8 of a PNG or WebP file; 1 where there is none."""
    chunk = max(data.find(b"eXIf"), data.find(b"EXIF", 12))
    starts = [found for mark in (b"II*\0", b"MM\0*") if (found := data.find(mark, chunk, chunk + 32)) >= 0]
    if chunk < 0 or not starts:
        return 1
    start = min(starts)
    order = "<" if data[start : start + 2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(order + "I", data, start + 4)
        (count,) = struct.unpack_from(order + "H", data, start + offset)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", data, start + offset + 2 + 12 * entry)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _upright(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
