// swift-tools-version:5.7
import PackageDescription

let package = Package(
    name: "DensePoseHost",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "DensePoseHost", targets: ["DensePoseHost"])],
    targets: [
        .target(name: "DensePoseHost"),
        .testTarget(name: "DensePoseHostTests", dependencies: ["DensePoseHost"])
    ]
)
