package dev.densepose.mobile

import kotlin.math.min

/**
 * Who is worth a look at a crop of their own, through `track`: indices of the boxes, the largest first.
 *
 * Enlarging adds no detail, hence neither look counts as finer than the picture itself.
 *
 * @param boxes px of the picture.
 * @param scale of the letterbox of the whole picture.
 * @param worthwhile `thresholds.worthwhile` of model.json: how much finer the crop must be.
 */
fun ModelSpec.closerLooks(boxes: List<Box>, scale: Double, worthwhile: Double): List<Int> {
    val before = min(scale, 1.0)
    val finer = boxes.indices.filter {
        min(trackSize / cropSquare(boxes[it]).width.toDouble(), 1.0) >= worthwhile * before
    }
    return finer.sortedByDescending { boxes[it].width * boxes[it].height } // stable: of equal sizes the earlier
}
