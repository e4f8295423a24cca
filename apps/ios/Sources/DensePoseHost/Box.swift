/// A box in px, origin top left, x right, y down, pixel centres at +0.5. Each use says whose pixels.
public struct Box: Equatable {
    public var left: Float
    public var top: Float
    public var right: Float
    public var bottom: Float

    public init(left: Float, top: Float, right: Float, bottom: Float) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }

    public var width: Float { right - left }
    public var height: Float { bottom - top }

    /// 0 for a box without area, also when it is turned round.
    public var area: Float { max(width, 0) * max(height, 0) }

    /// The part of the box within `bounds`; maybe without area.
    public func clipped(to bounds: Box) -> Box {
        Box(
            left: min(max(left, bounds.left), bounds.right),
            top: min(max(top, bounds.top), bounds.bottom),
            right: min(max(right, bounds.left), bounds.right),
            bottom: min(max(bottom, bounds.top), bounds.bottom)
        )
    }

    /// Intersection over union; 0 where neither has area.
    public func iou(_ other: Box) -> Float {
        let across = max(min(right, other.right) - max(left, other.left), 0)
        let down = max(min(bottom, other.bottom) - max(top, other.top), 0)
        let shared = across * down
        let union = area + other.area - shared
        return union > 0 ? shared / union : 0
    }

    /// A box of this size about the middle of another one.
    static func around(_ middle: Box, width: Float, height: Float) -> Box {
        let x = (middle.left + middle.right) / 2
        let y = (middle.top + middle.bottom) / 2
        return Box(left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2)
    }
}
