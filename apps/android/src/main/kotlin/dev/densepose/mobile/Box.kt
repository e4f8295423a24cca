package dev.densepose.mobile

import kotlin.math.max
import kotlin.math.min

/** A box in px, origin top left, x right, y down, pixel centres at +0.5. Each use says whose pixels. */
data class Box(val left: Float, val top: Float, val right: Float, val bottom: Float) {
    val width: Float get() = right - left
    val height: Float get() = bottom - top

    /** 0 for a box without area, also when it is turned round. */
    val area: Float get() = max(width, 0f) * max(height, 0f)

    /** The part of the box within `bounds`; maybe without area. */
    fun clippedTo(bounds: Box): Box = Box(
        min(max(left, bounds.left), bounds.right),
        min(max(top, bounds.top), bounds.bottom),
        min(max(right, bounds.left), bounds.right),
        min(max(bottom, bounds.top), bounds.bottom)
    )

    /** Intersection over union; 0 where neither has area. */
    fun iou(other: Box): Float {
        val across = max(min(right, other.right) - max(left, other.left), 0f)
        val down = max(min(bottom, other.bottom) - max(top, other.top), 0f)
        val shared = across * down
        val union = area + other.area - shared
        return if (union > 0) shared / union else 0f
    }

    companion object {
        /** A box of this size about the middle of another one. */
        internal fun around(middle: Box, width: Float, height: Float): Box {
            val x = (middle.left + middle.right) / 2
            val y = (middle.top + middle.bottom) / 2
            return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        }
    }
}
