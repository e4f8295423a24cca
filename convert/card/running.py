"""Sections of a card: how fast the model runs, that every runtime computes the same, and its graphs."""

from typing import Final

from densepose_mobile.bundle.manifest import ONE_FILE
from densepose_mobile.convert.card.markdown import megabytes, ratio, table
from densepose_mobile.convert.card.sources import Sources

__all__ = ["graphs", "parity", "speed"]

_BENCH: Final = "bench.json"
_PARITY: Final = "parity.json"
_LINES: Final = {
    "picture, `fast`": ("mode", "fast"),
    "picture, `balanced`": ("mode", "balanced"),
    "picture, `accurate`": ("mode", "accurate"),
    "frame of a video": ("mode", "video"),
}
_DOES: Final = {
    "detect": "whole picture to features, scores and boxes",
    "dense": "features and RoI weights of N people to their maps",
    "track": "one person's crop to maps, presence and box: videos, and the second look of `accurate`",
}


def speed(sources: Sources) -> list[str]:
    """Medians of the processor's time on one thread, one column a target and backend."""
    content = sources.read(_BENCH)
    version, names = sources.first.manifest.version, {bundle.manifest.name for bundle in sources.bundles}
    rows = [
        row
        for row in ([] if content is None else [*content["runs"], *content["graphs"]])
        if row["version"] == version and row["model"] in names and row["threads"] == 1 and "error" not in row
    ]
    if content is None or not rows:
        return sources.miss("How fast it is", "densepose-mobile bench --models ... --graphs --out results/bench.json")
    columns = list(dict.fromkeys((row["target"], row["backend"]) for row in rows))
    heads = [f"{target} on {backend}" if not target.startswith(backend) else target for target, backend in columns]
    names_of_graphs = [graph.name for graph in sources.first.manifest.spec.graphs()]
    lines = {**_LINES, **{f"graph `{name}`": ("graph", name) for name in names_of_graphs}}
    body = []
    for title, (kind, value) in lines.items():
        found = {(row["target"], row["backend"]): row["cpu_ms"]["p50"] for row in rows if row.get(kind) == value}
        if found:
            body.append([title, *(f"{found[column]:.1f}" if column in found else "" for column in columns)])
    peaks = {(row["target"], row["backend"]): row["peak_mib"] for row in rows if row.get("mode") == "accurate"}
    body.append(["peak memory, MiB", *(f"{peaks[column]:.0f}" if peaks.get(column) else "" for column in columns)])
    machine = content["machine"]
    sets = ", ".join(machine["instruction_sets"]) or "no instruction sets that matter"
    shown = ", ".join(f"{p['name']} of {p['width']} x {p['height']} px" for p in content["pictures"])
    return [
        "",
        "## How fast it is",
        "",
        f"Milliseconds of processor time on one thread, medians, of a server's processor: {machine['processor']} "
        f"({sets}); {shown}. No phone has been measured. int8 pays where the processor multiplies bytes, as phones do.",
        "",
        *table(["ms", *heads], body),
        "",
        f"- {sources.named(_BENCH, content)}",
    ]


def parity(sources: Sources) -> list[str]:
    """One row a target: the chain detect -> dense against torch."""
    content = sources.read(_PARITY) or {"targets": {}}
    found = {
        target: entry
        for target, entry in content["targets"].items()
        if entry.get("checkpoint_sha256") == sources.checkpoint
    }
    if not found:
        return sources.miss("The same on every runtime", "densepose-mobile convert ... --report results/parity.json")
    rows = []
    for target in sorted(found, key=lambda target: target != sources.first.manifest.target):
        entry = found[target]
        chain = entry["graphs"].get("chain")
        if chain is None:
            rows.append([target, entry["run"], *[""] * 4])
            continue
        outputs = chain["outputs"].values()
        rows.append(
            [
                target,
                entry["run"],
                chain["calls"],
                f"{min(output['sqnr_db'] for output in outputs):.1f}",
                ratio(chain["maps"]["label_agreement"]),
                f"{chain['maps']['uv_mean_abs']:.4f}",
            ]
        )
    return [
        "",
        "## The same on every runtime",
        "",
        "Each target against the network in torch, from picture to maps, on held-out rendered pictures: the least "
        "signal to noise of any map, cells with the same label where either sees a person, mean difference of U and V "
        "there. "
        "`mil`: our own evaluator of Core ML programs, not Apple's hardware. `lowered, not run`: only its device can.",
        "",
        *table(["target", "run by", "pictures", "SQNR, dB", "same label", "U, V"], rows),
        "",
        *(f"- {line}" for line in dict.fromkeys(sources.named(_PARITY, entry) for entry in found.values())),
    ]


def graphs(sources: Sources) -> list[str]:
    """Shapes of every graph, and its megabytes in each bundle that has a file of its own for it."""
    spec = sources.first.manifest.spec
    apart = [bundle for bundle in sources.bundles if bundle.manifest.family not in ONE_FILE]
    rows = []
    for graph in spec.graphs():
        sides = [
            "<br>".join(f"{tensor.name} {'x'.join(map(str, tensor.shape))}" for tensor in side)
            for side in (graph.inputs, graph.outputs)
        ]
        sizes = [megabytes(bundle.files[bundle.manifest.member(graph.name)]) for bundle in apart]
        rows.append([f"`{graph.name}`", _DOES[graph.name.partition("_")[0]], *sides, *sizes])
    heads = [f"MB, {bundle.manifest.target}" for bundle in apart]
    together = [
        f"`{file}` of {bundle.manifest.target}, {megabytes(size)} MB"
        for bundle in sources.bundles
        if bundle not in apart
        for file, size in bundle.files.items()
    ]
    shared = f"All of them lie in one file, each a signature of its name: {'; '.join(together)}."
    return [
        "",
        "## Graphs",
        "",
        "float32 in and out, channels last. `image` is RGB as (x - 127.5) / 127.5; foreground, parts, confidence, "
        "scores and presence are logits. The steps around the graphs come with `densepose-mobile bundle export`.",
        "",
        *table(["graph", "from what to what", "inputs", "outputs", *heads], rows),
        *(["", shared] if together else []),
    ]
