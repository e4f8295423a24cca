package dev.densepose.mobile

/** The 24 parts; 0 is background. Their names are `parts` of model.json. */
const val NUM_PARTS = 24

/** Sizes that fix every tensor of a model: `spec` of model.json, under the same names. */
data class ModelSpec(
    /** px, side of the square picture that `detect` takes. */
    val detectSize: Int,
    /** px, side of the square crop that `track` takes. */
    val trackSize: Int,
    /** Crop side over the longer side of the person's box. */
    val trackMargin: Double,
    /** RoI side over box side. */
    val roiMargin: Double,
    /** The least ratio of an RoI's shorter side to its longer side. */
    val roiMinAspect: Double,
    /** px of `detect`'s picture per feature cell. */
    val featureStride: Int,
    /** px of `detect`'s picture per location, level by level. */
    val levelStrides: List<Int>,
    /** Cells of the pooled RoI, along one axis. */
    val roiSize: Int,
    /** Cells of the dense maps, along one axis. */
    val mapSize: Int
) {
    /** Cells of the feature map, along one axis. */
    val featureCells: Int get() = detectSize / featureStride

    /** Rows of `detect`'s scores and boxes: levels in order, each row-major. */
    val numLocations: Int get() = levelStrides.map { detectSize / it }.fold(0) { sum, side -> sum + side * side }

    /** The fixed RoI of `track`, px of its crop: where the maps of `track` lie. */
    val trackRoi: Box
        get() {
            val side = trackSize * roiMargin / trackMargin
            val low = (trackSize - side) / 2
            return Box(low.toFloat(), low.toFloat(), (low + side).toFloat(), (low + side).toFloat())
        }
}
