import Foundation

/// Scores nearer than this to 0 or 1 say no more.
private let sure: Float = 1e-3

/// Gives each pixel to one person: the most likely to be there, and to be a person. That is the highest sum of the
/// pixel's foreground logit and the logit of the detection's score.
///
/// - Parameters:
///   - people: best detection first.
///   - scores: of the detections, 0..1.
///   - duplicate: a person more than this share of whose pixels a better one claims is the same one seen twice.
/// - Returns: one for each person; nil for duplicates and for those left without a pixel.
func disjoint(_ people: [Silhouette], _ scores: [Float], duplicate: Double) -> [Silhouette?] {
    var masks = [[Bool]?](repeating: nil, count: people.count)
    var meetings: [(first: Int, second: Int, shared: [(Int, Int)])] = []
    for (index, person) in people.enumerated() {
        let here = (0..<index).filter { masks[$0] != nil }.map { other in
            (first: other, second: index, shared: shared(people[other], person))
        }
        let most = duplicate * Double(person.mask.filter { $0 }.count)
        if here.contains(where: { Double($0.shared.count) > most }) { continue }
        masks[index] = person.mask
        meetings += here
    }
    let bias = scores.map { score -> Float in
        let odds = min(max(score, sure), 1 - sure)
        return Float(log(Double(odds / (1 - odds))))
    }
    for (first, second, pixels) in meetings {
        for (a, b) in pixels {
            if people[first].logit[a] + bias[first] >= people[second].logit[b] + bias[second] {
                masks[second]?[b] = false
            } else {
                masks[first]?[a] = false
            }
        }
    }
    return zip(people, masks).map { person, mask in mask.flatMap { person.tight($0) } }
}

/// The pixels that both claim: index in the window of the one and of the other.
private func shared(_ a: Silhouette, _ b: Silhouette) -> [(Int, Int)] {
    var pixels: [(Int, Int)] = []
    for y in stride(from: max(a.top, b.top), to: min(a.top + a.height, b.top + b.height), by: 1) {
        for x in stride(from: max(a.left, b.left), to: min(a.left + a.width, b.left + b.width), by: 1) {
            let inA = (y - a.top) * a.width + x - a.left
            let inB = (y - b.top) * b.width + x - b.left
            if a.mask[inA] && b.mask[inB] { pixels.append((inA, inB)) }
        }
    }
    return pixels
}
