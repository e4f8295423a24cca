package dev.densepose.mobile

/*
 * A look at the mirror image besides. A network sees a person and the mirror image with different errors; the mean of
 * what it says of both errs less than either. Sides swap: what is a left hand in the mirror is a right one.
 */

/** What each part, 0..24, is in the mirror: `mirror` of model.json. */
private val MIRROR = intArrayOf(
    0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23
)

/** Parts whose U, or V, runs the other way in the mirror: `mirror_flips` of model.json. */
private val FLIPS_U = setOf(3, 4, 5, 6, 23, 24)
private val FLIPS_V = setOf(1, 2)

/** The mirrored network input. image: (size, size, 3), as `Letterbox.sample` gives it. */
fun mirrorInput(image: FloatArray, size: Int): FloatArray {
    require(image.size == size * size * 3) {
        "an input of $size x $size px has ${size * size * 3} values; got ${image.size}"
    }
    return turned(image, size, 3) { it }
}

/** Pooling weights of the same RoIs in the mirrored input. */
fun ModelSpec.mirrorWeights(weights: RoiWeights): RoiWeights {
    val each = roiSize * featureCells
    val across = FloatArray(weights.wx.size) {
        val start = it / each * each
        weights.wx[start + each - 1 - (it - start)] // both the cells of the RoI and those of the features turn round
    }
    return RoiWeights(weights.wy, across)
}

/** Mean of `detect`'s scores, one a row, of an input and of the mirrored one. Not averaged: its features. */
fun ModelSpec.meanScores(plain: FloatArray, mirrored: FloatArray): FloatArray {
    val rows = mirroredRows()
    return FloatArray(plain.size) { mean(plain[it], mirrored[rows[it]]) }
}

/** Mean of `detect`'s boxes, four distances a row: what is left in the mirror is right. */
fun ModelSpec.meanBoxes(plain: FloatArray, mirrored: FloatArray): FloatArray {
    val rows = mirroredRows()
    val edges = intArrayOf(2, 1, 0, 3)
    return FloatArray(plain.size) { mean(plain[it], mirrored[rows[it / 4] * 4 + edges[it % 4]]) }
}

/**
 * Mean of one output of `dense` or `track`, of a look and of the mirror image's.
 *
 * @param output its name in model.json: foreground, parts, u, v or confidence.
 * @param plain RoIs one after another, each (size, size, channels).
 */
fun meanMaps(output: String, plain: FloatArray, mirrored: FloatArray, size: Int): FloatArray {
    val charts = output in setOf("parts", "u", "v")
    require(charts || output == "foreground" || output == "confidence") { "$output is no map" }
    val channels = if (charts) NUM_PARTS else 1
    val flips = when (output) {
        "u" -> FLIPS_U
        "v" -> FLIPS_V
        else -> emptySet()
    }
    val back = turned(mirrored, size, channels) { if (charts) MIRROR[it + 1] - 1 else it }
    return FloatArray(plain.size) {
        val other = if (it % channels + 1 in flips) 1 - back[it] else back[it]
        mean(plain[it], other)
    }
}

/** Rows of columns (.., columns, channels) in reverse, channels taken from where `channel` says. */
private fun turned(values: FloatArray, columns: Int, channels: Int, channel: (Int) -> Int): FloatArray {
    val row = columns * channels
    return FloatArray(values.size) {
        val column = it % row / channels
        values[it / row * row + (columns - 1 - column) * channels + channel(it % channels)]
    }
}

/** The row of `detect` that lies where each one does in the mirror. */
private fun ModelSpec.mirroredRows(): IntArray {
    val rows = IntArray(numLocations)
    var start = 0
    for (stride in levelStrides) {
        val side = detectSize / stride
        for (cell in 0 until side * side) rows[start + cell] = start + cell / side * side + side - 1 - cell % side
        start += side * side
    }
    return rows
}

private fun mean(a: Float, b: Float): Float = (a + b) * 0.5f
