extension ModelSpec {
    /// Who is worth a look at a crop of their own, through `track`: indices of the boxes, the largest first.
    ///
    /// Enlarging adds no detail, hence neither look counts as finer than the picture itself.
    ///
    /// boxes: px of the picture. scale: of the letterbox of the whole picture. worthwhile: `thresholds.worthwhile` of
    /// model.json, how much finer the crop must be.
    public func closerLooks(_ boxes: [Box], scale: Double, worthwhile: Double) -> [Int] {
        let before = min(scale, 1)
        let finer = boxes.indices.filter {
            min(Double(trackSize) / Double(cropSquare(boxes[$0]).width), 1) >= worthwhile * before
        }
        let area = boxes.map { $0.width * $0.height }
        // The index decides between equal sizes: the standard library does not promise a stable sort.
        return finer.sorted { area[$0] != area[$1] ? area[$0] > area[$1] : $0 < $1 }
    }
}
