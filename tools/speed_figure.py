"""Draw the figure of training speed in the README, using results that `tensorsmith bench loop` has stored.

python tools/speed_figure.py
"""

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/loop.json"
FIGURE = ROOT / "benchmarks/results/training_speed.svg"
MODELS = {
    "mlp_32": "MLP\n784-300-100-10",
    "mlp_wide": "MLP\n784-1024-1024-10",
    "cnn_32": "CNN\n2 convolutions",
    "lstm_32": "LSTM\n2 x 20 units",
    "transformer_32": "Transformer\n1 block of width 64",
}
PROVIDERS = {
    "keras": ("Keras fit", "#c7c7c7"),
    "keras_spe50": ("Keras fit, steps_per_execution=50", "#8c8c8c"),
    "torch": ("PyTorch", "#f28e2b"),
    "tensorsmith": ("tensorsmith", "#4e79a7"),
}


def draw(results: Path, path: Path) -> None:
    """Write a bar chart of training speed relative to Keras `fit`, with error bars from the 20th to 80th percentile.

    Args:
        results: Path of the JSON file with the results of `tensorsmith bench loop`.
        path: Path of the SVG file to write. The same results produce an identical file.
    """
    rows = {(row["case"], row["provider"]): row for row in json.loads(results.read_text())}
    figure = Figure((9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(PROVIDERS)
    for number, (provider, (label, color)) in enumerate(PROVIDERS.items()):
        for position, case in enumerate(MODELS):
            row, base = rows[case, provider], rows[case, "keras"]["median"]
            height = row["median"] / base
            errors = [[max(0.0, height - row["p20"] / base)], [max(0.0, row["p80"] / base - height)]]
            x = position + (number - (len(PROVIDERS) - 1) / 2) * width
            axes.bar(
                x, height, width, color=color, label=label if position == 0 else None, yerr=errors, ecolor="#555555"
            )
            axes.annotate(
                f"{row['median']:,.0f}", (x, height + errors[1][0]), (0, 2), textcoords="offset points",
                ha="center", fontsize=7,
            )  # fmt: skip
    axes.set_xticks(range(len(MODELS)), list(MODELS.values()))
    axes.set_ylabel("training speed, Keras fit = 1")
    axes.set_title("Training steps per second (numbers above the bars), batches of 32, 2 CPU cores", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "tensorsmith", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(RESULTS, FIGURE)
