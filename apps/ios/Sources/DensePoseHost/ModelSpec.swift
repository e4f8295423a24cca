/// The 24 parts; 0 is background. Their names are `parts` of model.json.
public let numParts = 24

/// Sizes that fix every tensor of a model: `spec` of model.json.
///
/// Decode it with `JSONDecoder` and `keyDecodingStrategy = .convertFromSnakeCase`.
public struct ModelSpec: Codable, Equatable {
    /// px, side of the square picture that `detect` takes.
    public var detectSize: Int
    /// px, side of the square crop that `track` takes.
    public var trackSize: Int
    /// Crop side over the longer side of the person's box.
    public var trackMargin: Double
    /// RoI side over box side.
    public var roiMargin: Double
    /// The least ratio of an RoI's shorter side to its longer side.
    public var roiMinAspect: Double
    /// px of `detect`'s picture per feature cell.
    public var featureStride: Int
    /// px of `detect`'s picture per location, level by level.
    public var levelStrides: [Int]
    /// Cells of the pooled RoI, along one axis.
    public var roiSize: Int
    /// Cells of the dense maps, along one axis.
    public var mapSize: Int

    /// Cells of the feature map, along one axis.
    public var featureCells: Int { detectSize / featureStride }

    /// Rows of `detect`'s scores and boxes: levels in order, each row-major.
    public var numLocations: Int {
        levelStrides.reduce(0) { sum, stride in sum + (detectSize / stride) * (detectSize / stride) }
    }

    /// The fixed RoI of `track`, px of its crop: where the maps of `track` lie.
    public var trackRoi: Box {
        let side = Double(trackSize) * roiMargin / trackMargin
        let low = (Double(trackSize) - side) / 2
        return Box(left: Float(low), top: Float(low), right: Float(low + side), bottom: Float(low + side))
    }
}
