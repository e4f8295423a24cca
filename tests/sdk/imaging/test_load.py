import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)


def quarters() -> np.ndarray:
    """A 16 x 32 picture whose four corners differ: RGB uint8."""
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:8, :16], picture[:8, 16:], picture[8:, :16], picture[8:, 16:] = RED, GREEN, BLUE, WHITE
    return picture


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera lays down the pixels of an upright picture that it marks with an orientation."""
    undo = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p.transpose(1, 0, 2), 2),
        8: lambda p: np.rot90(p, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


def tiff_block(orientation: int, order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, orientation, 0) + bytes(4)


def encode(suffix: str, picture: np.ndarray, *options: int) -> bytes:
    """picture: RGB, RGBA or grey."""
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, codes[picture.shape[2]])
    return cv2.imencode(suffix, picture, list(options))[1].tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "png with alpha"])
def test_exif_orientation(tmp_path: Path, orientation: int, kind: str) -> None:
    pixels = stored(quarters(), orientation)
    if kind == "jpg":
        raw = encode(".jpg", pixels, cv2.IMWRITE_JPEG_QUALITY, 100)
        exif = b"Exif\0\0" + tiff_block(orientation)
        raw = raw[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + raw[2:]
    else:
        if kind == "png with alpha":
            alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
            pixels = np.concatenate([pixels, alpha], 2)
        raw = encode(".png", pixels)
        raw = raw[:33] + chunk(b"eXIf", tiff_block(orientation, ">")) + raw[33:]
    loaded = load_image(write(tmp_path, "p." + kind[:3], raw))
    assert loaded.shape == (16, 32, 3)
    np.testing.assert_allclose(loaded[[3, 3, 12, 12], [4, 27, 4, 27]].astype(int), [RED, GREEN, BLUE, WHITE], atol=12)


def avif(rgb: np.ndarray, orientation: int = 1) -> bytes:
    pillow = pytest.importorskip("PIL.Image")
    if not pytest.importorskip("PIL.features").check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    exif = pillow.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    pillow.fromarray(rgb).save(file, "AVIF", quality=100, subsampling="4:4:4", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [3, 4])
def test_avif_is_upright(tmp_path: Path, orientation: int, channels: int) -> None:
    pixels = stored(quarters(), orientation)
    if channels == 4:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 250, np.uint8)])
    loaded = load_image(write(tmp_path, "p.avif", avif(pixels, orientation)))
    assert loaded.shape == (16, 32, 3)
    np.testing.assert_allclose(loaded[[3, 3, 12, 12], [4, 27, 4, 27]].astype(int), [RED, GREEN, BLUE, WHITE], atol=12)


def test_alpha_of_avif_is_blended_on_white(tmp_path: Path) -> None:
    pixels = np.full((16, 16, 4), (200, 0, 0, 255), np.uint8)
    pixels[:8, :, 3] = 0
    loaded = load_image(write(tmp_path, "p.avif", avif(pixels)))
    np.testing.assert_allclose(loaded[[2, 13], [8, 8]].astype(int), [(255, 255, 255), (200, 0, 0)], atol=6)


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_of_more_bits_with_alpha(tmp_path: Path, bits: int) -> None:
    deep = np.zeros((16, 16, 4), np.uint16)
    deep[..., 2], deep[..., 3] = 200 << (bits - 8), (1 << bits) - 1
    try:
        done, data = cv2.imencode(".avif", deep, [cv2.IMWRITE_AVIF_DEPTH, bits])
    except cv2.error:
        done = False
    if not done:
        pytest.skip("this OpenCV writes no such AVIF")
    loaded = load_image(write(tmp_path, "p.avif", data.tobytes()))
    np.testing.assert_allclose(loaded[8, 8].astype(int), (200, 0, 0), atol=4)


def test_transparency_after_a_long_profile_is_seen(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    picture = pillow.fromarray(np.zeros((8, 8), np.uint8)).convert("P")
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=0, icc_profile=np.random.default_rng(0).bytes(9000))
    assert load_image(write(tmp_path, "p.png", file.getvalue())).min() == 255


def test_depths_and_channels(tmp_path: Path) -> None:
    picture = quarters()
    np.testing.assert_array_equal(load_image(write(tmp_path, "a.png", encode(".png", picture))), picture)
    np.testing.assert_array_equal(load_image(write(tmp_path, "a.bmp", encode(".bmp", picture))), picture)
    deep = encode(".png", picture.astype(np.uint16) * 257)
    np.testing.assert_allclose(load_image(write(tmp_path, "d.png", deep)).astype(int), picture, atol=1)
    grey = load_image(write(tmp_path, "g.png", encode(".png", picture[..., 0])))
    np.testing.assert_array_equal(grey, np.repeat(picture[..., :1], 3, 2))
    grey16 = load_image(write(tmp_path, "g16.png", encode(".png", picture[..., 0].astype(np.uint16) * 257)))
    np.testing.assert_allclose(grey16.astype(int), grey, atol=1)
    palette = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes([*RED, *BLUE]))
        + chunk(b"IDAT", zlib.compress(b"\0\x00\x01"))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(load_image(write(tmp_path, "p.png", palette)), [[RED, BLUE]])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
@pytest.mark.parametrize("depth", [1, 257])
def test_transparency_becomes_white(tmp_path: Path, suffix: str, depth: int) -> None:
    if depth == 257 and suffix == ".webp":
        pytest.skip("WebP has 8 bits only")
    layered = np.zeros((4, 4, 4), np.uint8)
    layered[:2] = (*RED, 255)
    pixels = layered.astype(np.uint16) * 257 if depth == 257 else layered
    loaded = load_image(write(tmp_path, "a" + suffix, encode(suffix, pixels)))
    np.testing.assert_allclose(loaded[0, 0].astype(int), RED, atol=10)
    np.testing.assert_allclose(loaded[3, 3].astype(int), 255, atol=2)


def test_one_pixel(tmp_path: Path) -> None:
    assert load_image(write(tmp_path, "1.png", encode(".png", quarters()[:1, :1]))).shape == (1, 1, 3)


def test_names_may_lie_and_be_odd(tmp_path: Path) -> None:
    path = write(tmp_path, "größe – ü.jpg", encode(".png", quarters()))
    np.testing.assert_array_equal(load_image(str(path)), quarters())


BOMB = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes(1000)))
    + chunk(b"IEND", b"")
)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"dear diary, today", "not a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "convert it to JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "video"),
        (encode(".jpg", NOISE)[:900], "breaks off"),
        (encode(".jpg", NOISE)[:-2], "breaks off"),
        (encode(".jpg", NOISE)[:40], "breaks off"),
        (encode(".png", NOISE)[:3000], "damaged or incomplete PNG"),
        (b"\xff\xd8\xff", "breaks off"),
        (BOMB, "2^30 pixels"),
    ],
)
def test_what_is_not_a_picture(tmp_path: Path, data: bytes, word: str) -> None:
    path = write(tmp_path, "photo.jpg", data)
    with pytest.raises(InputError) as caught:
        load_image(path)
    assert word in str(caught.value)
    assert str(path) in str(caught.value)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder"):
        load_image(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_image(tmp_path / "nothing.jpg")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [3, 4])
def test_tiff_is_turned_once(tmp_path: Path, orientation: int, channels: int) -> None:
    pixels = stored(quarters(), orientation)
    if channels == 4:
        pixels = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], 2)
    loaded = load_image(write(tmp_path, "p.tif", plain_tiff(pixels, orientation)))
    np.testing.assert_array_equal(loaded, quarters())


def plain_tiff(pixels: np.ndarray, orientation: int) -> bytes:
    """An uncompressed TIFF. pixels: (H, W, 3 or 4) uint8."""
    height, width, channels = pixels.shape
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, 0), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 0), (274, 3, 1, orientation), (277, 3, 1, channels), (278, 4, 1, height)]
    entries += [(279, 4, 1, pixels.size), (284, 3, 1, 1)] + ([(338, 3, 1, 2)] if channels == 4 else [])
    bits = 8 + 2 + 12 * len(entries) + 4  # where the bits per sample lie, and after them the pixels
    places = {258: bits, 273: bits + 8}
    directory = b"".join(struct.pack("<HHII", *entry[:3], places.get(entry[0], entry[3])) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return head + struct.pack("<4H", 8, 8, 8, 8) + pixels.tobytes()


@pytest.mark.parametrize(
    ("path", "word"), [("a\0b.jpg", "null character"), ("x" * 5000, "cannot be read"), (None, "NoneType"), (3, "int")]
)
def test_impossible_paths(path: object, word: str) -> None:
    with pytest.raises(InputError, match=word):
        load_image(path)  # type: ignore[arg-type]


def test_formats_beyond_the_decoder_are_named(tmp_path: Path) -> None:
    avif = b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(300)
    with pytest.raises(InputError, match=r"is AVIF.*save it as JPEG"):
        load_image(write(tmp_path, "p.avif", avif))
