/// Mixes the cells around each pixel of a person.
///
/// The part of each cell is decided first and only then brought to pixels, chart by chart: U, V and confidence of a
/// pixel are averages over cells of the pixel's own part. Across a border between parts they jump, as the charts do.
/// Cells off the person have no say: nothing trained them.
struct Blend {
    private let maps: DenseMaps
    private let shape: Silhouette
    /// The likeliest part of each cell on the person, 0..23; of equal logits the lower. -1 off the person.
    private let labels: [Int]
    /// Probability of each cell.
    private let confidence: [Float]

    init(_ maps: DenseMaps, _ shape: Silhouette) {
        self.maps = maps
        self.shape = shape
        confidence = maps.confidence.map { sigmoid($0) }
        labels = shape.cells.indices.map { cell -> Int in
            guard shape.cells[cell] else { return -1 }
            var best = 0
            for part in 1..<numParts where maps.parts[cell * numParts + part] > maps.parts[cell * numParts + best] {
                best = part
            }
            return best
        }
    }

    /// Part, U, V and confidence of the silhouette's pixels.
    func person(index: Int, score: Float) -> Person {
        let count = shape.width * shape.height
        let zeros = [Float](repeating: 0, count: count)
        var person = Person(
            index: index, score: score, left: shape.left, top: shape.top, width: shape.width, height: shape.height,
            part: [UInt8](repeating: 0, count: count), u: zeros, v: zeros, confidence: zeros
        )
        for y in 0..<shape.height {
            for x in 0..<shape.width where shape.mask[y * shape.width + x] {
                paint(&person, y * shape.width + x, shape.down[y], shape.across[x])
            }
        }
        return person
    }

    /// The pixel's part is the one whose interpolated logit is highest, among the parts of the cells around it.
    private func paint(_ person: inout Person, _ pixel: Int, _ down: Taps, _ across: Taps) {
        var near = parts(down, across)
        var best = -Float.infinity
        var part = 0
        while near != 0 {
            if near & 1 != 0 { best = max(best, paintIfBetter(&person, pixel, down, across, part, best)) }
            near >>= 1
            part += 1
        }
    }

    /// Parts of the cells around, a bit for each.
    private func parts(_ down: Taps, _ across: Taps) -> UInt32 {
        var near: UInt32 = 0
        for j in down.weights.indices {
            let row = (down.cell + j) * maps.size + across.cell
            for i in across.weights.indices where labels[row + i] >= 0 { near |= 1 << UInt32(labels[row + i]) }
        }
        return near
    }

    /// Gives the pixel to the part if its interpolated logit, which is returned, is above `best`.
    private func paintIfBetter(
        _ person: inout Person, _ pixel: Int, _ down: Taps, _ across: Taps, _ part: Int, _ best: Float
    ) -> Float {
        var score: Float = 0
        var weight: Float = 0
        var u: Float = 0
        var v: Float = 0
        var sure: Float = 0
        for i in across.weights.indices {
            var columnScore: Float = 0
            var columnWeight: Float = 0
            var columnU: Float = 0
            var columnV: Float = 0
            var columnSure: Float = 0
            for j in down.weights.indices {
                let cell = (down.cell + j) * maps.size + across.cell + i
                guard shape.cells[cell] else { continue }
                let share = down.weights[j]
                columnScore += share * maps.parts[cell * numParts + part]
                guard labels[cell] == part else { continue }
                columnWeight += share
                columnU += share * maps.u[cell * numParts + part]
                columnV += share * maps.v[cell * numParts + part]
                columnSure += share * confidence[cell]
            }
            score += across.weights[i] * columnScore
            weight += across.weights[i] * columnWeight
            u += across.weights[i] * columnU
            v += across.weights[i] * columnV
            sure += across.weights[i] * columnSure
        }
        if score > best {
            person.part[pixel] = UInt8(part + 1)
            person.u[pixel] = min(max(u / weight, 0), 1)
            person.v[pixel] = min(max(v / weight, 0), 1)
            person.confidence[pixel] = min(max(sure / weight, 0), 1)
        }
        return score
    }
}
