import Foundation

@testable import DensePoseHost

/// A JSON object with typed access. A wrong type is a broken file: the test may stop.
struct Node {
    let members: [String: Any]

    subscript(name: String) -> Any { members[name]! }

    func has(_ name: String) -> Bool { members[name] != nil }
    func isNull(_ name: String) -> Bool { members[name] is NSNull }
    func string(_ name: String) -> String { self[name] as! String }
    func double(_ name: String) -> Double { (self[name] as! NSNumber).doubleValue }
    func float(_ name: String) -> Float { Float(double(name)) }
    func int(_ name: String) -> Int { (self[name] as! NSNumber).intValue }
    func node(_ name: String) -> Node { Node(members: self[name] as! [String: Any]) }
    func nodes(_ name: String) -> [Node] { (self[name] as! [[String: Any]]).map { Node(members: $0) } }
    func doubles(_ name: String) -> [Double] { (self[name] as! [NSNumber]).map(\.doubleValue) }
    func ints(_ name: String) -> [Int] { (self[name] as! [NSNumber]).map(\.intValue) }

    /// The values of a tensor, row-major.
    func floats(_ name: String) -> [Float] { node(name).doubles("values").map { Float($0) } }
    func tensorInts(_ name: String) -> [Int] { node(name).ints("values") }
    func shape(_ name: String) -> [Int] { node(name).ints("shape") }

    /// The rows of a tensor (N, 4).
    func boxes(_ name: String) -> [Box] {
        let values = floats(name)
        return stride(from: 0, to: values.count, by: 4).map { Box(Array(values[$0..<($0 + 4)])) }
    }

    func box(_ name: String) -> Box { Box(floats(name)) }

    var spec: ModelSpec {
        let spec = node("spec")
        return ModelSpec(
            detectSize: spec.int("detect_size"),
            trackSize: spec.int("track_size"),
            trackMargin: spec.double("track_margin"),
            roiMargin: spec.double("roi_margin"),
            roiMinAspect: spec.double("roi_min_aspect"),
            featureStride: spec.int("feature_stride"),
            levelStrides: spec.ints("level_strides"),
            roiSize: spec.int("roi_size"),
            mapSize: spec.int("map_size")
        )
    }

    /// The file of a step. It lies beside this package, or in the folder that DENSEPOSE_VECTORS names.
    static func file(_ step: String) throws -> Node {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["DENSEPOSE_VECTORS"].map { URL(fileURLWithPath: $0) }
        let folder = named ?? package.deletingLastPathComponent().appendingPathComponent("vectors")
        let data = try Data(contentsOf: folder.appendingPathComponent("\(step).json"))
        return Node(members: try JSONSerialization.jsonObject(with: data) as! [String: Any])
    }
}

extension Box {
    init(_ values: [Float]) {
        self.init(left: values[0], top: values[1], right: values[2], bottom: values[3])
    }

    var edges: [Float] { [left, top, right, bottom] }
}
