/// What `dense` or `track` says about one person. Arrays are row-major, channels last, as the graphs give them.
public struct DenseMaps {
    /// px of the upright picture: where the maps lie.
    public let roi: Box
    /// Cells of the maps, along one axis.
    public let size: Int
    /// (size, size) logits.
    public let foreground: [Float]
    /// (size, size, 24) logits of parts 1..24.
    public let parts: [Float]
    /// (size, size, 24) U and V on each part's chart, 0..1.
    public let u: [Float]
    public let v: [Float]
    /// (size, size) logits.
    public let confidence: [Float]

    /// One RoI of a batch; the arrays are the graph's whole outputs. Throws where they are not of the size said.
    public init(
        roi: Box,
        size: Int,
        foreground: [Float],
        parts: [Float],
        u: [Float],
        v: [Float],
        confidence: [Float],
        row: Int = 0
    ) throws {
        let cells = size * size
        func cut(_ array: [Float], _ channels: Int) throws -> [Float] {
            let each = cells * channels
            guard row >= 0, array.count >= (row + 1) * each, array.count % each == 0 else {
                throw HostError.unusable("\(size) x \(size) cells have \(each) values an RoI; got \(array.count)")
            }
            return Array(array[(row * each)..<((row + 1) * each)])
        }
        self.roi = roi
        self.size = size
        self.foreground = try cut(foreground, 1)
        self.parts = try cut(parts, numParts)
        self.u = try cut(u, numParts)
        self.v = try cut(v, numParts)
        self.confidence = try cut(confidence, 1)
    }
}

/// One person: maps over the person's box, row-major, one cell a pixel of the upright picture.
public struct Person {
    /// Which of the given maps the person comes of.
    public let index: Int
    /// 0..1, of the detection.
    public let score: Float
    /// px of the upright picture; the box is tight around the person's pixels.
    public let left: Int
    public let top: Int
    public let width: Int
    public let height: Int
    /// 0 background, 1..24.
    public internal(set) var part: [UInt8]
    /// 0..1 on the part's chart; 0 on background.
    public internal(set) var u: [Float]
    public internal(set) var v: [Float]
    /// Chance that the surface point errs by less than the part's kappa; 0 on background.
    public internal(set) var confidence: [Float]
}

/// From the maps of all people of a picture to each one's pixels. No pixel belongs to two people.
///
/// - Parameters:
///   - maps: best detection first.
///   - scores: of the detections, 0..1; as many.
///   - width: px of the upright picture, as `height`.
///   - duplicate: `thresholds.duplicate` of model.json.
/// - Returns: best first; those without a pixel, and those who were seen twice, are left out.
public func assemble(
    _ maps: [DenseMaps], scores: [Float], width: Int, height: Int, duplicate: Double
) -> [Person] {
    precondition(maps.count == scores.count, "one score for each of the maps is asked for")
    let seen = maps.indices.compactMap { index in
        Silhouette.of(
            maps[index].foreground, cells: maps[index].size, roi: maps[index].roi, width: width, height: height
        ).map { (index: index, shape: $0) }
    }
    let owned = disjoint(seen.map(\.shape), seen.map { scores[$0.index] }, duplicate: duplicate)
    return zip(seen, owned).compactMap { found, shape in
        shape.map { Blend(maps[found.index], $0).person(index: found.index, score: scores[found.index]) }
    }
}

/// (height, width, 3) bytes of the picture: part, round(255 U), round(255 V); zeros where nobody is.
public func iuv(_ people: [Person], width: Int, height: Int) -> [UInt8] {
    var picture = [UInt8](repeating: 0, count: width * height * 3)
    for person in people.reversed() {
        for y in 0..<person.height {
            for x in 0..<person.width {
                let from = y * person.width + x
                if person.part[from] == 0 { continue }
                let to = ((person.top + y) * width + person.left + x) * 3
                picture[to] = person.part[from]
                picture[to + 1] = coordinateByte(person.u[from])
                picture[to + 2] = coordinateByte(person.v[from])
            }
        }
    }
    return picture
}

/// U or V as a byte; halves go to the even neighbour.
public func coordinateByte(_ value: Float) -> UInt8 { UInt8((value * 255).rounded(.toNearestOrEven)) }
