package dev.densepose.mobile

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** An upright picture, row-major, each pixel 0xAARRGGBB as `android.graphics.Bitmap.getPixels` gives it. */
class Picture(val width: Int, val height: Int, val argb: IntArray) {
    init {
        require(width >= 1 && height >= 1 && argb.size == width * height) {
            "a picture of $width x $height px has ${width * height} pixels; got ${argb.size}"
        }
    }
}

/**
 * Network input: size x size x 3, row-major RGB, (value - 127.5) / 127.5, and 0 beyond the picture. Alpha is ignored.
 *
 * Shrinking averages the area under each network pixel, so that fine patterns do not alias; enlarging is bilinear.
 */
fun Letterbox.sample(picture: Picture): FloatArray {
    val image = FloatArray(size * size * 3)
    val reach = fromNetwork(Box(-1f, -1f, size + 1f, size + 1f))
    val columns = Axis.of(reach.left, reach.right, picture.width, scale, padX, size) ?: return image
    val rows = Axis.of(reach.top, reach.bottom, picture.height, scale, padY, size) ?: return image
    val part = shrink(picture, columns, rows)
    for (y in rows.begin until rows.end) {
        val upper = rows.lower[y] * columns.count
        val lower = min(rows.lower[y] + 1, rows.count - 1) * columns.count
        val down = rows.fraction[y]
        for (x in columns.begin until columns.end) {
            val left = columns.lower[x]
            val right = min(left + 1, columns.count - 1)
            val across = columns.fraction[x]
            for (channel in 0 until 3) {
                val above = mix(part[(upper + left) * 3 + channel], part[(upper + right) * 3 + channel], across)
                val below = mix(part[(lower + left) * 3 + channel], part[(lower + right) * 3 + channel], across)
                image[(y * size + x) * 3 + channel] = (mix(above, below, down) - MEAN) / SCALE
            }
        }
    }
    return image
}

private const val MEAN = 127.5f
private const val SCALE = 127.5f

private fun mix(a: Float, b: Float, share: Float): Float = a + (b - a) * share

/** One axis of the window: which source pixels it needs, to how many they shrink, and where each network pixel lies. */
private class Axis(
    val first: Int,
    val length: Int,
    /** Pixels after shrinking. */
    val count: Int,
    scale: Double,
    shift: Double,
    size: Int
) {
    /** Network px that the picture covers. */
    val begin: Int
    val end: Int
    /** For each network px: the shrunk px at or before its centre, and how far towards the next one it lies, 0..1. */
    val lower = IntArray(size)
    val fraction = FloatArray(size)

    init {
        val pitch = scale * length / count
        val origin = shift + first * scale
        val start = round(origin).toInt()
        begin = min(max(start, 0), size)
        end = min(max(max(round(origin + count * pitch).toInt(), start + 1), 0), size)
        for (pixel in begin until end) {
            val position = min(max((pixel + 0.5 - origin) / pitch - 0.5, 0.0), count - 1.0)
            lower[pixel] = floor(position).toInt()
            fraction[pixel] = (position - lower[pixel]).toFloat()
        }
    }

    companion object {
        /** Null where the window lies beside the picture. */
        fun of(low: Float, high: Float, side: Int, scale: Double, shift: Double, size: Int): Axis? {
            val first = max(floor(low).toInt(), 0)
            val length = min(ceil(high).toInt(), side) - first
            if (length <= 0) return null
            val count = if (scale < 1) max(round(length * scale).toInt(), 1) else length
            return Axis(first, length, count, scale, shift, size)
        }
    }
}

/** The window's source pixels, averaged to `columns.count` x `rows.count` x 3 values 0..255. */
private fun shrink(picture: Picture, columns: Axis, rows: Axis): FloatArray {
    val across = areas(columns.length, columns.count)
    val down = areas(rows.length, rows.count)
    val result = FloatArray(columns.count * rows.count * 3)
    for (y in 0 until rows.count) {
        for (x in 0 until columns.count) {
            var red = 0f
            var green = 0f
            var blue = 0f
            for (j in down[y].weights.indices) {
                val start = (rows.first + down[y].cell + j) * picture.width + columns.first + across[x].cell
                for (i in across[x].weights.indices) {
                    val weight = down[y].weights[j] * across[x].weights[i]
                    val pixel = picture.argb[start + i]
                    red += weight * (pixel shr 16 and 255)
                    green += weight * (pixel shr 8 and 255)
                    blue += weight * (pixel and 255)
                }
            }
            val at = (y * columns.count + x) * 3
            result[at] = round(red)
            result[at + 1] = round(green)
            result[at + 2] = round(blue)
        }
    }
    return result
}

/** How much of each source pixel lies under each of `count` equal stretches of `length` pixels. */
private fun areas(length: Int, count: Int): List<Taps> {
    val pitch = length.toDouble() / count
    return List(count) { index ->
        val low = index * pitch
        val high = min(low + pitch, length.toDouble())
        val first = min(floor(low).toInt(), length - 1)
        val last = min(max(ceil(high - 1e-9).toInt(), first + 1), length)
        Taps(first, FloatArray(last - first) {
            val pixel = (first + it).toDouble()
            (max(min(high, pixel + 1) - max(low, pixel), 0.0) / (high - low)).toFloat()
        })
    }
}
