/// An upright picture, row-major, four bytes a pixel: R, G, B and one that is not read.
public struct Picture {
    public let width: Int
    public let height: Int
    public let rgba: [UInt8]

    public init(width: Int, height: Int, rgba: [UInt8]) throws {
        guard width >= 1, height >= 1, rgba.count == 4 * width * height else {
            throw HostError.unusable("\(width) x \(height) px are \(4 * width * height) bytes; got \(rgba.count)")
        }
        self.width = width
        self.height = height
        self.rgba = rgba
    }
}

private let mean: Float = 127.5
private let scaling: Float = 127.5

extension Letterbox {
    /// Network input: size x size x 3, row-major RGB, (value - 127.5) / 127.5, and 0 beyond the picture.
    ///
    /// Shrinking averages the area under each network pixel, so that fine patterns do not alias; enlarging is bilinear.
    public func sample(_ picture: Picture) -> [Float] {
        var image = [Float](repeating: 0, count: size * size * 3)
        let far = Float(size) + 1
        let reach = fromNetwork(Box(left: -1, top: -1, right: far, bottom: far))
        guard
            let columns = Axis(reach.left, reach.right, side: picture.width, scale: scale, shift: padX, size: size),
            let rows = Axis(reach.top, reach.bottom, side: picture.height, scale: scale, shift: padY, size: size)
        else { return image }
        let part = shrunk(picture, columns, rows)
        for y in rows.covered {
            let upper = rows.lower[y] * columns.count
            let lower = min(rows.lower[y] + 1, rows.count - 1) * columns.count
            for x in columns.covered {
                let share = columns.share[x]
                let left = columns.lower[x]
                let right = min(left + 1, columns.count - 1)
                for channel in 0..<3 {
                    let above = mix(part[(upper + left) * 3 + channel], part[(upper + right) * 3 + channel], share)
                    let below = mix(part[(lower + left) * 3 + channel], part[(lower + right) * 3 + channel], share)
                    image[(y * size + x) * 3 + channel] = (mix(above, below, rows.share[y]) - mean) / scaling
                }
            }
        }
        return image
    }
}

private func mix(_ a: Float, _ b: Float, _ share: Float) -> Float { a + (b - a) * share }

/// One axis of the window: which source pixels it needs, to how many they shrink, and where each network pixel lies.
private struct Axis {
    let first: Int
    let length: Int
    /// Pixels after shrinking.
    let count: Int
    /// Network px that the picture covers.
    let covered: Range<Int>
    /// For each network px: the shrunk px at or before its centre, and how far towards the next one it lies, 0..1.
    private(set) var lower: [Int]
    private(set) var share: [Float]

    /// Nil where the window lies beside the picture.
    init?(_ low: Float, _ high: Float, side: Int, scale: Double, shift: Double, size: Int) {
        // In floating point until it is clipped: a far window would overflow a whole number.
        let start = max(low.rounded(.down), 0)
        let stop = min(high.rounded(.up), Float(side))
        guard stop > start else { return nil }
        first = Int(start)
        length = Int(stop) - first
        count = scale < 1 ? max(Int((Double(length) * scale).rounded(.toNearestOrEven)), 1) : length
        lower = [Int](repeating: 0, count: size)
        share = [Float](repeating: 0, count: size)
        let pitch = scale * Double(length) / Double(count)
        let origin = shift + Double(first) * scale
        let begin = origin.rounded(.toNearestOrEven)
        let end = max((origin + Double(count) * pitch).rounded(.toNearestOrEven), begin + 1)
        let from = Int(min(max(begin, 0), Double(size)))
        covered = from..<max(Int(min(max(end, 0), Double(size))), from)
        for pixel in covered {
            let position = min(max((Double(pixel) + 0.5 - origin) / pitch - 0.5, 0), Double(count - 1))
            lower[pixel] = Int(position)
            share[pixel] = Float(position - Double(lower[pixel]))
        }
    }
}

/// The window's source pixels, averaged to `columns.count` x `rows.count` x 3 values 0..255.
private func shrunk(_ picture: Picture, _ columns: Axis, _ rows: Axis) -> [Float] {
    let across = areas(columns.length, columns.count)
    let down = areas(rows.length, rows.count)
    var result = [Float](repeating: 0, count: columns.count * rows.count * 3)
    for y in 0..<rows.count {
        for x in 0..<columns.count {
            var sums: (Float, Float, Float) = (0, 0, 0)
            for (j, vertical) in down[y].weights.enumerated() {
                let row = (rows.first + down[y].cell + j) * picture.width
                let start = row + columns.first + across[x].cell
                for (i, horizontal) in across[x].weights.enumerated() {
                    let weight = vertical * horizontal
                    let at = (start + i) * 4
                    sums.0 += weight * Float(picture.rgba[at])
                    sums.1 += weight * Float(picture.rgba[at + 1])
                    sums.2 += weight * Float(picture.rgba[at + 2])
                }
            }
            let at = (y * columns.count + x) * 3
            result[at] = sums.0.rounded(.toNearestOrEven)
            result[at + 1] = sums.1.rounded(.toNearestOrEven)
            result[at + 2] = sums.2.rounded(.toNearestOrEven)
        }
    }
    return result
}

/// How much of each source pixel lies under each of `count` equal stretches of `length` pixels.
private func areas(_ length: Int, _ count: Int) -> [Taps] {
    let pitch = Double(length) / Double(count)
    return (0..<count).map { index in
        let low = Double(index) * pitch
        let high = min(low + pitch, Double(length))
        let first = min(Int(low), length - 1)
        let last = min(max(Int((high - 1e-9).rounded(.up)), first + 1), length)
        return Taps(cell: first, weights: (first..<last).map { pixel in
            Float(max(min(high, Double(pixel) + 1) - max(low, Double(pixel)), 0) / (high - low))
        })
    }
}
