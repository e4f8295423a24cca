import Foundation

/// A box of `detect` and the chance, 0..1, that it is a person's.
public struct Detection: Equatable {
    public let box: Box
    public let score: Float
}

/// Where each row of `detect`'s scores and boxes stands. Make it once for a model.
public struct Locations {
    private(set) var centreX: [Float] = []
    private(set) var centreY: [Float] = []
    private(set) var strides: [Float] = []

    public init(_ spec: ModelSpec) {
        for stride in spec.levelStrides {
            let side = spec.detectSize / stride
            for y in 0..<side {
                for x in 0..<side {
                    centreX.append((Float(x) + 0.5) * Float(stride))
                    centreY.append((Float(y) + 0.5) * Float(stride))
                    strides.append(Float(stride))
                }
            }
        }
    }

    /// The box of a row, px of `detect`'s picture, not clipped.
    ///
    /// distances: the graph's output: left, top, right, bottom of every row, in strides of the row's level.
    public func box(_ distances: [Float], row: Int) -> Box {
        let at = row * 4
        let stride = strides[row]
        return Box(
            left: centreX[row] - distances[at] * stride,
            top: centreY[row] - distances[at + 1] * stride,
            right: centreX[row] + distances[at + 2] * stride,
            bottom: centreY[row] + distances[at + 3] * stride
        )
    }

    /// Who is in the picture: decode, clip to the picture, drop the unlikely and the empty, suppress overlaps.
    ///
    /// - Parameters:
    ///   - logits: the graph's scores, one a row.
    ///   - distances: the graph's boxes, four a row.
    ///   - content: px of `detect`'s input that the picture covers, from `Letterbox.toNetwork`; the rest is padding.
    ///   - score: least chance of a person.
    ///   - overlap: largest IoU of two people's boxes.
    ///   - limit: most people.
    /// - Returns: best first, boxes in px of `detect`'s picture.
    public func select(
        logits: [Float], distances: [Float], content: Box, score: Float, overlap: Float, limit: Int
    ) throws -> [Detection] {
        guard logits.count == strides.count, distances.count == 4 * strides.count else {
            throw HostError.unusable(
                "the spec has \(strides.count) rows; got \(logits.count) scores and \(distances.count) distances"
            )
        }
        var likely: [Detection] = []
        for row in strides.indices {
            let chance = sigmoid(logits[row])
            guard chance >= score else { continue }
            let found = box(distances, row: row).clipped(to: content)
            if found.width > 0 && found.height > 0 { likely.append(Detection(box: found, score: chance)) }
        }
        return nms(likely.map(\.box), likely.map(\.score), overlap: overlap, limit: limit).map { likely[$0] }
    }
}

/// The probability of a logit, without overflow at either end.
public func sigmoid(_ logit: Float) -> Float { 0.5 * (1 + Float(tanh(Double(0.5 * logit)))) }
