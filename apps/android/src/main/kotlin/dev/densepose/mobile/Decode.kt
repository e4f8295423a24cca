package dev.densepose.mobile

import kotlin.math.tanh

/** A box of `detect` and the chance, 0..1, that it is a person's. */
data class Detection(val box: Box, val score: Float)

/** Where each row of `detect`'s scores and boxes stands. Make it once for a model. */
class Locations(spec: ModelSpec) {
    private val rows: Int = spec.numLocations
    internal val centreX = FloatArray(rows)
    internal val centreY = FloatArray(rows)
    internal val strides = FloatArray(rows)

    init {
        var row = 0
        for (stride in spec.levelStrides) {
            val side = spec.detectSize / stride
            for (y in 0 until side) {
                for (x in 0 until side) {
                    centreX[row] = (x + 0.5f) * stride
                    centreY[row] = (y + 0.5f) * stride
                    strides[row++] = stride.toFloat()
                }
            }
        }
    }

    /**
     * The box of a row, px of `detect`'s picture, not clipped.
     *
     * @param distances the graph's output: left, top, right, bottom of every row, in strides of the row's level.
     */
    fun box(distances: FloatArray, row: Int): Box {
        val at = row * 4
        val stride = strides[row]
        return Box(
            centreX[row] - distances[at] * stride,
            centreY[row] - distances[at + 1] * stride,
            centreX[row] + distances[at + 2] * stride,
            centreY[row] + distances[at + 3] * stride
        )
    }

    /**
     * Who is in the picture: decode, clip to the picture, drop the unlikely and the empty, suppress overlaps.
     *
     * @param logits the graph's scores, one a row.
     * @param distances the graph's boxes, four a row.
     * @param content px of `detect`'s input that the picture covers, from `Letterbox.toNetwork`; the rest is padding.
     * @param score least chance of a person.
     * @param overlap largest IoU of two people's boxes.
     * @param limit most people.
     * @return best first, boxes in px of `detect`'s picture.
     */
    fun select(
        logits: FloatArray,
        distances: FloatArray,
        content: Box,
        score: Float,
        overlap: Float,
        limit: Int
    ): List<Detection> {
        require(logits.size == rows && distances.size == 4 * rows) {
            "the spec has $rows rows of scores and boxes; got ${logits.size} scores and ${distances.size} distances"
        }
        val likely = ArrayList<Detection>()
        for (row in 0 until rows) {
            val chance = sigmoid(logits[row])
            if (!(chance >= score)) continue
            val box = box(distances, row).clippedTo(content)
            if (box.width > 0 && box.height > 0) likely.add(Detection(box, chance))
        }
        val scores = FloatArray(likely.size) { likely[it].score }
        return nms(likely.map { it.box }, scores, overlap, limit).map { likely[it] }
    }
}

/** The probability of a logit, without overflow at either end. */
fun sigmoid(logit: Float): Float = 0.5f * (1f + tanh(0.5f * logit))
