package dev.densepose.mobile

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min

/** Bilinear samples per RoI cell and axis. */
private const val SAMPLES = 2

/**
 * The RoI of a detected box, px of `detect`'s picture: grown by `roiMargin` about its middle, a slender one widened to
 * `roiMinAspect`, and at least one feature cell wide and high. It may reach outside of the picture.
 */
fun ModelSpec.roi(box: Box): Box {
    val margin = roiMargin.toFloat()
    val width = max(box.width, 0f) * margin
    val height = max(box.height, 0f) * margin
    val shortest = max(max(width, height) * roiMinAspect.toFloat(), featureStride.toFloat())
    return Box.around(box, max(width, shortest), max(height, shortest))
}

/** The square of the picture that `track` looks at, in the box's frame: `trackMargin` times its longer side. */
fun ModelSpec.cropSquare(box: Box): Box {
    val side = max(max(box.width, box.height) * trackMargin.toFloat(), 1f)
    return Box.around(box, side, side)
}

/** Inputs `wy` and `wx` of a dense graph, each (batch, roiSize, featureCells), row-major. */
class RoiWeights(val wy: FloatArray, val wx: FloatArray)

/**
 * Pooling weights of RoIs, such that wy * features * transpose(wx) is RoIAlign (aligned, two samples a cell and axis).
 *
 * @param rois px of `detect`'s picture, from `roi`.
 * @param batch RoIs that the graph takes: 4 of `dense_4`. RoIs that lack are of weight zero.
 */
fun ModelSpec.roiWeights(rois: List<Box>, batch: Int = rois.size): RoiWeights {
    require(rois.size <= batch) { "${rois.size} RoIs do not fit into a batch of $batch: call the graph more often" }
    val each = roiSize * featureCells
    val weights = RoiWeights(FloatArray(batch * each), FloatArray(batch * each))
    for ((index, roi) in rois.withIndex()) {
        fill(weights.wy, index * each, roi.top, roi.bottom)
        fill(weights.wx, index * each, roi.left, roi.right)
    }
    return weights
}

/** One axis of one RoI, in double precision as in the SDK. */
private fun ModelSpec.fill(target: FloatArray, start: Int, lowPx: Float, highPx: Float) {
    val cells = featureCells
    val low = lowPx.toDouble() / featureStride - 0.5
    val high = highPx.toDouble() / featureStride - 0.5
    val samples = roiSize * SAMPLES
    val row = DoubleArray(cells)
    for (cell in 0 until roiSize) {
        row.fill(0.0)
        for (sample in cell * SAMPLES until (cell + 1) * SAMPLES) {
            val position = low + (high - low) * ((sample + 0.5) / samples)
            if (position < -1 || position > cells) continue
            val inside = min(max(position, 0.0), cells - 1.0)
            for (near in inside.toInt()..min(inside.toInt() + 1, cells - 1)) row[near] += 1 - abs(inside - near)
        }
        for (near in 0 until cells) target[start + cell * cells + near] = (row[near] / SAMPLES).toFloat()
    }
}
