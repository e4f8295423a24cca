package dev.densepose.mobile

import kotlin.math.ln
import kotlin.math.max
import kotlin.math.min

/** Scores nearer than this to 0 or 1 say no more. */
private const val SURE = 1e-3f

/**
 * Gives each pixel to one person: the most likely to be there, and to be a person. That is the highest sum of the
 * pixel's foreground logit and the logit of the detection's score.
 *
 * @param people best detection first.
 * @param scores of the detections, 0..1.
 * @param duplicate a person more than this share of whose pixels a better one claims is the same one seen twice.
 * @return one for each person; null for duplicates and for those left without a pixel.
 */
internal fun disjoint(people: List<Silhouette>, scores: List<Float>, duplicate: Double): List<Silhouette?> {
    val masks = arrayOfNulls<BooleanArray>(people.size)
    val pairs = ArrayList<Meeting>()
    for ((index, person) in people.withIndex()) {
        val meetings = (0 until index).filter { masks[it] != null }.map { Meeting(it, index, people) }
        val most = duplicate * person.mask.count { it }
        if (meetings.any { it.shared() > most }) continue
        masks[index] = person.mask.copyOf()
        pairs += meetings
    }
    val bias = scores.map {
        val odds = min(max(it, SURE), 1 - SURE)
        ln(odds / (1 - odds))
    }
    for (pair in pairs) {
        val first = pair.first
        val second = pair.second
        pair.forEachShared { a, b ->
            val better = people[first].logit[a] + bias[first] >= people[second].logit[b] + bias[second]
            if (better) masks[second]!![b] = false else masks[first]!![a] = false
        }
    }
    return people.mapIndexed { index, person -> masks[index]?.let { person.tight(it) } }
}

/** Two people, the better one first, and the pixels that both claim. */
private class Meeting(val first: Int, val second: Int, people: List<Silhouette>) {
    private val a = people[first]
    private val b = people[second]

    fun shared(): Int {
        var count = 0
        forEachShared { _, _ -> count++ }
        return count
    }

    /** Index of each shared pixel in the window of the first and of the second. */
    inline fun forEachShared(visit: (Int, Int) -> Unit) {
        for (y in max(a.top, b.top) until min(a.top + a.height, b.top + b.height)) {
            for (x in max(a.left, b.left) until min(a.left + a.width, b.left + b.width)) {
                val inFirst = (y - a.top) * a.width + x - a.left
                val inSecond = (y - b.top) * b.width + x - b.left
                if (a.mask[inFirst] && b.mask[inSecond]) visit(inFirst, inSecond)
            }
        }
    }
}
