"""Notebooks: live progress bars, errors, and the history after an interruption, executed by nbclient."""

import re

import pytest

pytestmark = pytest.mark.slow  # starts a kernel

CELLS = {
    "setup": """
        from tensorsmith.training import TQDMProgressBar, Trainer
        import keras, numpy as np, os, signal, time

        class Slow(keras.callbacks.Callback):
            every_batch = True
            def on_train_batch_end(self, batch, logs=None):
                time.sleep(0.02)

        class Interrupt(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    os.kill(os.getpid(), signal.SIGINT)

        class Scale(keras.layers.Layer):
            def call(self, x):
                return self.scale(x)
            def scale(self, x):
                return x @ keras.ops.ones((7, 7))

        x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        trainer = Trainer(model, "sgd", "mse")
        print(trainer.history)
    """,
    "fit": "history = trainer.fit(x, x[:, :1], epochs=3, callbacks=[Slow()])",
    "tqdm": "trainer.fit(x, x[:, :1], epochs=2, callbacks=[Slow(), TQDMProgressBar()], verbose=False);",
    "error": "trainer.fit(x[:, :3], x[:, :1])",
    "own layer": "Trainer(keras.Sequential([Scale(), keras.layers.Dense(1)]), 'sgd', 'mse').fit(x, x[:, :1])",
    "interruption": "trainer.fit(x, x[:, :1], epochs=5, callbacks=[Interrupt()])",
    "history": "print(len(trainer.history.history['loss']))",
    "load": """
        from tensorsmith.core import Progress
        with Progress() as progress:
            for row in progress.track(range(30), "reading", 30, "rows"):
                time.sleep(0.01)
            progress.print("finished")
    """,
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Outputs of each cell, and the texts of its display in the order of their updates."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    sources = ["\n".join(line[8:] if line.startswith(" ") else line for line in t.split("\n")) for t in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    updates = {name: [] for name in CELLS}

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, number):
            if message["msg_type"] in ("display_data", "update_display_data"):
                updates[list(CELLS)[number]].append(message["content"]["data"]["text/plain"])
            return super().process_message(message, cell, number)

    Client(notebook, timeout=300, allow_errors=True).execute(cwd=str(tmp_path_factory.mktemp("notebook")))
    return dict(zip(CELLS, (cell.outputs for cell in notebook.cells), strict=True)), updates


def printed(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def error_of(outputs):
    (error,) = (output for output in outputs if output.output_type == "error")
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))


def test_bar_of_training(outputs):
    cells, updates = outputs
    assert printed(cells["setup"]) == "None\n"
    counts = [int(found[1]) for text in updates["fit"] if (found := re.search(r"(\d+)/30 ", text))]
    assert len(counts) >= 4  # the bar moves within an epoch
    assert counts == sorted(counts)
    assert counts[-1] == 30
    (bar,) = (output for output in cells["fit"] if output.output_type == "display_data")  # a single output remains
    assert "━" in bar["data"]["text/plain"]
    lines = printed(cells["fit"]).splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


def test_tqdm_progress_bar(outputs):
    cells, updates = outputs
    assert any("%|" in text and "━" in text for text in updates["tqdm"])
    lines = printed(cells["tqdm"]).splitlines()
    assert [line for line in lines if line.startswith("Epoch")] == ["Epoch 1/2", "Epoch 2/2"]
    assert len(lines) <= 6


def test_errors_end_with_a_sentence(outputs):
    cells, _ = outputs
    lines = error_of(cells["error"]).splitlines()
    assert lines[-1] == "ArgumentError: x must have shape (examples, 4), got shape (320, 3)."
    assert len([line for line in lines if line.startswith("File ")]) == 1  # that of `Trainer.fit`
    text = error_of(cells["own layer"])
    assert "in Scale.scale(self, x)" in text
    assert "site-packages" not in text


def test_history_after_interruption(outputs):
    cells, _ = outputs
    assert error_of(cells["interruption"]).splitlines()[-1].startswith("KeyboardInterrupt")
    assert printed(cells["history"]) == "2\n"


def test_bar_of_other_work(outputs):
    cells, updates = outputs
    assert "reading" in updates["load"][-1]
    assert "30/30 rows" not in updates["load"][0]
    assert printed(cells["load"]) == "finished\n"
