"""Pretrained weights: archives of PyTorch that are assembled here byte by byte, hostile ones, and the real files."""

import importlib.util
import struct
import subprocess
import sys
import tracemalloc
from collections import Counter

import h5py
import numpy as np
import pytest

from tensorsmith.core import UnreadableFileError
from tensorsmith.data import DataNotFoundError, weights, weights_info
from tensorsmith.data.pretrained import efficientnet_lite0, hed_vgg16
from tensorsmith.data.pretrained.torch_archive import read_torch_archive
from tensorsmith.testing import raises_argument_error

# The opcodes of a pickle, as in the source code of Python's module pickletools.
NONE, TRUE, FALSE, EMPTY_TUPLE, EMPTY_DICT, REDUCE, PERSISTENT = b"N", b"\x88", b"\x89", b")", b"}", b"R", b"Q"


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value):
    if value < 2**31:
        return b"J" + struct.pack("<i", value)
    digits = value.to_bytes(value.bit_length() // 8 + 1, "little")
    return b"\x8a" + bytes([len(digits)]) + digits


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def dict_of(**items):
    return EMPTY_DICT + b"(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def list_of(*items):
    return b"](" + b"".join(items) + b"e"


def imported(name):
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def storage(key, count, kind="torch.FloatStorage"):
    return tuple_of(text("storage"), imported(kind), text(key), text("cpu"), integer(count), NONE) + PERSISTENT


def tensor(values, offset, size, stride):
    sizes, strides = (tuple_of(*map(integer, numbers)) for numbers in (size, stride))
    hooks = imported("collections.OrderedDict") + EMPTY_TUPLE + REDUCE
    arguments = tuple_of(values, integer(offset), sizes, strides, FALSE, hooks)
    return imported("torch._utils._rebuild_tensor_v2") + arguments + REDUCE


def pickled(content):
    return b"\x80\x02" + content + b"."


def archive(saved, values=None, keys=None):
    """Returns the content of a file: the pickles, then the number and the bytes of the values of each storage."""
    values = {"a": np.arange(12, dtype="<f4")} if values is None else values
    machine = dict_of(protocol_version=integer(1001), little_endian=TRUE)
    heads = (integer(0x1950A86A20F9469CFC6C), integer(1001), machine, saved, list_of(*map(text, keys or values)))
    bodies = (struct.pack("<q", len(array)) + array.tobytes() for array in values.values())
    return b"".join(map(pickled, heads)) + b"".join(bodies)


VALID = dict_of(weight=tensor(storage("a", 12), 1, (3, 2), (1, 4)), bias=tensor(storage("a", 12), 10, (2,), (1,)))


@pytest.fixture
def read(tmp_path):
    def read(content):
        (tmp_path / "weights.pth").write_bytes(content)
        return read_torch_archive(tmp_path / "weights.pth")

    return read


def test_strides_and_offsets(read):
    found = read(archive(VALID))
    assert list(found) == ["weight", "bias"]
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found["weight"], [[1, 5], [2, 6], [3, 7]])  # not contiguous
    np.testing.assert_array_equal(found["bias"], [10, 11])


def test_scalars_integers_and_order_of_storages(read):
    saved = dict_of(
        count=tensor(storage("b", 1, "torch.LongStorage"), 0, (), ()),
        kernel=tensor(storage("a", 4), 0, (2, 2), (1, 2)),
    )
    metadata = dict_of(_metadata=EMPTY_DICT) + b"b"  # BUILD, as in state dictionaries
    content = archive(saved + metadata, {"a": np.arange(4, dtype="<f4"), "b": np.array([2**40], "<i8")})
    found = read(content)
    assert (found["count"].shape, found["count"].dtype, int(found["count"])) == ((), np.int64, 2**40)
    np.testing.assert_array_equal(found["kernel"], [[0, 2], [1, 3]])


def test_memorized_objects(read):
    """The index of the storage in the memo would take up gigabytes if the memo were a list."""
    first = storage("a", 12) + b"r" + struct.pack("<I", 2**31 - 1)
    again = b"j" + struct.pack("<I", 2**31 - 1)
    found = read(archive(dict_of(one=tensor(first, 0, (2,), (1,)), two=tensor(again, 2, (2,), (1,)))))
    np.testing.assert_array_equal([found["one"], found["two"]], [[0, 1], [2, 3]])


def nested(depth):
    """Returns a tuple of a few bytes, whose hash takes 2 ** depth steps."""
    return EMPTY_TUPLE + b"q\x00h\x00\x86" * depth


ONE = tensor(storage("a", 12), 0, (2,), (1,))
HOSTILE = {
    "reduce": (imported("posix.system") + tuple_of(text("touch executed")) + REDUCE, "the global posix.system"),
    "eval": (imported("builtins.eval") + tuple_of(text("1")) + REDUCE, "the global builtins.eval"),
    "other function of torch": (imported("torch.load") + EMPTY_TUPLE + REDUCE, "the global torch.load"),
    "instance": (b"(" + text("touch executed") + b"iposix\nsystem\n", "the pickle opcode INST 'posix system'"),
    "stack global": (text("posix") + text("system") + b"\x93" + EMPTY_TUPLE + REDUCE, "the pickle opcode STACK_GLOBAL"),
    "new object": (imported("collections.OrderedDict") + EMPTY_TUPLE + b"\x81", "the pickle opcode NEWOBJ"),
    "extension": (b"\x82\x01", "the pickle opcode EXT1"),
    "string as function": (text("collections OrderedDict") + EMPTY_TUPLE + REDUCE, "calls a function with unexpected"),
    "list of tensors": (list_of(ONE), "other objects than a dictionary of tensors"),
    "dictionary of strings": (dict_of(name=text("value")), "other objects than a dictionary of tensors"),
    "name that is no string": (EMPTY_DICT + integer(1) + ONE + b"s", "a dictionary of unexpected form"),
    "exponential hash": (EMPTY_DICT + nested(200) + NONE + b"s", "a dictionary of unexpected form"),
    "other type": (dict_of(x=tensor(storage("a", 12, "torch.HalfStorage"), 0, (2,), (1,))), "global torch.HalfStorage"),
    "negative size": (dict_of(x=tensor(storage("a", 12), 0, (-2,), (1,))), "calls a function with unexpected"),
    "size beyond the storage": (
        dict_of(x=tensor(storage("a", 12), 0, (13,), (1,))),
        "a shape that its storage does not",
    ),
    "offset beyond the storage": (dict_of(x=tensor(storage("a", 12), 12, (1,), (1,))), "a shape that its storage does"),
    "stride beyond the storage": (dict_of(x=tensor(storage("a", 12), 0, (2, 2), (11, 1))), "a shape that its storage"),
    "repeated values": (dict_of(x=tensor(storage("a", 12), 0, (10**6, 10**6), (0, 0))), "a shape that its storage"),
    "missing strides": (dict_of(x=tensor(storage("a", 12), 0, (2, 2), (1,))), "is damaged: zip"),
    "number of values": (dict_of(x=tensor(storage("a", 11), 0, (2,), (1,))), "has 12 values in a storage of 11"),
    "unknown storage": (dict_of(x=tensor(storage("b", 12), 0, (2,), (1,))), "other storages than those of the tensors"),
    "two storages": (dict_of(x=ONE, y=tensor(storage("a", 6), 0, (2,), (1,))), "two storages with the key a"),
    "string of 4 GB": (b"X\xff\xff\xff\xff", "is damaged"),
    "empty stack": (b"R", "is damaged"),
}


@pytest.mark.parametrize(("saved", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_archives(read, tmp_path, monkeypatch, saved, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableFileError) as caught:
        read(archive(saved))
    expected = "a dictionary of tensors in the legacy format of torch.save"
    assert str(caught.value).startswith(f"file must be {expected}, got {tmp_path / 'weights.pth'}, which ")
    assert reason in str(caught.value)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("count", [2**31 - 1, 2**40, 2**2000], ids=["2**31", "2**40", "2**2000"])
def test_huge_storages_take_up_no_memory(read, count):
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="which is truncated"):
            read(archive(dict_of(x=tensor(storage("a", count), 0, (2,), (1,)))))
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_truncated_archives(read):
    content = archive(VALID)
    for length in range(len(content)):
        with pytest.raises(UnreadableFileError, match="weights.pth, which "):
            read(content[:length])
    with pytest.raises(UnreadableFileError, match="which has 1 bytes after the last storage"):
        read(content + b"0")


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # in the names of globals
def test_damaged_archives_have_one_kind_of_error(read):
    """Tests random bytes at random positions, which must never raise an error of another type."""
    content, rng, results = archive(VALID), np.random.default_rng(0), Counter()
    for _ in range(3000):
        damaged = bytearray(content)
        for position in rng.integers(len(content), size=rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        try:
            results[len(read(bytes(damaged)))] += 1
        except UnreadableFileError:
            results["error"] += 1
    assert results["error"] > 1000


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04K\x01."], ids=["empty", "zip", "pickle"])
def test_other_formats(read, content):
    with pytest.raises(UnreadableFileError, match="which has another format"):
        read(content)


def test_other_byte_order(read):
    content = archive(VALID).replace(text("little_endian") + TRUE, text("little_endian") + FALSE)
    with pytest.raises(UnreadableFileError, match="another version or byte order"):
        read(content)


def test_numbers_of_steps_are_left_out(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(archive(dict_of(**{"_bn0.weight": ONE, "_bn0.num_batches_tracked": ONE})))
    assert list(efficientnet_lite0.read({efficientnet_lite0.ARCHIVE.name: path})) == ["_bn0.weight"]


def write_vgg16(path, changes):
    """Writes a file of Keras weights in which all arrays are zero, except for changed ones, or missing (`None`)."""
    inputs = 3
    with h5py.File(path, "w") as file:
        for block, filters in enumerate(hed_vgg16.BLOCKS, 1):
            for number, outputs in enumerate(filters):
                layer = f"block{block}/layers/conv2d{['', '_1', '_2'][number]}/vars"
                arrays = {f"{layer}/0": np.zeros((3, 3, inputs, outputs), "f4"), f"{layer}/1": np.zeros(outputs, "f4")}
                for name, values in (arrays | {name: changes[name] for name in arrays.keys() & changes}).items():
                    if values is not None:
                        file.create_dataset(name, data=values, compression="gzip")
                inputs = outputs


def test_vgg16(tmp_path):
    path = tmp_path / "hed.h5"
    bias = np.arange(256, dtype=np.float32)
    write_vgg16(path, {"block3/layers/conv2d_2/vars/1": bias})
    found = hed_vgg16.read({hed_vgg16.ARCHIVE.name: path})
    assert list(found)[:3] == ["block1_conv1/kernel", "block1_conv1/bias", "block1_conv2/kernel"]
    assert len(found) == 26
    assert sum(values.size for values in found.values()) == 14_714_688
    np.testing.assert_array_equal(found["block3_conv3/bias"], bias)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, "block1/layers/conv2d/vars/1 is not a float32 array"),
        (np.zeros(65, np.float32), r"block1/layers/conv2d/vars/1 is not a float32 array of shape \(64,\)"),
        (np.zeros(64), "block1/layers/conv2d/vars/1 is not a float32 array"),
    ],
    ids=["missing", "shape", "dtype"],
)
def test_vgg16_in_another_form(tmp_path, values, reason):
    path = tmp_path / "hed.h5"
    write_vgg16(path, {"block1/layers/conv2d/vars/1": values})
    with pytest.raises(UnreadableFileError, match=f"{path}, which cannot be read: .*{reason}"):
        hed_vgg16.read({hed_vgg16.ARCHIVE.name: path})


def test_damaged_keras_weights(tmp_path):
    path = tmp_path / "hed.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(UnreadableFileError, match="hed.h5, which cannot be read: .*file signature not found"):
        hed_vgg16.read({hed_vgg16.ARCHIVE.name: path})


def test_unknown_names():
    with raises_argument_error("name", received="'efficientnet'", remedy="Did you mean efficientnet_lite0?"):
        weights("efficientnet")
    with raises_argument_error("name", received="3", expected="one of efficientnet_lite0, hed_vgg16"):
        weights_info(3)
    with raises_argument_error("folder", received="'/no/such/folder'", expected="an existing folder"):
        weights("hed_vgg16", folder="/no/such/folder")


def test_offline_error(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    with pytest.raises(DataNotFoundError) as caught:
        weights("efficientnet_lite0")
    message = str(caught.value)
    assert message.startswith('Could not obtain weights "efficientnet_lite0". Sources tried:')
    assert 'local folder: none given, as in weights("efficientnet_lite0", folder="downloads")' in message
    assert "For manual installation, put efficientnet-lite0-57934424.pth into" in message
    (tmp_path / "efficientnet-lite0-57934424.pth").write_bytes(b"damaged")
    with pytest.raises(DataNotFoundError, match="efficientnet-lite0-57934424.pth is truncated or modified: 7 bytes"):
        weights("efficientnet_lite0", folder=tmp_path)


@pytest.mark.slow
def test_efficientnet_lite0():
    arrays = weights("efficientnet_lite0")
    assert (len(arrays), sum(values.size for values in arrays.values())) == (247, 4_694_024)
    assert {values.dtype for values in arrays.values()} == {np.dtype(np.float32)}
    assert next(iter(arrays)) == "_conv_stem.weight"
    assert list(arrays)[-2:] == ["_fc.weight", "_fc.bias"]
    shapes = {name: arrays[name].shape for name in ("_conv_stem.weight", "_conv_head.weight", "_fc.weight")}
    assert shapes == {
        "_conv_stem.weight": (32, 3, 3, 3),
        "_conv_head.weight": (1280, 320, 1, 1),
        "_fc.weight": (1000, 1280),
    }
    assert arrays["_blocks.15._depthwise_conv.weight"].shape == (1152, 1, 3, 3)
    assert not any(name.startswith("_blocks.0._expand") for name in arrays)
    assert min(values.min() for name, values in arrays.items() if name.endswith("running_var")) >= 0


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs torch, as in `tensorsmith bench`")
def test_efficientnet_lite0_matches_torch():
    """In another process, because TensorFlow and PyTorch need much memory together."""
    program = """
import sys, numpy, torch
from tensorsmith.data.datasets.obtain import obtain
from tensorsmith.data.pretrained.efficientnet_lite0 import INFO
from tensorsmith.data.pretrained.torch_archive import read_torch_archive
(path,) = obtain(INFO).values()
expected, found = torch.load(path, weights_only=True), read_torch_archive(path)
assert list(expected) == list(found)
for name, values in expected.items():
    assert values.numpy().dtype == found[name].dtype
    assert values.stride() == tuple(step // found[name].itemsize for step in found[name].strides)
    numpy.testing.assert_array_equal(values.numpy(), found[name])
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_hed_vgg16():
    arrays = weights("hed_vgg16")
    assert (len(arrays), sum(values.size for values in arrays.values())) == (26, 14_714_688)
    assert arrays["block1_conv1/kernel"].shape == (3, 3, 3, 64)
    assert arrays["block5_conv3/bias"].shape == (512,)
    assert all(np.isfinite(values).all() and values.any() for values in arrays.values())
