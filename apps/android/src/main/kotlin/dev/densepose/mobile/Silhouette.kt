package dev.densepose.mobile

/** Share of a person's cells below which a separate island or a hole is noise. */
private const val SPECK = 0.01

/** A person's pixels in a window of the picture, and how the cells of the maps are weighed into them. */
internal class Silhouette(
    /** px, upright picture. */
    val left: Int,
    val top: Int,
    /** (height, width) foreground logit at each pixel centre of the window. */
    val logit: FloatArray,
    /** (height, width) the person's pixels. */
    val mask: BooleanArray,
    /** (mapSize, mapSize) cells on the person. */
    val cells: BooleanArray,
    /** Cells of each row and of each column of the window. */
    val down: List<Taps>,
    val across: List<Taps>
) {
    val width: Int get() = across.size
    val height: Int get() = down.size

    /** The same with the window shrunk to `kept` pixels, (height, width); null when there are none. */
    fun tight(kept: BooleanArray): Silhouette? {
        val rows = (0 until height).filter { y -> (0 until width).any { kept[y * width + it] } }
        val columns = (0 until width).filter { x -> (0 until height).any { kept[it * width + x] } }
        if (rows.isEmpty()) return null
        val x = columns.first()
        val y = rows.first()
        val newWidth = columns.last() + 1 - x
        val newHeight = rows.last() + 1 - y
        val newLogit = FloatArray(newWidth * newHeight)
        val newMask = BooleanArray(newWidth * newHeight)
        for (row in 0 until newHeight) {
            for (column in 0 until newWidth) {
                val from = (y + row) * width + x + column
                newLogit[row * newWidth + column] = logit[from]
                newMask[row * newWidth + column] = kept[from]
            }
        }
        return Silhouette(
            left + x, top + y, newLogit, newMask, cells, down.subList(y, y + newHeight), across.subList(x, x + newWidth)
        )
    }

    companion object {
        /**
         * Where the foreground, interpolated between the centres of the cells, is more likely than not.
         *
         * @param foreground (cells, cells) logits over the RoI.
         * @param roi px of the upright picture.
         * @return null where no pixel of the picture is foreground.
         */
        fun of(foreground: FloatArray, cells: Int, roi: Box, width: Int, height: Int): Silhouette? {
            val (logits, body) = withoutSpecks(foreground, cells)
            val rows = (0 until cells).filter { y -> (0 until cells).any { body[y * cells + it] } }
            val columns = (0 until cells).filter { x -> (0 until cells).any { body[it * cells + x] } }
            if (rows.isEmpty()) return null
            val down = pixelTaps(roi.top, roi.bottom, cells, rows.first()..rows.last(), height)
            val across = pixelTaps(roi.left, roi.right, cells, columns.first()..columns.last(), width)
            val logit = interpolate(logits, cells, down.taps, across.taps)
            val mask = BooleanArray(logit.size) { logit[it] > 0 }
            return Silhouette(across.first, down.first, logit, mask, body, down.taps, across.taps).tight(mask)
        }
    }
}

/** One plane of cells brought to pixels: rows first, then columns. */
private fun interpolate(plane: FloatArray, cells: Int, down: List<Taps>, across: List<Taps>): FloatArray {
    val result = FloatArray(down.size * across.size)
    val row = FloatArray(cells)
    for ((y, vertical) in down.withIndex()) {
        row.fill(0f)
        for ((j, weight) in vertical.weights.withIndex()) {
            val start = (vertical.cell + j) * cells
            for (x in 0 until cells) row[x] += weight * plane[start + x]
        }
        for ((x, horizontal) in across.withIndex()) {
            var sum = 0f
            for ((i, weight) in horizontal.weights.withIndex()) sum += weight * row[horizontal.cell + i]
            result[y * across.size + x] = sum
        }
    }
    return result
}

/** The logits and foreground cells without noise: islands, which would stretch the box, and holes. */
private fun withoutSpecks(foreground: FloatArray, cells: Int): Pair<FloatArray, BooleanArray> {
    val body = BooleanArray(foreground.size) { foreground[it] > 0 }
    val least = SPECK * body.count { it }
    val wrong = BooleanArray(foreground.size)
    for (island in components(body, true, cells)) {
        if (island.size < least) island.forEach { wrong[it] = true }
    }
    for (hole in components(body, false, cells)) {
        val open = hole.any { it < cells || it >= cells * (cells - 1) || it % cells == 0 || it % cells == cells - 1 }
        if (hole.size < least && !open) hole.forEach { wrong[it] = true }
    }
    val logits = FloatArray(foreground.size) { if (wrong[it]) -foreground[it] else foreground[it] }
    return Pair(logits, BooleanArray(foreground.size) { body[it] != wrong[it] })
}

/** Connected cells of one kind: of the body over eight neighbours, of the rest over four. */
private fun components(body: BooleanArray, kind: Boolean, cells: Int): List<IntArray> {
    val seen = BooleanArray(body.size)
    val stack = IntArray(body.size)
    val found = ArrayList<IntArray>()
    for (start in body.indices) {
        if (seen[start] || body[start] != kind) continue
        seen[start] = true
        stack[0] = start
        var size = 1
        var next = 0
        while (next < size) {
            val x = stack[next] % cells
            val y = stack[next++] / cells
            for (dy in -1..1) {
                for (dx in -1..1) {
                    if (!kind && dx != 0 && dy != 0) continue
                    if (x + dx !in 0 until cells || y + dy !in 0 until cells) continue
                    val near = (y + dy) * cells + x + dx
                    if (seen[near] || body[near] != kind) continue
                    seen[near] = true
                    stack[size++] = near
                }
            }
        }
        found.add(stack.copyOf(size))
    }
    return found
}
