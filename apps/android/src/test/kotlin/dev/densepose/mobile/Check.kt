package dev.densepose.mobile

import kotlin.math.abs
import kotlin.math.max

/**
 * Compares what was found with what is expected.
 *
 * @param tolerance of floats: |found - expected| <= tolerance * max(1, |expected|). Whole numbers are exact.
 * @param slack share of an array's values that may be off nevertheless.
 */
internal class Check(private val tolerance: Double, private val slack: Double) {
    val faults = ArrayList<String>()

    /** Largest deviation of a float, over max(1, |expected|). */
    var worst = 0.0
        private set

    fun floats(what: String, expected: FloatArray, found: FloatArray) {
        if (!same("size of $what", expected.size, found.size)) return
        val off = expected.indices.filter { deviation(expected[it].toDouble(), found[it].toDouble()) > tolerance }
        allow(off, expected.size) { "$what[$it] is ${found[it]}, expected ${expected[it]}" }
    }

    fun number(what: String, expected: Double, found: Double) {
        if (deviation(expected, found) > tolerance) faults.add("$what is $found, expected $expected")
    }

    fun boxes(what: String, expected: List<Box>, found: List<Box>) = floats(what, flat(expected), flat(found))

    fun ints(what: String, expected: IntArray, found: IntArray) {
        if (!same("size of $what", expected.size, found.size)) return
        val off = expected.indices.filter { expected[it] != found[it] }
        allow(off, expected.size) { "$what[$it] is ${found[it]}, expected ${expected[it]}" }
    }

    fun <T> same(what: String, expected: T, found: T): Boolean {
        if (expected != found) faults.add("$what is $found, expected $expected")
        return expected == found
    }

    private fun allow(off: List<Int>, size: Int, describe: (Int) -> String) {
        if (off.size > slack * size) faults.add("${describe(off.first())} (${off.size} of $size)")
    }

    private fun deviation(expected: Double, found: Double): Double {
        val off = abs(found - expected) / max(1.0, abs(expected))
        worst = max(worst, off)
        return if (off.isNaN()) Double.POSITIVE_INFINITY else off
    }

    private fun flat(boxes: List<Box>): FloatArray =
        boxes.flatMap { listOf(it.left, it.top, it.right, it.bottom) }.toFloatArray()
}
