// A look at the mirror image besides. A network sees a person and the mirror image with different errors; the mean of
// what it says of both errs less than either. Sides swap: what is a left hand in the mirror is a right one.

/// What each part, 0..24, is in the mirror: `mirror` of model.json.
private let mirror = [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23]

/// Parts whose U, or V, runs the other way in the mirror: `mirror_flips` of model.json.
private let flipsU: Set<Int> = [3, 4, 5, 6, 23, 24]
private let flipsV: Set<Int> = [1, 2]

/// The mirrored network input. image: (size, size, 3), as `Letterbox.sample` gives it.
public func mirrorInput(_ image: [Float], size: Int) throws -> [Float] {
    guard image.count == size * size * 3 else {
        throw HostError.unusable("an input of \(size) x \(size) px has \(size * size * 3) values; got \(image.count)")
    }
    return turned(image, columns: size, channels: 3) { $0 }
}

extension ModelSpec {
    /// Pooling weights of the same RoIs in the mirrored input.
    public func mirrorWeights(_ weights: RoiWeights) -> RoiWeights {
        let each = roiSize * featureCells
        let across = weights.wx.indices.map { index -> Float in
            let start = index / each * each
            // Both the cells of the RoI and those of the features turn round.
            return weights.wx[start + each - 1 - (index - start)]
        }
        return RoiWeights(wy: weights.wy, wx: across)
    }

    /// Mean of `detect`'s scores, one a row, of an input and of the mirrored one. Not averaged: its features.
    public func meanScores(_ plain: [Float], _ mirrored: [Float]) -> [Float] {
        let rows = mirroredRows()
        return plain.indices.map { mean(plain[$0], mirrored[rows[$0]]) }
    }

    /// Mean of `detect`'s boxes, four distances a row: what is left in the mirror is right.
    public func meanBoxes(_ plain: [Float], _ mirrored: [Float]) -> [Float] {
        let rows = mirroredRows()
        let edges = [2, 1, 0, 3]
        return plain.indices.map { mean(plain[$0], mirrored[rows[$0 / 4] * 4 + edges[$0 % 4]]) }
    }

    /// The row of `detect` that lies where each one does in the mirror.
    private func mirroredRows() -> [Int] {
        var rows: [Int] = []
        for stride in levelStrides {
            let side = detectSize / stride
            let start = rows.count
            for cell in 0..<(side * side) { rows.append(start + cell / side * side + side - 1 - cell % side) }
        }
        return rows
    }
}

/// Mean of one output of `dense` or `track`, of a look and of the mirror image's.
///
/// output: its name in model.json: foreground, parts, u, v or confidence; throws for another. plain, mirrored: RoIs one
/// after another, each (size, size, channels).
public func meanMaps(_ output: String, _ plain: [Float], _ mirrored: [Float], size: Int) throws -> [Float] {
    let charts = ["parts", "u", "v"].contains(output)
    guard charts || output == "foreground" || output == "confidence" else {
        throw HostError.unusable("\(output) is no map")
    }
    let channels = charts ? numParts : 1
    let flips = output == "u" ? flipsU : output == "v" ? flipsV : []
    let back = turned(mirrored, columns: size, channels: channels) { charts ? mirror[$0 + 1] - 1 : $0 }
    return plain.indices.map { index in
        mean(plain[index], flips.contains(index % channels + 1) ? 1 - back[index] : back[index])
    }
}

/// Rows of columns (.., columns, channels) in reverse, channels taken from where `channel` says.
private func turned(_ values: [Float], columns: Int, channels: Int, channel: (Int) -> Int) -> [Float] {
    let row = columns * channels
    return values.indices.map { index in
        let column = index % row / channels
        return values[index / row * row + (columns - 1 - column) * channels + channel(index % channels)]
    }
}

private func mean(_ a: Float, _ b: Float) -> Float { (a + b) * 0.5 }
