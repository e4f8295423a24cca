package dev.densepose.mobile

/** One test for each step: runs the host step on what a case gives and compares the outcome. */
internal val STEPS: Map<String, (Node, Node, Check) -> Unit> = mapOf(
    "letterbox" to ::letterbox,
    "sample" to ::sample,
    "decode" to ::decode,
    "nms" to ::suppression,
    "select" to ::select,
    "rois" to ::rois,
    "closer" to ::closer,
    "mirror" to ::mirror,
    "silhouette" to ::silhouette,
    "people" to ::people,
    "bytes" to ::bytes
)

/** Whether the step refuses what a case gives, as one without `expected` asks for. */
internal fun refuses(step: String, given: Node): Boolean {
    check(step == "letterbox") { "$step refuses nothing" }
    return try {
        letterbox(given)
        false
    } catch (refused: IllegalArgumentException) {
        true
    }
}

private fun letterbox(given: Node): Letterbox = when (given.string("kind")) {
    "fit" -> Letterbox.fit(given.int("width"), given.int("height"), given.int("size"))
    else -> Letterbox.window(boxOf(given.floats("square")), given.int("size"))
}

private fun letterbox(given: Node, expected: Node, check: Check) {
    val letterbox = letterbox(given)
    check.number("scale", expected.double("scale"), letterbox.scale)
    check.number("padX", expected.doubles("pad")[0], letterbox.padX)
    check.number("padY", expected.doubles("pad")[1], letterbox.padY)
    val boxes = given.boxes("boxes")
    check.boxes("network boxes", expected.boxes("network_boxes"), boxes.map { letterbox.toNetwork(it) })
    check.boxes("source boxes", expected.boxes("source_boxes"), boxes.map { letterbox.fromNetwork(it) })
    // A point is a corner of a box here.
    val points = pointsOf(given.floats("points"))
    check.boxes("network points", pointsOf(expected.floats("network_points")), points.map { letterbox.toNetwork(it) })
    check.boxes("source points", pointsOf(expected.floats("source_points")), points.map { letterbox.fromNetwork(it) })
}

private fun sample(given: Node, expected: Node, check: Check) {
    val (height, width) = given.shape("picture")
    val bytes = given.tensorInts("picture")
    val argb = IntArray(height * width) {
        (255 shl 24) or (bytes[it * 3] shl 16) or (bytes[it * 3 + 1] shl 8) or bytes[it * 3 + 2]
    }
    val size = given.int("size")
    val whole = "square" !in given
    val letterbox =
        if (whole) Letterbox.fit(width, height, size) else Letterbox.window(boxOf(given.floats("square")), size)
    check.floats("image", expected.floats("image"), letterbox.sample(Picture(width, height, argb)))
}

private fun decode(given: Node, expected: Node, check: Check) {
    val spec = spec(given)
    val locations = Locations(spec)
    val rows = 0 until spec.numLocations
    val distances = given.floats("distances")
    val logits = given.floats("logits")
    check.floats("centres", expected.floats("centres"), rows.flatMap { locations.centre(it) }.toFloatArray())
    check.floats("strides", expected.floats("strides"), rows.map { locations.strides[it] }.toFloatArray())
    check.boxes("boxes", expected.boxes("boxes"), rows.map { locations.box(distances, it) })
    check.floats("probabilities", expected.floats("probabilities"), rows.map { sigmoid(logits[it]) }.toFloatArray())
}

private fun Locations.centre(row: Int): List<Float> = listOf(centreX[row], centreY[row])

private fun suppression(given: Node, expected: Node, check: Check) {
    val boxes = given.boxes("boxes")
    val overlaps = boxes.flatMap { a -> boxes.map { b -> a.iou(b) } }
    check.floats("iou", expected.floats("iou"), overlaps.toFloatArray())
    val kept = nms(boxes, given.floats("scores"), given.float("overlap"), given.int("limit"))
    check.same("kept", expected.ints("kept"), kept)
}

private fun select(given: Node, expected: Node, check: Check) {
    val found = Locations(spec(given)).select(
        given.floats("logits"),
        given.floats("distances"),
        boxOf(given.floats("content")),
        given.float("score"),
        given.float("overlap"),
        given.int("limit")
    )
    check.boxes("boxes", expected.boxes("boxes"), found.map { it.box })
    check.floats("scores", expected.floats("scores"), found.map { it.score }.toFloatArray())
}

private fun rois(given: Node, expected: Node, check: Check) {
    val spec = spec(given)
    val boxes = given.boxes("boxes")
    val rois = boxes.map { spec.roi(it) }
    check.boxes("rois", expected.boxes("rois"), rois)
    check.boxes("crop squares", expected.boxes("crop_squares"), boxes.map { spec.cropSquare(it) })
    val trackRoi = expected.doubles("track_roi").map { it.toFloat() }.toFloatArray()
    check.boxes("track RoI", listOf(boxOf(trackRoi)), listOf(spec.trackRoi))
    val weights = spec.roiWeights(rois)
    check.floats("wy", expected.floats("wy"), weights.wy)
    check.floats("wx", expected.floats("wx"), weights.wx)
    val filled = spec.roiWeights(rois, rois.size + 2)
    check.floats("wy of a larger batch", expected.floats("wy"), filled.wy.copyOf(weights.wy.size))
    check.same("its rest is zero", true, filled.wy.drop(weights.wy.size).all { it == 0f })
}

private fun closer(given: Node, expected: Node, check: Check) {
    val found = spec(given).closerLooks(given.boxes("boxes"), given.double("scale"), given.double("worthwhile"))
    check.same("rows", expected.ints("rows"), found)
}

private fun mirror(given: Node, expected: Node, check: Check) {
    val spec = spec(given)
    val plain = given.node("plain")
    val mirrored = given.node("mirrored")
    val side = given.shape("image")[0]
    check.floats("image", expected.floats("image"), mirrorInput(given.floats("image"), side))
    val weights = spec.mirrorWeights(RoiWeights(FloatArray(0), given.floats("wx")))
    check.floats("wx", expected.floats("wx"), weights.wx)
    val scores = spec.meanScores(plain.floats("scores"), mirrored.floats("scores"))
    check.floats("scores", expected.floats("scores"), scores)
    check.floats("boxes", expected.floats("boxes"), spec.meanBoxes(plain.floats("boxes"), mirrored.floats("boxes")))
    for (output in listOf("foreground", "parts", "u", "v", "confidence")) {
        val found = meanMaps(output, plain.floats(output), mirrored.floats(output), spec.mapSize)
        check.floats(output, expected.floats(output), found)
    }
}

private fun silhouette(given: Node, expected: Node, check: Check) {
    val cells = given.shape("foreground")[0]
    val roi = boxOf(given.floats("roi"))
    val found = Silhouette.of(given.floats("foreground"), cells, roi, given.int("width"), given.int("height"))
    if (!check.same("nobody", expected.isNull("box"), found == null) || found == null) return
    val box = listOf(found.left, found.top, found.left + found.width, found.top + found.height)
    if (!check.same("box", expected.ints("box"), box)) return
    check.ints("mask", expected.tensorInts("mask"), found.mask.map { if (it) 1 else 0 }.toIntArray())
    check.ints("cells", expected.tensorInts("cells"), found.cells.map { if (it) 1 else 0 }.toIntArray())
    check.floats("logit", expected.floats("logit"), found.logit)
}

private fun people(given: Node, expected: Node, check: Check) {
    val height = given.int("height")
    val width = given.int("width")
    val looks = given.nodes("people")
    val scores = looks.map { it.float("score") }
    val found = assemble(looks.map { maps(it) }, scores, width, height, given.double("duplicate"))
    val wanted = expected.nodes("people")
    if (!check.same("people", wanted.map { it.int("index") }, found.map { it.index })) return
    for ((person, node) in found.zip(wanted)) {
        val who = "person ${person.index}"
        val box = listOf(person.left, person.top, person.left + person.width, person.top + person.height)
        if (!check.same("box of $who", node.ints("box"), box)) continue
        check.ints("part of $who", node.tensorInts("part"), person.part.map { it.toInt() }.toIntArray())
        check.floats("uv of $who", node.floats("uv"), person.u + person.v)
        check.floats("confidence of $who", node.floats("confidence"), person.confidence)
    }
    check.ints("iuv", expected.tensorInts("iuv"), iuv(found, width, height).map { it.toInt() and 255 }.toIntArray())
}

private fun bytes(given: Node, expected: Node, check: Check) {
    val found = given.floats("u").map { coordinateByte(it).toInt() and 255 }
    check.ints("bytes", expected.tensorInts("bytes"), found.toIntArray())
}

private fun maps(node: Node): DenseMaps = DenseMaps(
    boxOf(node.floats("roi")),
    node.shape("foreground")[0],
    node.floats("foreground"),
    node.floats("parts"),
    node.floats("u"),
    node.floats("v"),
    node.floats("confidence")
)

private fun spec(given: Node): ModelSpec {
    val spec = given.node("spec")
    return ModelSpec(
        detectSize = spec.int("detect_size"),
        trackSize = spec.int("track_size"),
        trackMargin = spec.double("track_margin"),
        roiMargin = spec.double("roi_margin"),
        roiMinAspect = spec.double("roi_min_aspect"),
        featureStride = spec.int("feature_stride"),
        levelStrides = spec.ints("level_strides"),
        roiSize = spec.int("roi_size"),
        mapSize = spec.int("map_size")
    )
}

private fun boxOf(values: FloatArray): Box = Box(values[0], values[1], values[2], values[3])

private fun pointsOf(values: FloatArray): List<Box> =
    List(values.size / 2) { Box(values[it * 2], values[it * 2 + 1], values[it * 2], values[it * 2 + 1]) }
