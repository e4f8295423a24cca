/// Share of a person's cells below which a separate island or a hole is noise.
private let speck = 0.01

/// A person's pixels in a window of the picture, and how the cells of the maps are weighed into them.
struct Silhouette {
    /// px, upright picture.
    let left: Int
    let top: Int
    /// (height, width) foreground logit at each pixel centre of the window.
    let logit: [Float]
    /// (height, width) the person's pixels.
    let mask: [Bool]
    /// (mapSize, mapSize) cells on the person.
    let cells: [Bool]
    /// Cells of each row and of each column of the window.
    let down: [Taps]
    let across: [Taps]

    var width: Int { across.count }
    var height: Int { down.count }

    /// Where the foreground, interpolated between the centres of the cells, is more likely than not.
    ///
    /// foreground: (cells, cells) logits over the RoI. roi: px of the upright picture, of `width` x `height` px.
    /// Nil where no pixel of the picture is foreground.
    static func of(_ foreground: [Float], cells: Int, roi: Box, width: Int, height: Int) -> Silhouette? {
        let (logits, body) = withoutSpecks(foreground, cells)
        let rows = (0..<cells).filter { y in (0..<cells).contains { body[y * cells + $0] } }
        let columns = (0..<cells).filter { x in (0..<cells).contains { body[$0 * cells + x] } }
        guard let firstRow = rows.first, let lastRow = rows.last, let firstColumn = columns.first,
            let lastColumn = columns.last
        else { return nil }
        let down = pixelTaps(roi.top, roi.bottom, cells: cells, within: firstRow...lastRow, size: height)
        let across = pixelTaps(roi.left, roi.right, cells: cells, within: firstColumn...lastColumn, size: width)
        let logit = interpolate(logits, cells, down.taps, across.taps)
        let mask = logit.map { $0 > 0 }
        return Silhouette(
            left: across.first, top: down.first, logit: logit, mask: mask, cells: body, down: down.taps,
            across: across.taps
        ).tight(mask)
    }

    /// The same with the window shrunk to `kept` pixels, (height, width); nil when there are none.
    func tight(_ kept: [Bool]) -> Silhouette? {
        let rows = (0..<height).filter { y in (0..<width).contains { kept[y * width + $0] } }
        let columns = (0..<width).filter { x in (0..<height).contains { kept[$0 * width + x] } }
        guard let y = rows.first, let lastRow = rows.last, let x = columns.first, let lastColumn = columns.last else {
            return nil
        }
        var newLogit: [Float] = []
        var newMask: [Bool] = []
        for row in y...lastRow {
            newLogit += logit[(row * width + x)...(row * width + lastColumn)]
            newMask += kept[(row * width + x)...(row * width + lastColumn)]
        }
        return Silhouette(
            left: left + x, top: top + y, logit: newLogit, mask: newMask, cells: cells,
            down: Array(down[y...lastRow]), across: Array(across[x...lastColumn])
        )
    }
}

/// One plane of cells brought to pixels: rows first, then columns.
private func interpolate(_ plane: [Float], _ cells: Int, _ down: [Taps], _ across: [Taps]) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(down.count * across.count)
    for vertical in down {
        var row = [Float](repeating: 0, count: cells)
        for (j, weight) in vertical.weights.enumerated() {
            let start = (vertical.cell + j) * cells
            for x in 0..<cells { row[x] += weight * plane[start + x] }
        }
        for horizontal in across {
            var sum: Float = 0
            for (i, weight) in horizontal.weights.enumerated() { sum += weight * row[horizontal.cell + i] }
            result.append(sum)
        }
    }
    return result
}

/// The logits and foreground cells without noise: islands, which would stretch the box, and holes.
private func withoutSpecks(_ foreground: [Float], _ cells: Int) -> ([Float], [Bool]) {
    let body = foreground.map { $0 > 0 }
    let least = speck * Double(body.filter { $0 }.count)
    var wrong = [Bool](repeating: false, count: foreground.count)
    for island in components(body, true, cells) where Double(island.count) < least {
        for cell in island { wrong[cell] = true }
    }
    for hole in components(body, false, cells) where Double(hole.count) < least {
        let open = hole.contains {
            $0 < cells || $0 >= cells * (cells - 1) || $0 % cells == 0 || $0 % cells == cells - 1
        }
        if !open { for cell in hole { wrong[cell] = true } }
    }
    let logits = foreground.indices.map { wrong[$0] ? -foreground[$0] : foreground[$0] }
    return (logits, body.indices.map { body[$0] != wrong[$0] })
}

/// Connected cells of one kind: of the body over eight neighbours, of the rest over four.
private func components(_ body: [Bool], _ kind: Bool, _ cells: Int) -> [[Int]] {
    var seen = [Bool](repeating: false, count: body.count)
    var found: [[Int]] = []
    for start in body.indices where !seen[start] && body[start] == kind {
        seen[start] = true
        var island = [start]
        var next = 0
        while next < island.count {
            let x = island[next] % cells
            let y = island[next] / cells
            next += 1
            for dy in -1...1 {
                for dx in -1...1 where kind || dx == 0 || dy == 0 {
                    guard (0..<cells).contains(x + dx), (0..<cells).contains(y + dy) else { continue }
                    let near = (y + dy) * cells + x + dx
                    if seen[near] || body[near] != kind { continue }
                    seen[near] = true
                    island.append(near)
                }
            }
        }
        found.append(island)
    }
    return found
}
