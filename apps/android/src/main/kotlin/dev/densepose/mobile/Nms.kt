package dev.densepose.mobile

/**
 * Which boxes stay when each suppresses the lower-scored ones that overlap it by more than `overlap` (IoU).
 *
 * @return at most `limit` indices, best first; of equal scores the earlier one.
 */
fun nms(boxes: List<Box>, scores: FloatArray, overlap: Float, limit: Int): List<Int> {
    val kept = ArrayList<Int>()
    for (candidate in boxes.indices.sortedByDescending { scores[it] }) { // stable
        if (kept.size >= limit) break
        if (kept.all { boxes[it].iou(boxes[candidate]) <= overlap }) kept.add(candidate)
    }
    return kept
}
