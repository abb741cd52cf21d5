"""Tests of the search for scripts: symbolic links, circular links, and files with several paths."""

import pytest

from tensorsmith.migrate import SkippedError, UnreadableError, migrate_files

SCRIPT = "import tensorflow_addons as tfa\n\nlayer = tfa.layers.Maxout(4)\n"
AFTER = "import tensorsmith.layers\n\nlayer = tensorsmith.layers.Maxout(4)\n"


@pytest.fixture
def tree(tmp_path):
    """Creates a folder with a script, and another folder with scripts beside it."""
    for name in ("tree/main.py", "other/one.py", "other/package/two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SCRIPT)
    return tmp_path / "tree"


def migrated(*paths, **options):
    return {str(file.path.relative_to(paths[0])): file.result for file in migrate_files(paths, write=True, **options)}


def test_links_that_lead_out_are_not_followed(tree):
    (tree / "file.py").symlink_to("../other/one.py")
    (tree / "folder").symlink_to("../other")
    (tree / ".hidden").symlink_to("../other")
    results = migrated(tree)
    assert list(results) == ["file.py", "main.py", "folder"]
    for name in ("file.py", "folder"):
        assert isinstance(results[name], SkippedError)
        assert "--follow-links" in str(results[name])
    assert results["main.py"].complete
    for name in ("one.py", "package/two.py"):
        assert (tree.parent / "other" / name).read_text() == SCRIPT


def test_links_that_lead_out_are_followed_if_requested(tree):
    (tree / "file.py").symlink_to("../other/one.py")
    (tree / "folder").symlink_to("../other")
    results = migrated(tree, follow_links=True)
    assert list(results) == ["main.py", "folder/one.py", "folder/package/two.py"]
    assert all(result.rewritten == 1 for result in results.values())
    assert (tree / "file.py").is_symlink()
    assert (tree / "folder").is_symlink()
    for name in ("one.py", "package/two.py"):
        assert (tree.parent / "other" / name).read_text() == AFTER


def test_links_to_other_given_paths_are_followed(tree):
    (tree / "file.py").symlink_to("../other/one.py")
    (tree / "folder").symlink_to("../other/package")
    results = list(migrate_files([tree, tree.parent / "other"], write=True))
    assert [file.path.name for file in results] == ["main.py", "one.py", "two.py"]
    assert all(file.result.rewritten == 1 for file in results)
    assert (tree / "file.py").readlink().as_posix() == "../other/one.py"


def test_links_within_the_folder(tree):
    """The file is migrated once, and the link is kept."""
    (tree / "alias.py").symlink_to("main.py")
    (tree / "without_suffix").write_text(SCRIPT)
    (tree / "tool.py").symlink_to("without_suffix")
    (tree / "package").mkdir()
    (tree / "package" / "part.py").write_text(SCRIPT)
    (tree / "again").symlink_to("package")
    results = migrated(tree)
    assert list(results) == ["main.py", "tool.py", "package/part.py"]
    assert all(result.rewritten == 1 for result in results.values())
    for name, target in {"alias.py": "main.py", "tool.py": "without_suffix"}.items():
        assert (tree / name).readlink().as_posix() == target
        assert (tree / target).read_text() == AFTER


@pytest.mark.parametrize("path", ["link.py", "folder/one.py", "folder"])
def test_given_links_are_followed(path, tree):
    (tree / "link.py").symlink_to("../other/one.py")
    (tree / "folder").symlink_to("../other")
    first, *_ = migrate_files([tree / path], write=True)
    assert first.result.rewritten == 1
    assert (tree / "link.py").is_symlink()
    assert (tree.parent / "other/one.py").read_text() == AFTER


@pytest.mark.parametrize("follow_links", [False, True])
def test_circular_links(follow_links, tree):
    (tree / "a.py").symlink_to("b.py")
    (tree / "b.py").symlink_to("a.py")
    (tree / "here").symlink_to(".")
    (tree / "up").symlink_to("..")
    results = migrated(tree, follow_links=follow_links)
    expected = [
        "a.py",
        "b.py",
        "main.py",
        *(["up/other/one.py", "up/other/package/two.py"] if follow_links else ["up"]),
    ]
    assert list(results) == expected
    assert isinstance(results["a.py"], UnreadableError)
    assert results["main.py"].complete


def test_paths_that_overlap(tree):
    assert list(migrated(tree, tree / "main.py", tree)) == ["main.py"]


def test_links_to_skipped_folders_are_not_followed(tree):
    """Hidden folders and virtual environments are not migrated under other names."""
    for name in (".git/hook.py", "environment/lib/part.py"):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_text("import tensorflow_addons as tfa\ntfa.layers.Maxout(3)\n")
    (tree / "environment/pyvenv.cfg").touch()
    for name, target in (("hook.py", ".git/hook.py"), ("part.py", "environment/lib/part.py"), ("git", ".git")):
        (tree / name).symlink_to(target)
    skipped = {file.path.name for file in migrate_files([tree], write=True) if isinstance(file.result, SkippedError)}
    assert {"hook.py", "part.py", "git"} <= skipped
    assert "tensorflow_addons" in (tree / ".git/hook.py").read_text()
