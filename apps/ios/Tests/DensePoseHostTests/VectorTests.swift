import XCTest

@testable import DensePoseHost

/// Holds the host steps against the golden vectors: floats within the file's tolerance, whole numbers exactly.
final class VectorTests: XCTestCase {
    private var tolerance = 0.0
    private var name = ""

    /// Runs a test on every case of a file that has an outcome, and `refuses` on those that have none.
    private func each(
        _ step: String, refuses: (Node) -> Bool = { _ in false }, _ test: (Node, Node) throws -> Void
    ) throws {
        let file = try Node.file(step)
        tolerance = file.double("tolerance")
        for item in file.nodes("cases") {
            name = "\(step)/\(item.string("name"))"
            if item.has("expected") {
                try test(item.node("given"), item.node("expected"))
            } else {
                XCTAssertTrue(refuses(item.node("given")), "\(name) is not refused")
            }
        }
    }

    private func close(_ what: String, _ expected: [Float], _ found: [Float]) {
        guard expected.count == found.count else {
            return XCTFail("\(name): \(what) has \(found.count) values, not \(expected.count)")
        }
        let off = expected.indices.filter {
            !(abs(Double(found[$0]) - Double(expected[$0])) <= tolerance * max(1, abs(Double(expected[$0]))))
        }
        if let at = off.first {
            XCTFail("\(name): \(what)[\(at)] is \(found[at]), expected \(expected[at]) (\(off.count) differ)")
        }
    }

    private func close(_ what: String, _ expected: [Box], _ found: [Box]) {
        close(what, expected.flatMap(\.edges), found.flatMap(\.edges))
    }

    private func letterbox(_ given: Node) throws -> Letterbox {
        if given.string("kind") == "fit" {
            return try Letterbox.fit(width: given.int("width"), height: given.int("height"), size: given.int("size"))
        }
        return try Letterbox.window(given.box("square"), size: given.int("size"))
    }

    /// A point is a corner of a box here.
    private func points(_ values: [Float]) -> [Box] {
        stride(from: 0, to: values.count, by: 2).map {
            Box(left: values[$0], top: values[$0 + 1], right: values[$0], bottom: values[$0 + 1])
        }
    }

    func testLetterbox() throws {
        try each("letterbox", refuses: { (try? self.letterbox($0)) == nil }) { given, expected in
            let mapping = try letterbox(given)
            close("scale", [Float(expected.double("scale"))], [Float(mapping.scale)])
            close("pad", expected.doubles("pad").map { Float($0) }, [Float(mapping.padX), Float(mapping.padY)])
            let boxes = given.boxes("boxes")
            close("network boxes", expected.boxes("network_boxes"), boxes.map(mapping.toNetwork))
            close("source boxes", expected.boxes("source_boxes"), boxes.map(mapping.fromNetwork))
            let corners = points(given.floats("points"))
            close("network points", points(expected.floats("network_points")), corners.map(mapping.toNetwork))
            close("source points", points(expected.floats("source_points")), corners.map(mapping.fromNetwork))
        }
    }

    func testSample() throws {
        try each("sample") { given, expected in
            let shape = given.shape("picture")
            let rgb = given.tensorInts("picture").map { UInt8($0) }
            let rgba = stride(from: 0, to: rgb.count, by: 3).flatMap { [rgb[$0], rgb[$0 + 1], rgb[$0 + 2], 255] }
            let picture = try Picture(width: shape[1], height: shape[0], rgba: rgba)
            let size = given.int("size")
            let mapping = try given.has("square")
                ? Letterbox.window(given.box("square"), size: size)
                : Letterbox.fit(width: shape[1], height: shape[0], size: size)
            close("image", expected.floats("image"), mapping.sample(picture))
        }
    }

    func testDecode() throws {
        try each("decode") { given, expected in
            let locations = Locations(given.spec)
            let rows = 0..<given.spec.numLocations
            let distances = given.floats("distances")
            let centres = rows.flatMap { [locations.centreX[$0], locations.centreY[$0]] }
            close("centres", expected.floats("centres"), centres)
            close("strides", expected.floats("strides"), locations.strides)
            close("boxes", expected.boxes("boxes"), rows.map { locations.box(distances, row: $0) })
            close("probabilities", expected.floats("probabilities"), given.floats("logits").map { sigmoid($0) })
        }
    }

    func testNms() throws {
        try each("nms") { given, expected in
            let boxes = given.boxes("boxes")
            close("iou", expected.floats("iou"), boxes.flatMap { a in boxes.map { a.iou($0) } })
            let kept = nms(boxes, given.floats("scores"), overlap: given.float("overlap"), limit: given.int("limit"))
            XCTAssertEqual(kept, expected.ints("kept"), name)
        }
    }

    func testSelect() throws {
        try each("select") { given, expected in
            let found = try Locations(given.spec).select(
                logits: given.floats("logits"),
                distances: given.floats("distances"),
                content: given.box("content"),
                score: given.float("score"),
                overlap: given.float("overlap"),
                limit: given.int("limit")
            )
            close("boxes", expected.boxes("boxes"), found.map(\.box))
            close("scores", expected.floats("scores"), found.map(\.score))
        }
    }

    func testRois() throws {
        try each("rois") { given, expected in
            let spec = given.spec
            let boxes = given.boxes("boxes")
            let rois = boxes.map(spec.roi)
            close("rois", expected.boxes("rois"), rois)
            close("crop squares", expected.boxes("crop_squares"), boxes.map(spec.cropSquare))
            close("track RoI", expected.doubles("track_roi").map { Float($0) }, spec.trackRoi.edges)
            let weights = try spec.roiWeights(rois)
            close("wy", expected.floats("wy"), weights.wy)
            close("wx", expected.floats("wx"), weights.wx)
            let filled = try spec.roiWeights(rois, batch: rois.count + 2)
            XCTAssertEqual(Array(filled.wy.prefix(weights.wy.count)), weights.wy, name)
            XCTAssertTrue(filled.wy.dropFirst(weights.wy.count).allSatisfy { $0 == 0 }, name)
        }
    }

    func testCloser() throws {
        try each("closer") { given, expected in
            let found = given.spec.closerLooks(
                given.boxes("boxes"), scale: given.double("scale"), worthwhile: given.double("worthwhile")
            )
            XCTAssertEqual(found, expected.ints("rows"), name)
        }
    }

    func testMirror() throws {
        try each("mirror") { given, expected in
            let spec = given.spec
            let (plain, mirrored) = (given.node("plain"), given.node("mirrored"))
            let image = try mirrorInput(given.floats("image"), size: given.shape("image")[0])
            close("image", expected.floats("image"), image)
            let weights = spec.mirrorWeights(RoiWeights(wy: [], wx: given.floats("wx")))
            close("wx", expected.floats("wx"), weights.wx)
            let scores = spec.meanScores(plain.floats("scores"), mirrored.floats("scores"))
            close("scores", expected.floats("scores"), scores)
            let boxes = spec.meanBoxes(plain.floats("boxes"), mirrored.floats("boxes"))
            close("boxes", expected.floats("boxes"), boxes)
            for output in ["foreground", "parts", "u", "v", "confidence"] {
                let found = try meanMaps(output, plain.floats(output), mirrored.floats(output), size: spec.mapSize)
                close(output, expected.floats(output), found)
            }
        }
    }

    func testSilhouette() throws {
        try each("silhouette") { given, expected in
            let found = Silhouette.of(
                given.floats("foreground"), cells: given.shape("foreground")[0], roi: given.box("roi"),
                width: given.int("width"), height: given.int("height")
            )
            XCTAssertEqual(found == nil, expected.isNull("box"), name)
            guard let found = found, !expected.isNull("box") else { return }
            let box = [found.left, found.top, found.left + found.width, found.top + found.height]
            XCTAssertEqual(box, expected.ints("box"), name)
            XCTAssertEqual(found.mask.map { $0 ? 1 : 0 }, expected.tensorInts("mask"), name)
            XCTAssertEqual(found.cells.map { $0 ? 1 : 0 }, expected.tensorInts("cells"), name)
            close("logit", expected.floats("logit"), found.logit)
        }
    }

    func testPeople() throws {
        try each("people") { given, expected in
            let looks = given.nodes("people")
            let maps = try looks.map { look in
                try DenseMaps(
                    roi: look.box("roi"), size: look.shape("foreground")[0], foreground: look.floats("foreground"),
                    parts: look.floats("parts"), u: look.floats("u"), v: look.floats("v"),
                    confidence: look.floats("confidence")
                )
            }
            let (width, height) = (given.int("width"), given.int("height"))
            let scores = looks.map { $0.float("score") }
            let duplicate = given.double("duplicate")
            let found = assemble(maps, scores: scores, width: width, height: height, duplicate: duplicate)
            let wanted = expected.nodes("people")
            XCTAssertEqual(found.map(\.index), wanted.map { $0.int("index") }, name)
            for (person, node) in zip(found, wanted) {
                let box = [person.left, person.top, person.left + person.width, person.top + person.height]
                XCTAssertEqual(box, node.ints("box"), name)
                XCTAssertEqual(person.part.map { Int($0) }, node.tensorInts("part"), name)
                close("uv", node.floats("uv"), person.u + person.v)
                close("confidence", node.floats("confidence"), person.confidence)
            }
            XCTAssertEqual(iuv(found, width: width, height: height).map { Int($0) }, expected.tensorInts("iuv"), name)
        }
    }

    func testBytes() throws {
        try each("bytes") { given, expected in
            XCTAssertEqual(given.floats("u").map { Int(coordinateByte($0)) }, expected.tensorInts("bytes"), name)
        }
    }
}
