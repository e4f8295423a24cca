/// Bilinear samples per RoI cell and axis.
private let samplesPerCell = 2

/// Inputs `wy` and `wx` of a dense graph, each (batch, roiSize, featureCells), row-major.
public struct RoiWeights {
    public var wy: [Float]
    public var wx: [Float]
}

extension ModelSpec {
    /// The RoI of a detected box, px of `detect`'s picture: grown by `roiMargin` about its middle, a slender one
    /// widened to `roiMinAspect`, and at least one feature cell wide and high. It may reach outside of the picture.
    public func roi(_ box: Box) -> Box {
        let width = max(box.width, 0) * Float(roiMargin)
        let height = max(box.height, 0) * Float(roiMargin)
        let shortest = max(max(width, height) * Float(roiMinAspect), Float(featureStride))
        return Box.around(box, width: max(width, shortest), height: max(height, shortest))
    }

    /// The square of the picture that `track` looks at, in the box's frame: `trackMargin` times its longer side.
    public func cropSquare(_ box: Box) -> Box {
        let side = max(max(box.width, box.height) * Float(trackMargin), 1)
        return Box.around(box, width: side, height: side)
    }

    /// Pooling weights of RoIs, such that wy * features * transpose(wx) is RoIAlign (aligned, two samples a cell and
    /// axis).
    ///
    /// rois: px of `detect`'s picture, from `roi`. batch: RoIs that the graph takes, rois.count if nil; RoIs that lack
    /// are of weight zero. Throws when there are more RoIs than that.
    public func roiWeights(_ rois: [Box], batch: Int? = nil) throws -> RoiWeights {
        let batch = batch ?? rois.count
        guard rois.count <= batch else {
            throw HostError.unusable("\(rois.count) RoIs do not fit into a batch of \(batch): call more often")
        }
        let each = roiSize * featureCells
        let empty = [Float](repeating: 0, count: batch * each)
        var weights = RoiWeights(wy: empty, wx: empty)
        for (index, roi) in rois.enumerated() {
            fill(&weights.wy, from: index * each, low: roi.top, high: roi.bottom)
            fill(&weights.wx, from: index * each, low: roi.left, high: roi.right)
        }
        return weights
    }

    /// One axis of one RoI, in double precision as in the SDK.
    private func fill(_ target: inout [Float], from start: Int, low lowPx: Float, high highPx: Float) {
        let cells = featureCells
        let low = Double(lowPx) / Double(featureStride) - 0.5
        let high = Double(highPx) / Double(featureStride) - 0.5
        let samples = Double(roiSize * samplesPerCell)
        for cell in 0..<roiSize {
            var row = [Double](repeating: 0, count: cells)
            for sample in (cell * samplesPerCell)..<((cell + 1) * samplesPerCell) {
                let position = low + (high - low) * ((Double(sample) + 0.5) / samples)
                guard position >= -1, position <= Double(cells) else { continue }
                let inside = min(max(position, 0), Double(cells - 1))
                for near in Int(inside)...min(Int(inside) + 1, cells - 1) {
                    row[near] += 1 - abs(inside - Double(near))
                }
            }
            for near in 0..<cells { target[start + cell * cells + near] = Float(row[near] / Double(samplesPerCell)) }
        }
    }
}
