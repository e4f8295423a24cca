package dev.densepose.mobile

import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** What `dense` or `track` says about one person. Arrays are row-major, channels last, as the graphs give them. */
class DenseMaps(
    /** px of the upright picture: where the maps lie. */
    val roi: Box,
    /** Cells of the maps, along one axis. */
    val size: Int,
    /** (size, size) logits. */
    val foreground: FloatArray,
    /** (size, size, 24) logits of parts 1..24. */
    val parts: FloatArray,
    /** (size, size, 24) U and V on each part's chart, 0..1. */
    val u: FloatArray,
    val v: FloatArray,
    /** (size, size) logits. */
    val confidence: FloatArray
) {
    init {
        val charts = size * size * NUM_PARTS
        require(foreground.size == size * size && confidence.size == size * size) { "one logit a cell is asked for" }
        require(parts.size == charts && u.size == charts && v.size == charts) { "24 values a cell are asked for" }
    }

    companion object {
        /** One RoI of a batch; the arrays are the graph's whole outputs. */
        fun ofBatch(
            row: Int,
            roi: Box,
            size: Int,
            foreground: FloatArray,
            parts: FloatArray,
            u: FloatArray,
            v: FloatArray,
            confidence: FloatArray
        ): DenseMaps {
            fun cut(array: FloatArray, channels: Int): FloatArray {
                val each = size * size * channels
                return array.copyOfRange(row * each, (row + 1) * each)
            }
            return DenseMaps(
                roi,
                size,
                cut(foreground, 1),
                cut(parts, NUM_PARTS),
                cut(u, NUM_PARTS),
                cut(v, NUM_PARTS),
                cut(confidence, 1)
            )
        }
    }
}

/** One person: maps over the person's box, row-major, one cell a pixel of the upright picture. */
class Person(
    /** Which of the given maps the person comes of. */
    val index: Int,
    /** 0..1, of the detection. */
    val score: Float,
    /** px of the upright picture; the box is tight around the person's pixels. */
    val left: Int,
    val top: Int,
    val width: Int,
    val height: Int,
    /** 0 background, 1..24. */
    val part: ByteArray,
    /** 0..1 on the part's chart; 0 on background. */
    val u: FloatArray,
    val v: FloatArray,
    /** Chance that the surface point errs by less than the part's kappa; 0 on background. */
    val confidence: FloatArray
)

/**
 * From the maps of all people of a picture to each one's pixels. No pixel belongs to two people.
 *
 * @param maps best detection first.
 * @param scores of the detections, 0..1.
 * @param width px of the upright picture.
 * @param duplicate `thresholds.duplicate` of model.json.
 * @return best first; those without a pixel, and those who were seen twice, are left out.
 */
fun assemble(maps: List<DenseMaps>, scores: List<Float>, width: Int, height: Int, duplicate: Double): List<Person> {
    require(maps.size == scores.size) { "${maps.size} maps have ${scores.size} scores" }
    val shapes = maps.map { Silhouette.of(it.foreground, it.size, it.roi, width, height) }
    val seen = shapes.indices.filter { shapes[it] != null }
    val owned = disjoint(seen.map { shapes[it]!! }, seen.map { scores[it] }, duplicate)
    return seen.zip(owned).mapNotNull { (index, shape) -> shape?.let { paint(index, maps[index], it, scores[index]) } }
}

/** (height, width, 3) bytes of the picture: part, round(255 U), round(255 V); zeros where nobody is. */
fun iuv(people: List<Person>, width: Int, height: Int): ByteArray {
    val picture = ByteArray(width * height * 3)
    for (person in people.asReversed()) {
        for (y in 0 until person.height) {
            for (x in 0 until person.width) {
                val from = y * person.width + x
                if (person.part[from].toInt() == 0) continue
                val to = ((person.top + y) * width + person.left + x) * 3
                picture[to] = person.part[from]
                picture[to + 1] = coordinateByte(person.u[from])
                picture[to + 2] = coordinateByte(person.v[from])
            }
        }
    }
    return picture
}

/** U or V as a byte 0..255 (read it with `and 255`); halves go to the even neighbour. */
fun coordinateByte(value: Float): Byte = round(value * 255f).toInt().toByte()

/**
 * Part, U, V and confidence of the silhouette's pixels.
 *
 * The part of each cell is decided first and only then brought to pixels, chart by chart: U, V and confidence of a
 * pixel are averages over cells of the pixel's own part. Across a border between parts they jump, as the charts do.
 */
private fun paint(index: Int, maps: DenseMaps, shape: Silhouette, score: Float): Person {
    val labels = labels(maps, shape.cells)
    val confidence = FloatArray(maps.confidence.size) { sigmoid(maps.confidence[it]) }
    val count = shape.width * shape.height
    val person = Person(
        index, score, shape.left, shape.top, shape.width, shape.height,
        ByteArray(count), FloatArray(count), FloatArray(count), FloatArray(count)
    )
    val blend = Blend(maps, shape.cells, labels, confidence)
    for (y in 0 until shape.height) {
        for (x in 0 until shape.width) {
            val pixel = y * shape.width + x
            if (shape.mask[pixel]) blend.paint(person, pixel, shape.down[y], shape.across[x])
        }
    }
    return person
}

/** The likeliest part of each cell on the person, 0..23; of equal logits the lower. -1 off the person. */
private fun labels(maps: DenseMaps, cells: BooleanArray): IntArray = IntArray(cells.size) { cell ->
    var best = -1
    if (cells[cell]) {
        best = 0
        for (part in 1 until NUM_PARTS) {
            if (maps.parts[cell * NUM_PARTS + part] > maps.parts[cell * NUM_PARTS + best]) best = part
        }
    }
    best
}

/** Mixes the cells around a pixel. Cells off the person have no say: nothing trained them. */
private class Blend(
    private val maps: DenseMaps,
    private val cells: BooleanArray,
    private val labels: IntArray,
    private val confidence: FloatArray
) {
    /** The pixel's part is the one whose interpolated logit is highest, among the parts of the cells around it. */
    fun paint(person: Person, pixel: Int, down: Taps, across: Taps) {
        var near = near(down, across)
        var best = Float.NEGATIVE_INFINITY
        var part = 0
        while (near != 0) {
            if (near and 1 != 0) best = max(best, paintIfBetter(person, pixel, down, across, part, best))
            near = near shr 1
            part++
        }
    }

    /** Parts of the cells around, a bit for each. */
    private fun near(down: Taps, across: Taps): Int {
        var parts = 0
        for (j in down.weights.indices) {
            val row = (down.cell + j) * maps.size + across.cell
            for (i in across.weights.indices) {
                if (labels[row + i] >= 0) parts = parts or (1 shl labels[row + i])
            }
        }
        return parts
    }

    /** Gives the pixel to the part if its interpolated logit, which is returned, is above `best`. */
    private fun paintIfBetter(person: Person, pixel: Int, down: Taps, across: Taps, part: Int, best: Float): Float {
        var score = 0f
        var weight = 0f
        var u = 0f
        var v = 0f
        var sure = 0f
        for (i in across.weights.indices) {
            var columnScore = 0f
            var columnWeight = 0f
            var columnU = 0f
            var columnV = 0f
            var columnSure = 0f
            for (j in down.weights.indices) {
                val cell = (down.cell + j) * maps.size + across.cell + i
                if (!cells[cell]) continue
                val share = down.weights[j]
                columnScore += share * maps.parts[cell * NUM_PARTS + part]
                if (labels[cell] != part) continue
                columnWeight += share
                columnU += share * maps.u[cell * NUM_PARTS + part]
                columnV += share * maps.v[cell * NUM_PARTS + part]
                columnSure += share * confidence[cell]
            }
            score += across.weights[i] * columnScore
            weight += across.weights[i] * columnWeight
            u += across.weights[i] * columnU
            v += across.weights[i] * columnV
            sure += across.weights[i] * columnSure
        }
        if (score > best) {
            person.part[pixel] = (part + 1).toByte()
            person.u[pixel] = min(max(u / weight, 0f), 1f)
            person.v[pixel] = min(max(v / weight, 0f), 1f)
            person.confidence[pixel] = min(max(sure / weight, 0f), 1f)
        }
        return score
    }
}
