"""Tests of names of TensorFlow Addons that modules of a project import from each other."""

import json

import pytest

from tensorsmith.migrate import migrate_files

IMPORT = "import tensorflow_addons as tfa\n"
OURS = "import tensorsmith.seq2seq\n"
USE = "y = tfa.seq2seq.tile_batch(x, 3)\n"
MOVED = "y = tensorsmith.seq2seq.tile_batch(x, 3)\n"
LEFT = "tfa.types.TensorLike(x)\n"
COMMENT = "# tensorsmith migrate: types: type aliases of Addons: write the types themselves"


def migrate(folder, files, *, order=None):
    """Write files, migrate them, and return their results and their contents."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    paths = [folder] if order is None else [folder / name for name in order]
    results = {str(file.path.relative_to(folder)): file.result for file in migrate_files(paths, write=True)}
    again = list(migrate_files(paths))
    assert not any(file.diff for file in again)
    for name, text in files.items():
        assert compile((folder / name).read_text(), name, "exec"), text
    return results, {name: (folder / name).read_text() for name in files}


USERS = {  # imports of the user, its use and the results
    "star": ("from chatbot import *\n", USE, f"from chatbot import *\n{OURS}", MOVED),
    "name": ("from chatbot import tfa\n", USE, OURS, MOVED),
    "alias": ("from chatbot import tfa as addons\n", USE.replace("tfa", "addons"), OURS, MOVED),
    "several": ("from chatbot import a, tfa, b\n", USE, f"from chatbot import a, b\n{OURS}", MOVED),
    "module": ("import chatbot\n", USE.replace("tfa", "chatbot.tfa"), f"import chatbot\n{OURS}", MOVED),
    "module alias": ("import chatbot as c\n", USE.replace("tfa", "c.tfa"), f"import chatbot as c\n{OURS}", MOVED),
    "comment": ("# why\nfrom chatbot import tfa  # what\n", USE, f"# why\n{OURS}", MOVED),
    "nothing": ("x = 3\n", "print(x)\n", "x = 3\n", "print(x)\n"),
}


@pytest.mark.parametrize("order", [["chatbot.py", "reply.py"], ["reply.py", "chatbot.py"]])
@pytest.mark.parametrize("user", USERS)
def test_name_of_another_module(user, order, tmp_path):
    head, use, new_head, new_use = USERS[user]
    files = {"chatbot.py": f"{IMPORT}{USE}", "reply.py": f"{head}\n{use}"}
    results, texts = migrate(tmp_path, files, order=order)
    assert texts == {"chatbot.py": f"{OURS}{MOVED}", "reply.py": f"{new_head}\n{new_use}"}
    assert all(result.complete for result in results.values())


def test_user_that_cannot_be_migrated(tmp_path):
    """The import of the other module is removed, and the user gets one of its own."""
    files = {"chatbot.py": f"{IMPORT}{USE}", "reply.py": f"from chatbot import *\n\n{USE}{LEFT}"}
    results, texts = migrate(tmp_path, files)
    assert texts["chatbot.py"] == f"{OURS}{MOVED}"
    first, *rest = texts["reply.py"].splitlines()
    assert (first, rest[:2]) == ("from chatbot import *", [IMPORT.strip(), OURS.strip()])
    assert (results["reply.py"].left, results["reply.py"].complete) == (1, False)


def test_module_that_only_passes_names_on(tmp_path):
    files = {
        "compat.py": "import tensorflow_addons as tfa\nfrom tensorflow_addons.metrics import F1Score\n",
        "train.py": "from compat import F1Score, tfa\n\nf1 = F1Score(3, threshold=0.5)\n" + USE,
    }
    results, texts = migrate(tmp_path, files)
    assert texts["compat.py"] == "from tensorsmith.metrics import F1Score\n"
    assert texts["train.py"] == (
        f"{OURS}from tensorsmith.metrics import F1Score\n\nf1 = F1Score(3, threshold=0.5)\n{MOVED}"
    )
    assert all(result.complete for result in results.values())


@pytest.mark.parametrize(
    ("provider", "middle", "user"),
    [
        ("chatbot.py", {"middle.py": "from chatbot import *\n"}, "from middle import *"),
        ("chatbot.py", {"middle.py": "from chatbot import tfa as addons\n"}, "from middle import addons as tfa"),
        ("pack/chatbot.py", {"pack/__init__.py": "from .chatbot import *\n"}, "from pack import tfa"),
        ("pack/chatbot.py", {"pack/__init__.py": ""}, "from pack.chatbot import tfa"),
        ("pack/__init__.py", {}, "from pack import *"),
        ("src/pack/chatbot.py", {"src/pack/__init__.py": ""}, "from pack.chatbot import tfa"),
        ("pack/chatbot.py", {"pack/__init__.py": "", "chatbot.py": "tfa = 3\n"}, "from pack.chatbot import *"),
        ("a.py", {"b.py": "from a import *\nfrom c import *\n", "c.py": "from b import *\n"}, "from c import *"),
    ],
)
def test_chains_and_packages(provider, middle, user, tmp_path):
    files = {provider: IMPORT, **middle, "reply.py": f"{user}\n\n{USE}"}
    results, texts = migrate(tmp_path, files)
    assert results["reply.py"].complete
    assert results["reply.py"].rewritten
    assert texts["reply.py"].endswith(f"{OURS}\n{MOVED}")
    assert not any("tensorflow_addons" in text for text in texts.values())


@pytest.mark.parametrize(
    ("user", "line"),
    [
        ("pack/reply.py", "from .chatbot import tfa"),
        ("pack/reply.py", "from . import chatbot"),
        ("pack/reply.py", "from . import tfa"),
        ("pack/inner/reply.py", "from ..chatbot import *"),
        ("pack/inner/reply.py", "from .. import tfa"),
        ("pack/inner/reply.py", "from pack import chatbot"),
    ],
)
def test_relative_imports(user, line, tmp_path):
    use = USE.replace("tfa", "chatbot.tfa") if line.endswith("import chatbot") else USE
    files = {
        "pack/__init__.py": IMPORT,
        "pack/chatbot.py": IMPORT,
        "pack/inner/__init__.py": "",
        user: f"{line}\n\n{use}",
    }
    results, texts = migrate(tmp_path, files)
    assert results[user].complete
    assert texts[user].endswith(f"{OURS}\n{MOVED}")


def test_notebook_that_imports_a_module(tmp_path):
    (tmp_path / "chatbot.py").write_text(IMPORT)
    cells = [{"cell_type": "code", "source": text} for text in ("from chatbot import *", USE)]
    (tmp_path / "reply.ipynb").write_text(json.dumps({"cells": cells}))
    list(migrate_files([tmp_path], write=True))
    after = json.loads((tmp_path / "reply.ipynb").read_text())["cells"]
    assert [cell["source"] for cell in after] == [f"from chatbot import *\n{OURS}".strip(), MOVED]


def test_keras_of_another_module(tmp_path):
    """Uses of Keras 2 are found as well."""
    files = {
        "common.py": "import tensorflow as tf\nimport tensorflow_addons as tfa\nfrom tensorflow.keras import layers\n",
        "train.py": "from common import *\n\nopt = tf.keras.optimizers.Adam(lr=0.1)\nlayers.LSTM(3, time_major=False)\n"
        + USE,
    }
    results, texts = migrate(tmp_path, files)
    assert texts["train.py"] == (
        "from common import *\nfrom tensorflow.keras import layers\nimport tensorflow as tf\n"
        f"{OURS}\nopt = tf.keras.optimizers.Adam(learning_rate=0.1)\nlayers.LSTM(3)\n{MOVED}"
    )


def test_guarded_import(tmp_path):
    guarded = "try:\n    import tensorflow_addons as tfa\nexcept ImportError:\n    tfa = None\n"
    results, texts = migrate(tmp_path, {"common.py": guarded, "train.py": f"from common import tfa\n\n{USE}"})
    assert texts["train.py"] == f"{OURS}\n{MOVED}"


def test_name_with_several_meanings(tmp_path):
    """Neither of the files is changed."""
    either = f"if x:\n    {IMPORT}else:\n    import other as tfa\n"
    results, texts = migrate(tmp_path, {"common.py": either, "train.py": f"from common import tfa\n\n{USE}"})
    assert [result.left for result in results.values()] == [1, 1]
    assert IMPORT in texts["common.py"]
    assert (
        "from common import tfa\n\n# tensorsmith migrate: seq2seq.tile_batch: `tfa` is imported elsewhere"
        in texts["train.py"]
    )


def test_names_in_all(tmp_path):
    """An import that `__all__` names is kept, as `from module import *` would fail without it."""
    files = {"common.py": f'{IMPORT}__all__ = ["tfa"]\n{USE}', "train.py": f"from common import *\n\n{USE}"}
    results, texts = migrate(tmp_path, files)
    assert results["train.py"].complete
    assert results["common.py"].left == 1
    assert "`__all__` contains tfa: remove it there" in texts["common.py"]
    assert IMPORT in texts["common.py"]
    assert MOVED in texts["common.py"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from chatbot import *", "tfa"),
        ("from chatbot import tfa", "tfa"),
        ("from chatbot import tfa as addons", "addons"),
        ("from .chatbot import tensorflow_addons", "tensorflow_addons"),
        ("x = 3", "tfa"),
    ],
)
def test_import_that_is_not_in_the_call(line, name, tmp_path):
    use = USE.replace("tfa", name)
    results, texts = migrate(tmp_path, {"reply.py": f"{line}\n\n{use}"})
    comment = f"`{name}` is imported elsewhere: import it here, or migrate both files together"
    assert texts["reply.py"] == f"{line}\n\n# tensorsmith migrate: seq2seq.tile_batch: {comment}\n{use}"
    assert (results["reply.py"].left, results["reply.py"].complete) == (1, False)


@pytest.mark.parametrize(
    "code",
    [
        "def f(tfa):\n    tfa.layers.Maxout(3)\n",
        "tfa = 3\ntfa.layers\n",
        "tfa.analysis(3)\n",
        "import keras  # not tfa, and not tfa.layers\nkeras.optimizers.Adam(lr=0.1)\n",
    ],
)
def test_other_meanings_of_the_alias(code, tmp_path):
    results, texts = migrate(tmp_path, {"reply.py": code})
    assert results["reply.py"].unused


def test_modules_that_are_not_python_3(tmp_path):
    """They are reported, and the modules that import them are migrated."""
    files = {
        "chatbot.py": IMPORT + USE,
        "old.py": "import chatbot\nprint 3\n",
        "reply.py": f"import old\n{IMPORT}{USE}",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    first, old, last = (file.result for file in migrate_files([tmp_path], write=True))
    assert str(old).startswith(":2: not valid Python 3: Missing parentheses")
    assert (first.complete, last.complete) == (True, True)
    assert (tmp_path / "old.py").read_text() == files["old.py"]
    assert (tmp_path / "reply.py").read_text() == f"import old\n{OURS}{MOVED}"
