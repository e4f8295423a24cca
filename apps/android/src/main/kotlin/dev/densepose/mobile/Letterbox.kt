package dev.densepose.mobile

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.round

/**
 * The mapping between the pixels of a picture and those of a square network input: a window on the picture, which may
 * reach beyond it.
 *
 * network = source * scale + pad, both in px with centres at +0.5, so that there is no half-pixel term.
 */
data class Letterbox(
    /** px, side of the network input. */
    val size: Int,
    /** Network px per source px. */
    val scale: Double,
    /** px, network frame: where the source's origin lies. */
    val padX: Double,
    val padY: Double
) {
    fun toNetwork(box: Box): Box = Box(
        (box.left * scale + padX).toFloat(),
        (box.top * scale + padY).toFloat(),
        (box.right * scale + padX).toFloat(),
        (box.bottom * scale + padY).toFloat()
    )

    fun fromNetwork(box: Box): Box = Box(
        ((box.left - padX) / scale).toFloat(),
        ((box.top - padY) / scale).toFloat(),
        ((box.right - padX) / scale).toFloat(),
        ((box.bottom - padY) / scale).toFloat()
    )

    companion object {
        /**
         * The whole picture, scaled until its longer side fills `size`, centred to the nearest whole pixel.
         *
         * @throws IllegalArgumentException for a side below 1.
         */
        fun fit(width: Int, height: Int, size: Int): Letterbox {
            require(width >= 1 && height >= 1 && size >= 1) {
                "a picture of $width x $height px cannot be fitted into $size px: sides must be >= 1"
            }
            val scale = size.toDouble() / max(width, height)
            return Letterbox(size, scale, centred(width, scale, size), centred(height, scale, size))
        }

        /**
         * A square of the picture, px; it may reach beyond the picture.
         *
         * @throws IllegalArgumentException for what is no square.
         */
        fun window(square: Box, size: Int): Letterbox {
            val width = square.right.toDouble() - square.left
            val height = square.bottom.toDouble() - square.top
            val side = max(width, height)
            require(side > 0 && abs(width - height) <= 1e-3 * side + 1e-3) {
                "a crop square has equal sides > 0; got $width x $height px"
            }
            val scale = size / side
            return Letterbox(size, scale, -square.left * scale, -square.top * scale)
        }

        private fun centred(side: Int, scale: Double, size: Int): Double =
            Math.floorDiv(size - max(round(side * scale).toInt(), 1), 2).toDouble()
    }
}
