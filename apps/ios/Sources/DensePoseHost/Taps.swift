/// What one pixel takes from along one axis: `weights.count` cells, from `cell` on.
struct Taps {
    let cell: Int
    let weights: [Float]
}

/// Weights of cells in pixels, along one axis.
///
/// Cells larger than a pixel are interpolated linearly between their centres, the outermost halves repeating the edge;
/// smaller ones are averaged with a tent two pixels wide. The weights of a pixel sum to one.
///
/// - Parameters:
///   - lowPx: px, where the first cell begins; may lie outside of the picture.
///   - highPx: px, where the last one ends.
///   - within: first and last cell whose pixels are asked for.
///   - size: px of the picture.
/// - Returns: the first pixel, and the cells of each one.
func pixelTaps(
    _ lowPx: Float, _ highPx: Float, cells: Int, within: ClosedRange<Int>, size: Int
) -> (first: Int, taps: [Taps]) {
    let low = Double(lowPx)
    let high = Double(highPx)
    let pitch = (high - low) / Double(cells)  // px
    let reach = max(1, 1 / pitch)  // cells
    let start = max(low, low + (Double(within.lowerBound) + 0.5 - reach) * pitch)
    let end = min(high, low + (Double(within.upperBound) + 0.5 + reach) * pitch)
    let first = max((start - 0.5).rounded(.up), 0)
    let stop = min((end - 0.5).rounded(.down) + 1, Double(size))
    guard stop > first else { return (Int(min(first, Double(size))), []) }
    let taps = (Int(first)..<Int(stop)).map { pixel -> Taps in
        let position = min(max((Double(pixel) + 0.5 - low) / pitch - 0.5, 0), Double(cells - 1))
        return tent(position, reach, cells)
    }
    return (Int(first), taps)
}

private func tent(_ position: Double, _ reach: Double, _ cells: Int) -> Taps {
    let from = Int(max((position - reach).rounded(.down), 0))
    let to = Int(min((position + reach).rounded(.up), Double(cells - 1)))
    let weights = (from...to).map { max(1 - abs(position - Double($0)) / reach, 0) }
    // Cells of no weight at the ends have no say in which parts a pixel may have.
    let lead = weights.prefix(while: { $0 <= 0 }).count
    let used = weights.filter { $0 > 0 }
    let sum = weights.reduce(0, +)
    return Taps(cell: from + lead, weights: used.map { Float($0 / sum) })
}
