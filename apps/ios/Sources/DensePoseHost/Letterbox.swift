/// What the host steps refuse.
public enum HostError: Error, Equatable {
    case unusable(String)
}

/// The mapping between the pixels of a picture and those of a square network input: a window on the picture, which may
/// reach beyond it.
///
/// network = source * scale + pad, both in px with centres at +0.5, so that there is no half-pixel term.
public struct Letterbox: Equatable {
    /// px, side of the network input.
    public let size: Int
    /// Network px per source px.
    public let scale: Double
    /// px, network frame: where the source's origin lies.
    public let padX: Double
    public let padY: Double

    /// The whole picture, scaled until its longer side fills `size`, centred to the nearest whole pixel.
    ///
    /// Throws for a side below 1.
    public static func fit(width: Int, height: Int, size: Int) throws -> Letterbox {
        guard width >= 1, height >= 1, size >= 1 else {
            throw HostError.unusable("\(width) x \(height) px cannot be fitted into \(size) px: sides must be >= 1")
        }
        let scale = Double(size) / Double(max(width, height))
        return Letterbox(
            size: size, scale: scale, padX: centred(width, scale, size), padY: centred(height, scale, size)
        )
    }

    /// A square of the picture, px; it may reach beyond the picture. Throws for what is no square.
    public static func window(_ square: Box, size: Int) throws -> Letterbox {
        let width = Double(square.right) - Double(square.left)
        let height = Double(square.bottom) - Double(square.top)
        let side = max(width, height)
        guard side > 0, abs(width - height) <= 1e-3 * side + 1e-3 else {
            throw HostError.unusable("a crop square has equal sides > 0; got \(width) x \(height) px")
        }
        let scale = Double(size) / side
        return Letterbox(
            size: size, scale: scale, padX: -Double(square.left) * scale, padY: -Double(square.top) * scale
        )
    }

    public func toNetwork(_ box: Box) -> Box {
        Box(
            left: Float(Double(box.left) * scale + padX),
            top: Float(Double(box.top) * scale + padY),
            right: Float(Double(box.right) * scale + padX),
            bottom: Float(Double(box.bottom) * scale + padY)
        )
    }

    public func fromNetwork(_ box: Box) -> Box {
        Box(
            left: Float((Double(box.left) - padX) / scale),
            top: Float((Double(box.top) - padY) / scale),
            right: Float((Double(box.right) - padX) / scale),
            bottom: Float((Double(box.bottom) - padY) / scale)
        )
    }

    private static func centred(_ side: Int, _ scale: Double, _ size: Int) -> Double {
        let drawn = max(Int((Double(side) * scale).rounded(.toNearestOrEven)), 1)
        return (Double(size - drawn) / 2).rounded(.down)
    }
}
