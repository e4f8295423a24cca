/// Which boxes stay when each suppresses the lower-scored ones that overlap it by more than `overlap` (IoU).
///
/// Returns at most `limit` indices, best first; of equal scores the earlier one.
public func nms(_ boxes: [Box], _ scores: [Float], overlap: Float, limit: Int) -> [Int] {
    // The index decides between equal scores: the standard library does not promise a stable sort.
    let order = boxes.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    var kept: [Int] = []
    for candidate in order {
        if kept.count >= limit { break }
        if kept.allSatisfy({ boxes[$0].iou(boxes[candidate]) <= overlap }) { kept.append(candidate) }
    }
    return kept
}
