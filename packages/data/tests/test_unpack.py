import io
import os
import tarfile
import zipfile

import pytest

from tensorsmith.data.datasets.hosts import File, SourceError
from tensorsmith.data.datasets.hosts.unpack import read_tar, repack_tar, unpack_tar, unpack_zip

CONTENT = b"a b c d"
WANTED = {"data/letters.txt": File("letters.txt", len(CONTENT), "")}


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(CONTENT) if kind == tarfile.REGTYPE else 0
    return info


@pytest.fixture
def pack(tmp_path):
    def pack(*members):
        path = tmp_path / "archive.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for info in members:
                archive.addfile(info, io.BytesIO(CONTENT[: info.size]))
        return path

    return pack


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep" / "folder").mkdir(parents=True)
    return tmp_path / "deep" / "folder"


def files(tmp_path):
    return sorted(path.name for path in tmp_path.rglob("*") if not path.is_dir())


def test_only_the_wanted_member_is_written(pack, folder):
    unpack_tar(pack(member("./other.txt"), member("./data/letters.txt"), member("data/more.txt")), WANTED, folder)
    assert files(folder) == ["letters.txt"]
    assert (folder / "letters.txt").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["/etc/letters.txt", "../letters.txt", "data/../../letters.txt", "..\\letters.txt"])
def test_path_traversal(pack, folder, tmp_path, name):
    path = pack(member(name), member("data/letters.txt"))
    with pytest.raises(SourceError, match="the archive has an unsafe member "):
        unpack_tar(path, WANTED, folder)
    with pytest.raises(SourceError, match="the archive has an unsafe member "):
        read_tar(path, lambda _: True)
    assert files(tmp_path) == ["archive.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_member_is_not_a_regular_file(pack, folder, kind):
    path = pack(member("data/secret"), member("data/letters.txt", kind, "data/secret"))
    with pytest.raises(SourceError, match=r"data/letters\.txt is not a regular file in the archive"):
        unpack_tar(path, WANTED, folder)
    assert files(folder) == []
    assert "data/letters.txt" not in read_tar(path, lambda _: True)


def test_symlinked_folder(pack, folder, tmp_path):
    path = pack(member("data", tarfile.SYMTYPE, str(tmp_path)), member("data/letters.txt"))
    unpack_tar(path, WANTED, folder)
    assert files(folder) == ["letters.txt"]
    assert files(tmp_path) == ["archive.tar.gz", "letters.txt"]


def test_member_larger_than_pinned(pack, folder):
    with pytest.raises(SourceError, match=r"data/letters\.txt is larger than the expected 3 bytes"):
        unpack_tar(pack(member("data/letters.txt")), {"data/letters.txt": File("letters.txt", 3, "")}, folder)


def test_a_missing_member(pack, folder):
    with pytest.raises(SourceError, match=r"the archive does not contain data/letters\.txt"):
        unpack_tar(pack(member("other.txt")), WANTED, folder)


@pytest.mark.parametrize("damage", [lambda data: data[:60], lambda data: b"", lambda data: b"junk" * 99])
def test_damaged_tar(pack, folder, damage):
    path = pack(member("data/letters.txt"))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SourceError, match="the archive is corrupted: "):
        unpack_tar(path, WANTED, folder)


def zipped(tmp_path, **members):
    path = tmp_path / "archive.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in members.values():
            archive.writestr(info, content)
    return path


def test_zip(tmp_path, folder):
    path = zipped(tmp_path, good=("data/letters.txt", CONTENT), other=("other.txt", b""))
    unpack_zip(path, WANTED, folder)
    assert files(folder) == ["letters.txt"]


def test_zip_with_symlink(tmp_path, folder):
    link = zipfile.ZipInfo("data/letters.txt")
    link.external_attr = 0o120777 << 16
    with pytest.raises(SourceError, match=r"data/letters\.txt is not a regular file in the archive"):
        unpack_zip(zipped(tmp_path, link=(link, "/etc/passwd")), WANTED, folder)


def test_zip_path_traversal(tmp_path, folder):
    path = zipped(tmp_path, bad=("../../letters.txt", CONTENT), good=("data/letters.txt", CONTENT))
    with pytest.raises(SourceError, match="the archive has an unsafe member "):
        unpack_zip(path, WANTED, folder)
    assert files(folder) == []


def test_damaged_zip(tmp_path, folder):
    path = zipped(tmp_path, good=("data/letters.txt", CONTENT))
    path.write_bytes(path.read_bytes().replace(CONTENT, b"A B C D"))
    with pytest.raises(SourceError, match="the archive is corrupted: "):
        unpack_zip(path, WANTED, folder)
    path.write_bytes(b"junk")
    with pytest.raises(SourceError, match="the archive is corrupted: "):
        unpack_zip(path, WANTED, folder)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damaged_content_of_zip(tmp_path, folder, method):
    path = tmp_path / "archive.whl"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("data/letters.txt", os.urandom(600))
    data = path.read_bytes()
    path.write_bytes(data[:50] + bytes(byte ^ 0xFF for byte in data[50:150]) + data[150:])
    with pytest.raises(SourceError, match=r"^the archive is corrupted: .+"):
        unpack_zip(path, {"data/letters.txt": File("letters.txt", 600, "")}, folder)


def test_encrypted_zip(tmp_path, folder):
    path = zipped(tmp_path, good=("data/letters.txt", CONTENT))
    data = bytearray(path.read_bytes())
    for flags in (6, data.index(b"PK\1\2") + 8):  # in the header of the member, and in the list of members
        data[flags] |= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"^the archive is corrupted: .* is encrypted"):
        unpack_zip(path, WANTED, folder)


def test_zip_with_names_in_other_encodings(tmp_path, folder):
    path = zipped(tmp_path, good=("data/letters.txt", CONTENT), other=("é", b""))
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(SourceError, match=r"^the archive is corrupted: .* can't decode byte 0xff"):
        unpack_zip(path, WANTED, folder)


def pax(record):
    """A tar archive with one extended header, which may be invalid."""
    header = member("header", tarfile.XHDTYPE)
    header.size = len(record)
    return header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")


LONG_NAME = member("name", tarfile.GNUTYPE_LONGNAME)
LONG_NAME.size = 5
DAMAGED = {
    "deep": (LONG_NAME.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")) * 5000,
    "sparse": pax(b"22 GNU.sparse.size=x\n22 GNU.sparse.map=1,a\n"),
    "long": pax(b"9999999999999999999999 a=b\n"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_headers_of_tar(tmp_path, folder, name):
    end = member("data/letters.txt").tobuf(tarfile.USTAR_FORMAT) + CONTENT.ljust(512, b"\0") + bytes(1024)
    (tmp_path / "archive.tar").write_bytes(DAMAGED[name] + end)
    with pytest.raises(SourceError, match=r"^the archive is corrupted: .+") as caught:
        unpack_tar(tmp_path / "archive.tar", WANTED, folder)
    assert "\n" not in str(caught.value)


def test_damaged_compression_of_tar(tmp_path, folder):
    path = tmp_path / "archive.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        other = tarfile.TarInfo("other.txt")
        other.size = 20_000
        archive.addfile(other, io.BytesIO(os.urandom(other.size)))
        archive.addfile(member("data/letters.txt"), io.BytesIO(CONTENT))
    data = path.read_bytes()
    path.write_bytes(data[:10_000] + bytes(byte ^ 0xFF for byte in data[10_000:10_300]) + data[10_300:])
    with pytest.raises(SourceError, match="^the archive is corrupted: Corrupt input data"):
        unpack_tar(path, WANTED, folder)


def test_folder_that_cannot_be_written(pack, folder):
    """This is no fault of the archive."""
    with pytest.raises(FileNotFoundError, match=r"letters\.txt"):
        unpack_tar(pack(member("data/letters.txt")), WANTED, folder / "nowhere")


def test_repacked_archive_depends_on_names_and_contents_only(pack, folder):
    """Members in another order, with other times and owners, and others that are not copied."""
    first, second, other = (member(f"./data/{name}") for name in ("a/one.txt", "two.txt", "other.png"))
    link = member("data/link.txt", tarfile.SYMTYPE, "two.txt")
    file = File("texts.zip", 1000, "")
    repack_tar(pack(first, second), "data", lambda name: name.endswith(".txt"), file, folder)
    expected = (folder / "texts.zip").read_bytes()
    for info in (first, second):
        info.mtime, info.uid, info.mode = 10**9, 1000, 0o600
    repack_tar(pack(link, second, other, first), "data", lambda name: name.endswith(".txt"), file, folder)
    assert (folder / "texts.zip").read_bytes() == expected
    with zipfile.ZipFile(folder / "texts.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a/one.txt": CONTENT, "two.txt": CONTENT}


def test_repacked_archive_is_limited(pack, folder, tmp_path):
    path = pack(member("data/one.txt"), member("data/two.txt"))
    with pytest.raises(SourceError, match="texts.zip is larger than the expected 10 bytes"):
        repack_tar(path, "data", lambda _: True, File("texts.zip", 10, ""), folder)
    with pytest.raises(SourceError, match="the archive has an unsafe member"):
        repack_tar(pack(member("data/../one.txt")), "data", lambda _: True, File("texts.zip", 1000, ""), folder)
    assert files(tmp_path) == ["archive.tar.gz"]
