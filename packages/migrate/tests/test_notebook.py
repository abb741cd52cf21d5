"""Tests of the migration of notebooks."""

import json

import pytest

from tensorsmith.migrate import UnreadableError, migrate_files, migrate_notebook


def notebook(*sources, **metadata):
    """Returns a notebook with a cell for each source: a list of lines, a string, or a dict."""
    code = {"cell_type": "code", "execution_count": 3, "metadata": {"tags": ["größe"]}, "outputs": [{"text": "tfa"}]}
    cells = [source if isinstance(source, dict) else {**code, "source": source} for source in sources]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def migrated(contents):
    """Returns the sources after the migration. Everything else is unchanged."""
    result = migrate_notebook(json.dumps(contents, indent=1).encode())
    after = json.loads(result.script)
    sources = [cell["source"] for cell in after["cells"]]
    kept = [{**cell, "source": None} for cell in after["cells"]]
    assert kept == [{**cell, "source": None} for cell in contents["cells"]]
    assert {**after, "cells": None} == {**contents, "cells": None}
    return sources, result


def test_cells_are_migrated_together():
    text = {"cell_type": "markdown", "metadata": {}, "source": "tfa.layers.CRF(9)"}
    contents = notebook(
        ["# Setup\n", "import os\n"],
        "import tensorflow_addons as tfa",
        text,
        ["crf = tfa.layers.CRF(9)\n", "\n"],
        [],
        ["opt = tf.keras.optimizers.Adam(1e-3)\n", "\n", "y = tfa.types.TensorLike(x, 1.0)"],
        kernelspec={"name": "python3"},
    )
    sources, result = migrated(contents)
    assert sources == [
        ["# Setup\n", "import os\n"],
        "import tensorflow_addons as tfa\nimport tensorsmith.layers",
        "tfa.layers.CRF(9)",
        ["crf = tensorsmith.layers.CRF(9)\n", "\n"],
        [],
        [
            "opt = tf.keras.optimizers.Adam(1e-3)\n",
            "\n",
            "# tensorsmith migrate: types: type aliases of Addons: write the types themselves\n",
            "y = tfa.types.TensorLike(x, 1.0)",
        ],
    ]
    assert (result.rewritten, result.left, result.rejected) == (1, 1, 0)


def test_magics():
    contents = notebook(
        "!pip install \\\n   keras\nimport tensorflow_addons as tfa\nif x:\n    %matplotlib inline\n    ?os",
        "%%bash\necho tfa.layers.Maxout",
        "%%time\ny = tfa.layers.Maxout(3)\nz = (y\n% 3)",
    )
    sources, _ = migrated(contents)
    assert sources == [
        "!pip install \\\n   keras\nimport tensorsmith.layers\nif x:\n    %matplotlib inline\n    ?os",
        "%%bash\necho tfa.layers.Maxout",
        "%%time\ny = tensorsmith.layers.Maxout(3)\nz = (y\n% 3)",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%time m = tfa.layers.Maxout(3)", "%time m = tensorsmith.layers.Maxout(3)"),
        ("%timeit -n 10 -r3 -q tfa.layers.Maxout(3)", "%timeit -n 10 -r3 -q tensorsmith.layers.Maxout(3)"),
        ("files = !ls\na, b = %sx ls\nos.path?\n", "files = !ls\na, b = %sx ls\nos.path?\n"),
        ("y = 3\n!pip install tensorflow_addons", "y = 3\n!pip install tensorflow_addons"),
    ],
)
def test_code_of_ipython(before, after):
    sources, result = migrated(notebook("import tensorflow_addons as tfa\ntfa.layers.TLU()", before))
    assert sources == ["import tensorsmith.layers\ntensorsmith.layers.TLU()", after]
    assert result.complete


@pytest.mark.parametrize(
    "magic", ["tfa.layers.Maxout?", "?tfa", "%run_it tfa.layers.Maxout(3)", "x = %eval tfa.layers"]
)
def test_magic_with_addons(magic):
    sources, result = migrated(notebook("import tensorflow_addons as tfa", magic))
    assert sources[0] == "import tensorflow_addons as tfa"
    assert sources[1].splitlines()[-1] == magic
    assert (result.left, result.complete) == (1, False)


def test_removed_import_is_counted():
    sources, result = migrated(notebook("import tensorflow_addons as tfa\nx = 1"))
    assert (sources, result.rewritten) == (["x = 1"], 1)


@pytest.mark.parametrize(("indent", "ascii_only", "end"), [(1, False, "\n"), (2, True, ""), (None, False, "")])
def test_format_of_file_is_preserved(indent, ascii_only, end):
    old, new = (
        "import tensorflow_addons as tfa\ntfa.layers.TLU()",
        "import tensorsmith.layers\ntensorsmith.layers.TLU()",
    )
    texts = [json.dumps(notebook(text), indent=indent, ensure_ascii=ascii_only) + end for text in (old, new)]
    assert migrate_notebook(texts[0].encode()).script.decode() == texts[1]
    assert migrate_notebook(texts[1].encode()).script.decode() == texts[1]


EXACT = r"""{
 "nbformat": 4, "nbformat" :5,
   "cells":[
  {"outputs": [1e999, -0.0, 1E5, NaN, 123456789012345678901234567890, {"a": 1, "a": 2}, "\ud800 \/ \u00e9"],
   "cell_type": "code", "source": ["old"],
   "source": [
      "import tensorflow_addons as tfa\n",
      "name = 'caf\u00e9 \/'\n",
      "tfa.layers.TLU()"   ] },
  {"source": ["tfa.layers.TLU()"], "cell_type": "markdown"},
  {"cell_type": "code", "source": [], "outputs": []},
  {"cell_type": "code", "source": ["x = 'caf\u00e9'"], "outputs": []},
  {"cell_type": "code" , "source":"tfa.layers.Maxout(3)\n\u0078 = '\u00e9'"},
  {"cell_type": "code" , "source":["tfa.layers.Maxout(4)"]}
 ]}
	"""
EXACT_AFTER = (
    EXACT.replace("import tensorflow_addons as tfa", "import tensorsmith.layers")
    .replace('      "tfa.layers.TLU()"', '      "tensorsmith.layers.TLU()"')
    .replace('"tfa.layers.Maxout(3)\\n\\u0078', '"tensorsmith.layers.Maxout(3)\\nx')
    .replace('"tfa.layers.Maxout(4)"', '"tensorsmith.layers.Maxout(4)"')
)


@pytest.mark.parametrize("raw", [False, True])
def test_only_changed_sources_are_rewritten(raw):
    """All other bytes are kept, including those of values that JSON libraries change."""
    before, after = (text.replace(r"\u00e9", "é") if raw else text for text in (EXACT, EXACT_AFTER))
    assert migrate_notebook(before.encode()).script.decode() == after
    assert migrate_notebook(after.encode()).script.decode() == after


def test_number_of_lines_changes():
    text = """{"cells": [{"cell_type": "code", "source": [
    "import tensorflow_addons as tfa\\n",
    "tfa.layers.TLU()\\n",
    "tfa.types.TensorLike(x)"
   ]}]}"""
    after = """{"cells": [{"cell_type": "code", "source": [
    "import tensorflow_addons as tfa\\n",
    "import tensorsmith.layers\\n",
    "tensorsmith.layers.TLU()\\n",
    "# tensorsmith migrate: types: type aliases of Addons: write the types themselves\\n",
    "tfa.types.TensorLike(x)"
   ]}]}"""
    assert migrate_notebook(text.encode()).script.decode() == after


@pytest.mark.parametrize(
    "line",
    ["_tensorsmith_cell_1_", "_tensorsmith_0_cell_", "_tensorsmith_magic_(7)", "!ls\n_tensorsmith_0_magic_(7)"],
)
def test_names_of_placeholders(line):
    sources, result = migrated(notebook("import tensorflow_addons as tfa", f"{line}\ntfa.layers.TLU()", "%time y = 1"))
    assert sources == ["import tensorsmith.layers", f"{line}\ntensorsmith.layers.TLU()", "%time y = 1"]
    assert result.complete


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("{", "not a notebook: JSONDecodeError"),
        ("{}", "not a notebook: KeyError"),
        ("[]", "not a notebook: TypeError"),
        ('{"cells": {}}', "not a notebook: TypeError"),
        ('{"cells": [3]}', "not a notebook: TypeError"),
        ('{"cells": [{"cell_type": "code", "source": 3}]}', "not a notebook: TypeError"),
        ('{"cells": [{"cell_type": "code", "source": ["x", 3]}]}', "not a notebook: TypeError"),
        ('{"cells": [{"cell_type": "code", "source": "x = 1"}]', "not a notebook: JSONDecodeError"),
        ("[" * 100000 + "]" * 100000, "^: too deeply nested"),
        (json.dumps(notebook("x = '\ud800'")), "^: cell 1: not valid Python 3: lone surrogate"),
        (
            json.dumps(notebook("x = 1", "import tensorflow_addons\nprint 3")),
            "^: cell 2:2: not valid Python 3: Missing",
        ),
    ],
)
def test_unreadable_notebook(contents, message):
    with pytest.raises(UnreadableError, match=message):
        migrate_notebook(contents.encode())


def test_notebooks_in_folders(tmp_path):
    contents = json.dumps(notebook("import tensorflow_addons as tfa\ntfa.layers.TLU()"), indent=1)
    (tmp_path / "train.ipynb").write_text(contents)
    (file,) = migrate_files([tmp_path], write=True)
    assert (file.path.name, file.result.rewritten) == ("train.ipynb", 1)
    assert "tensorsmith.layers.TLU()" in (tmp_path / "train.ipynb").read_text()
