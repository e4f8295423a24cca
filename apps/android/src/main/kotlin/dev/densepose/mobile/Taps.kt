package dev.densepose.mobile

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/** What one pixel takes from along one axis: `weights.size` cells, from `cell` on. */
internal class Taps(val cell: Int, val weights: FloatArray)

/** Pixels along one axis, from `first` on, each with the cells that it takes from. */
internal class PixelTaps(val first: Int, val taps: List<Taps>)

/**
 * Weights of cells in pixels, along one axis.
 *
 * Cells larger than a pixel are interpolated linearly between their centres, the outermost halves repeating the edge;
 * smaller ones are averaged with a tent two pixels wide. The weights of a pixel sum to one.
 *
 * @param lowPx px, where the first cell begins; may lie outside of the picture.
 * @param highPx px, where the last one ends.
 * @param within first and last cell whose pixels are asked for.
 * @param size px of the picture.
 */
internal fun pixelTaps(lowPx: Float, highPx: Float, cells: Int, within: IntRange, size: Int): PixelTaps {
    val low = lowPx.toDouble()
    val high = highPx.toDouble()
    val pitch = (high - low) / cells // px
    val reach = max(1.0, 1.0 / pitch) // cells
    val start = max(low, low + (within.first + 0.5 - reach) * pitch)
    val end = min(high, low + (within.last + 0.5 + reach) * pitch)
    val first = max(ceil(start - 0.5).toInt(), 0)
    val stop = min(floor(end - 0.5).toInt() + 1, size)
    val taps = List(max(stop - first, 0)) { index ->
        val position = min(max((first + index + 0.5 - low) / pitch - 0.5, 0.0), cells - 1.0)
        tent(position, reach, cells)
    }
    return PixelTaps(first, taps)
}

private fun tent(position: Double, reach: Double, cells: Int): Taps {
    val from = max(floor(position - reach).toInt(), 0)
    val to = min(ceil(position + reach).toInt(), cells - 1)
    val weights = DoubleArray(to - from + 1) { max(1 - abs(position - (from + it)) / reach, 0.0) }
    // Cells of no weight at the ends have no say in which parts a pixel may have.
    val used = weights.indices.filter { weights[it] > 0 }
    val sum = weights.sum()
    return Taps(from + used.first(), FloatArray(used.size) { (weights[used.first() + it] / sum).toFloat() })
}
