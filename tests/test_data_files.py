"""Readers of files: round trips, and for each thing that can be wrong an error that names it."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxneuro.data import (
    as_labels,
    dataset_from_npz,
    m1_reach,
    mouse_v1,
    read_csv,
    read_mat,
    read_npz,
)
from jaxneuro.data.objects import plain_objects

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.random.default_rng(1).normal(size=(20, 2))
LABELS = np.arange(20) % 4
TEST = np.arange(20) >= 15


def save(folder: Path, **fields) -> Path:
    path = folder / "mine.npz"
    np.savez(path, **fields)
    return path


# npz


def test_npz_round_trip(tmp_path: Path) -> None:
    names = np.array(["a", "bc"])
    fields = read_npz(save(tmp_path, x=X, names=names, dt=0.1, order=np.asfortranarray(X)))
    assert set(fields) == {"x", "names", "dt", "order"}
    np.testing.assert_array_equal(fields["x"], X)
    np.testing.assert_array_equal(fields["order"], X)
    np.testing.assert_array_equal(fields["names"], names)
    np.savez_compressed(tmp_path / "small.npz", x=X)
    np.testing.assert_array_equal(read_npz(tmp_path / "small.npz")["x"], X)


def test_npz_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros(2_000_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match=r"bomb\.npz: .* 160\d+ bytes .*limit of 1000000"):
        read_npz(path, limit=1_000_000)
    assert read_npz(path)["x"].nbytes == 16_000_000


class Trap:
    """Unpickling this would be noticed."""

    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


def test_npz_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    trap = np.empty(1, object)
    trap[0] = Trap()
    with pytest.raises(ValueError, match=r"mine\.npz: field 'trap' holds Python objects"):
        read_npz(save(tmp_path, x=X, trap=trap))


def objects(values, shape=None) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array if shape is None else array.reshape(shape)


PLAIN = ["V1", "", "Größe", b"\x00\xff", True, False, 0, -1, 2**80, 1.5, float("inf"), None]


@pytest.mark.parametrize("shape", [(12,), (3, 4), (12, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_of_plain_objects_is_read(tmp_path: Path, shape, order) -> None:
    given = np.array(objects(PLAIN, shape), order=order)
    found = read_npz(save(tmp_path, a=given))["a"]
    assert found.dtype == object and found.shape == shape
    for one, other in zip(found.flat, given.flat, strict=True):
        assert type(one) is type(other) and one == other


def test_npz_of_many_equal_strings(tmp_path: Path) -> None:
    given = objects(["IT", "V1", "V4"] * 1000)  # the pickle refers back to what it has named
    np.testing.assert_array_equal(read_npz(save(tmp_path, a=given))["a"], given)


@pytest.mark.parametrize("odd", [[1], {}, (), np.float64(1), 1j, os.system, Path("a")], ids=repr)
def test_npz_of_other_objects_is_refused(tmp_path: Path, odd) -> None:
    with pytest.raises(ValueError, match=r"mine\.npz: field 'a' holds Python objects"):
        read_npz(save(tmp_path, a=objects(["a", odd])))


def test_pickles_with_a_lie_in_them_are_refused() -> None:
    for content in (
        b"\x80\x04r\xff\xff\xff\xff.",  # a memo of 2**32 places
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00.",  # bytes that are not there
        b"\x80\x04cos\nsystem\n.",
        b"\x80\x04N.",
        b"\x80\x04.",
        b"",
    ):
        with pytest.raises(ValueError):
            plain_objects(content, (1,))


def test_npz_reads_only_what_is_asked_for(tmp_path: Path) -> None:
    trap = objects([Trap()])
    assert set(read_npz(save(tmp_path, x=X, trap=trap), only=("x", "y"))) == {"x"}


def test_npz_header_that_lies_about_its_size(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    )
    path = tmp_path / "liar.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", file.getvalue() + bytes(80))
    with pytest.raises(ValueError, match=r"liar\.npz: field 'x' .* size"):
        read_npz(path)


def test_npz_damaged_or_no_npz(tmp_path: Path) -> None:
    path = save(tmp_path, x=X)
    content = bytearray(path.read_bytes())
    content[300] ^= 1  # inside the numbers: the zip's own checksum notices
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.npz: damaged"):
        read_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"not an array")
    with pytest.raises(ValueError, match="field 'x' is not a plain array"):
        read_npz(path)
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(ValueError, match=r"one\.npy: not an npz"):
        read_npz(tmp_path / "one.npy")
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        read_npz(tmp_path / "none.npz")


def test_npz_with_any_flipped_bit_raises_or_is_right(tmp_path: Path) -> None:
    path = tmp_path / "bits.npz"
    np.savez_compressed(path, x=X)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            fields = read_npz(path)
        except ValueError as error:
            assert "bits.npz" in str(error)
            refused += 1
        else:
            assert np.array_equal(fields.get("x", X), X)
    assert refused > 0.8 * len(content) / 3


# mat and csv


def test_mat_round_trip(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "a.mat", {"x": X, "s": {"k": 3.0}})
    content = read_mat(tmp_path / "a.mat")
    assert set(content) == {"x", "s"}
    np.testing.assert_array_equal(content["x"], X)
    assert content["s"].k == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"MATLAB 7.3 MAT-file, Platform".ljust(512) + b"\x89HDF\r\n\x1a\n", "-v7"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "-v7"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<HH", 0x100, 0x4D49) + b"xx", "readable"),
        (b"", "readable"),
    ],
)
def test_mat_that_cannot_be_read(tmp_path: Path, content: bytes, says: str) -> None:
    pytest.importorskip("scipy")
    (tmp_path / "b.mat").write_bytes(content)
    with pytest.raises(ValueError, match=rf"b\.mat: .*{says}"):
        read_mat(tmp_path / "b.mat")


def test_mat_without_scipy_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[experiments\]"'):
        read_mat(tmp_path / "b.mat")


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('\ufeffbold,"a, b"\r\n1,2e-3\r\nnan,-4\r\n', encoding="utf-8")
    names, table = read_csv(path)
    assert names == ("bold", "a, b")
    np.testing.assert_array_equal(table, [[1, 0.002], [np.nan, -4]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line"),
        ("1,2\n3,4\n", "first line"),
        ("a,b\n", "no rows"),
        ("a,a\n1,2\n", "same name"),
        ("a,b\n1,2\n3,x\n", "line 3, column 'b': 'x'"),
        ("a,b\n1,\n", "column 'b': ''"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, not 2"),
        ("a,b\n1,2,3\n", "2 names but 3"),
    ],
)
def test_csv_that_cannot_be_read(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"t\.csv: .*{says}"):
        read_csv(path)


# The contract of --data FILE.npz


def test_dataset_for_activity(tmp_path: Path) -> None:
    y = Y.copy()
    y[3, 1] = np.nan
    path = save(
        tmp_path, x=X, y=y, groups=np.array(list("bbaac" * 4)), test=TEST, dt=0.05,
        target_names=np.array(["n1", "n2"]), citation="Someone (2020)",
        trials=np.arange(20)[:, None] // 5, stimulus=np.array(list("zx" * 10)),
    )  # fmt: skip
    dataset = dataset_from_npz(path, "activity")
    assert dataset.trials is not None and dataset.stimulus is not None
    assert dataset.trials.tolist() == (np.arange(20) // 5).tolist()
    assert dataset.stimulus.tolist() == [1, 0] * 10
    assert dataset.whole is dataset.groups and dataset.edges is dataset.trials
    assert dataset.name == "mine"
    assert dataset.x.dtype == dataset.y.dtype == np.float64
    np.testing.assert_array_equal(dataset.x, X)
    np.testing.assert_array_equal(dataset.y, y)  # a missing value stays NaN
    assert not dataset.categories
    assert dataset.notes == ("groups: the test part divides a, b, c, and so is not independent",)
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [1, 1, 0, 0, 2] * 4
    assert dataset.test is not None
    assert dataset.test.dtype == bool
    assert dataset.dt == 0.05
    assert dataset.target_names == ("n1", "n2")
    assert dataset.citation == "Someone (2020)"


@pytest.mark.parametrize("kind", ["activity", "decoding"])
def test_one_column_may_be_flat(tmp_path: Path, kind) -> None:
    dataset = dataset_from_npz(save(tmp_path, x=X[:, 0], y=LABELS.astype(np.float32)), kind)
    assert dataset.x.shape == dataset.y.shape == (20, 1)
    assert dataset.y.dtype == np.float32
    assert (dataset.groups, dataset.test, dataset.dt) == (None, None, None)
    assert dataset.notes == () and not dataset.categories


# Labels

ORDER = np.array([2, 0, 1, 1, 2, 0])
FORMS = {
    "integers": (np.array([30, -7, 4, 4, 30, -7]), ("-7", "4", "30")),
    "wide integers": (ORDER.astype(np.uint64) + 2**63, tuple(str(2**63 + k) for k in range(3))),
    "digits": (np.array(["30", "7", "4", "4", "30", "7"]), None),
    "strings": (np.array(["V1", "A1", "IT"])[ORDER * 2 % 3], None),
    "list of strings": (["z", "a", "b", "b", "z", "a"], ("a", "b", "z")),
    "bytes": (np.array([b"V4", b"IT", b"V1", b"V1", b"V4", b"IT"]), ("IT", "V1", "V4")),
    "latin bytes": (np.array([b"\xfc", b"a", b"b", b"b", b"\xfc", b"a"]), ("a", "b", "ü")),
    "object strings": (objects(["z", "a", "b", "b", "z", "a"]), ("a", "b", "z")),
    "object integers": (objects([10, 8, 9, 9, 10, 8]), ("8", "9", "10")),
    "one-hot": (np.eye(3)[ORDER], ("0", "1", "2")),
    "one-hot integers": (np.eye(3, dtype=np.uint8)[ORDER], ("0", "1", "2")),
    "one-hot bools": (np.eye(3, dtype=bool)[ORDER], ("0", "1", "2")),
    "one-hot objects": (np.eye(3, dtype=int)[ORDER].astype(object), ("0", "1", "2")),
    "one-hot with an empty column": (np.eye(5)[[1, 3, 4]][ORDER], ("1", "3", "4")),
    "column": (ORDER[:, None] + 5, ("5", "6", "7")),
    "column of strings": (np.array(list("zabbza"))[:, None], ("a", "b", "z")),
    "whole floats": (ORDER / 1.0 - 1, ("-1", "0", "1")),
    "half floats": (ORDER.astype(np.float16), ("0", "1", "2")),
    "big-endian": (ORDER.astype(">i4"), ("0", "1", "2")),
}


@pytest.mark.parametrize("name", FORMS)
def test_labels_in_every_form(name: str) -> None:
    y, names = FORMS[name]
    labels, found = as_labels(y)
    assert labels.dtype == np.int32 and labels.shape == (6,)
    if names is None:
        assert found == tuple(sorted(set(np.asarray(y).tolist())))
        np.testing.assert_array_equal(np.array(found)[labels], y)
    else:
        assert found == names
        assert labels.tolist() == ORDER.tolist()


def test_labels_of_two_kinds() -> None:
    for y in (np.array([True, False, True]), [True, False, True], objects([True, False, True])):
        labels, names = as_labels(y)
        assert labels.tolist() == [1, 0, 1] and names == ("False", "True")
    assert as_labels([0.0, -0.0, 1.0])[1] == ("0", "1")


BAD_LABELS = {
    "NaN": ([0.0, np.nan], r"area has 1 missing values .*first at sample 1"),
    "None": (["a", "b", None], r"area has 1 missing values, the first at sample 2"),
    "NaN among strings": (objects(["a", np.nan]), "area has 1 missing values.* at sample 1"),
    "None among numbers": ([1, None, 2], "area has 1 missing values.* at sample 1"),
    "fractions": ([0, 1, 0.5], "area has 1 values that are not whole numbers, the first 0.5 at"),
    "infinite": ([0, np.inf], "area has 1 values that are not whole numbers, the first inf"),
    "mixed": ([1, "a"], "area mixes strings and whole numbers"),
    "bools and numbers": ([True, 2], "area mixes bools and whole numbers"),
    "two ones": (np.ones((4, 3)), "shape .4, 3., but row 0 is not zeros and a single 1"),
    "no one": (np.diag([1, 1, 0]), "row 2 is not zeros and a single 1"),
    "probabilities": (np.array([[1, 0], [0.4, 0.6]]), "row 1 is not zeros"),
    "two columns of strings": (np.array([["a", "b"]]), "area has shape"),
    "cube": (np.zeros((2, 2, 2)), "area has shape .2, 2, 2."),
    "complex": (np.array([1j, 0]), "area has dtype complex128"),
    "dates": (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), "area has dtype datetime64"),
    "ragged": ([[0], [1, 2]], "area holds list object"),
    "none": ([], "area has no samples"),
    "a number": (3, "area has no samples"),
    "one class": (["V1", "V1"], r"area has one class only \(V1\)"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_explained(name: str) -> None:
    y, says = BAD_LABELS[name]
    with pytest.raises(ValueError, match=says):
        as_labels(y, "area")


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float64, str, bytes, object])
def test_labels_are_numbered_from_zero_and_keep_their_names(tmp_path: Path, dtype) -> None:
    patches = np.ones((20, 5, 5, 2))
    dataset = dataset_from_npz(
        save(tmp_path, x=patches, y=(LABELS * 10 + 17).astype(dtype)[:, None]), "areas"
    )
    assert dataset.x.shape == (20, 5, 5, 2)
    assert dataset.y.dtype == np.int32
    assert dataset.y.tolist() == LABELS.tolist()
    assert dataset.target_names == ("17", "27", "37", "47")
    assert dataset.categories
    assert dataset.notes == ("y has 4 categories: 17, 27, 37, 47",)


def test_names_of_classes(tmp_path: Path) -> None:
    def names(y, given):
        return dataset_from_npz(save(tmp_path, x=X, y=y, target_names=given), "areas")

    strings = np.array(["IT", "V1"])
    assert names(LABELS % 2, ["left", "right"]).target_names == ("left", "right")
    assert names(LABELS // 2 * 2, ["a", "b", "c"]).target_names == ("a", "c")  # 0 and 2
    assert names(np.eye(3)[LABELS // 2 * 2], ["a", "b", "c"]).target_names == ("a", "c")
    found = names(strings[LABELS % 2], ["V1", "IT"])  # in another order: nothing is renamed
    assert found.target_names == ("IT", "V1")
    found = names(strings[LABELS % 2], ["ventral", "early"])
    assert found.target_names == ("ventral", "early")
    assert "IT is called ventral, V1 is called early" in found.notes[0]


def test_a_class_in_the_test_part_only_is_noted(tmp_path: Path) -> None:
    y = np.where(TEST, "MT", np.where(LABELS > 1, "V1", "IT"))
    dataset = dataset_from_npz(save(tmp_path, x=X, y=y, test=TEST), "areas")
    assert dataset.notes[1] == "y: MT only in the test part: no fit can know of it"


CATEGORIES = {
    "strings": np.array(["IT", "MT", "V1", "V4"])[LABELS],
    "bytes": np.array([b"IT", b"MT", b"V1", b"V4"])[LABELS],
    "objects": objects(list("abcd" * 5)),
    "integers": LABELS,
    "column of integers": LABELS[:, None].astype(np.uint8),
    "one-hot bools": np.eye(4, dtype=bool)[LABELS],
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_decoding_of_categories(tmp_path: Path, name: str) -> None:
    dataset = dataset_from_npz(save(tmp_path, x=X, y=CATEGORIES[name]), "decoding")
    assert dataset.categories
    assert dataset.y.dtype == np.int32
    assert dataset.y.tolist() == LABELS.tolist()
    assert len(dataset.target_names) == 4
    assert dataset.notes[0].startswith("y has 4 categories: ")
    assert ("save it as float" in dataset.notes[0]) == ("integers" in name)


def test_decoding_of_bools(tmp_path: Path) -> None:
    dataset = dataset_from_npz(save(tmp_path, x=X, y=LABELS > 1), "decoding")
    assert dataset.categories and dataset.target_names == ("False", "True")
    np.testing.assert_array_equal(dataset.y, LABELS > 1)


NUMBERS = {
    "floats": LABELS.astype(np.float32),
    "column of floats": LABELS[:, None].astype(np.float16),
    "many integers": np.arange(30) % 21,
    "integers each once": np.arange(20),
    "columns of integers": np.eye(4, dtype=int)[LABELS],
    "columns of bools": np.stack([LABELS > 1, LABELS > 2], axis=1),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_decoding_of_numbers(tmp_path: Path, name: str) -> None:
    y = NUMBERS[name]
    dataset = dataset_from_npz(save(tmp_path, x=np.ones((len(y), 2)), y=y), "decoding")
    assert not dataset.categories and dataset.target_names == ()
    np.testing.assert_array_equal(dataset.y, y.reshape(len(y), -1))
    assert dataset.y.dtype == (np.float64 if y.dtype == np.int64 else np.float32)
    told = name in ("many integers", "integers each once")
    assert any("taken as numbers" in note for note in dataset.notes) == told


# Precision, missing columns, groups


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64),
     (np.longdouble, np.float64), (np.int8, np.float32), (np.uint16, np.float32),
     (np.int32, np.float64), (np.int64, np.float64), (bool, np.float32), (">f8", np.float64),
     (object, np.float64)],
)  # fmt: skip
def test_nothing_is_cast_that_would_lose(tmp_path: Path, dtype, kept) -> None:
    x, y = (np.arange(40).reshape(20, 2) % 2).astype(dtype), Y
    dataset = dataset_from_npz(save(tmp_path, x=x, y=y), "activity")
    assert dataset.x.dtype == kept and dataset.x.dtype.isnative
    np.testing.assert_array_equal(dataset.x, np.arange(40).reshape(20, 2) % 2)


def test_large_numbers_stay(tmp_path: Path) -> None:
    x = 1e9 + X
    dataset = dataset_from_npz(save(tmp_path, x=x, y=Y * 1e39), "activity")
    np.testing.assert_array_equal(dataset.x, x)
    np.testing.assert_array_equal(dataset.y, Y * 1e39)


def test_columns_without_a_value_are_noted(tmp_path: Path) -> None:
    y = np.ones((20, 5))
    y[:, 2] = np.nan
    y[~TEST, 4] = np.nan
    for kind, known in (
        ("activity", "its status will be bad_data"),
        ("decoding", "nothing is known of it"),  # one fit has all outputs
    ):
        dataset = dataset_from_npz(save(tmp_path, x=X, y=y, test=TEST), kind)
        np.testing.assert_array_equal(dataset.y, y)
        assert dataset.notes == (
            f"y: column 2 has no value at all: {known}",
            f"y: column 4 has no value outside the test part: {known}",
        )
    y[:, 3] = np.nan
    (note,) = dataset_from_npz(save(tmp_path, x=X, y=y[:, :4]), "activity").notes
    assert note == "y: columns 2, 3 have no value at all: their status will be bad_data"


GROUPINGS = {
    "strings": np.array(["run 2", "run 1", "run 3"]),
    "bytes": np.array([b"run 2", b"run 1", b"run 3"]),
    "objects": objects(["run 2", "run 1", "run 3"]),
    "object integers": objects([10, 9, 11]),
    "integers": np.array([10, 9, 11]),
    "floats": np.array([10.0, 9, 11]),
}


@pytest.mark.parametrize("name", GROUPINGS)
def test_groups_of_every_kind(tmp_path: Path, name: str) -> None:
    index = np.arange(20) % 3
    dataset = dataset_from_npz(save(tmp_path, x=X, y=Y, groups=GROUPINGS[name][index]), "activity")
    assert dataset.groups is not None
    assert dataset.groups.dtype == np.int32
    np.testing.assert_array_equal(dataset.groups, np.array([1, 0, 2])[index])


def test_groups_of_bools_and_of_one_value(tmp_path: Path) -> None:
    dataset = dataset_from_npz(save(tmp_path, x=X, y=Y, groups=LABELS > 1), "activity")
    np.testing.assert_array_equal(dataset.groups, LABELS > 1)
    dataset = dataset_from_npz(save(tmp_path, x=X, y=Y, groups=["run 1"] * 20), "activity")
    assert dataset.groups is None
    assert dataset.notes == ("groups has one value only: the samples are split without groups",)


def test_names_may_be_numbers_or_bytes(tmp_path: Path) -> None:
    dataset = dataset_from_npz(
        save(tmp_path, x=X, y=Y, target_names=[101, 7], feature_names=[b"a", b"b", b"c"]),
        "activity",
    )
    assert dataset.target_names == ("101", "7")
    assert dataset.feature_names == ("a", "b", "c")


RAGGED = np.empty(20, object)
RAGGED[:] = [[0] * (i % 3) for i in range(20)]
NAN = np.where(np.arange(60).reshape(20, 3) == 31, np.nan, X)

BAD = {
    "no x": ("activity", {"x": None}, "'x' is missing; found: y"),
    "no y": ("activity", {"y": None}, "'y' is missing; found: x"),
    "misspelt": ("activity", {"group": LABELS}, "'group' is not known; if it is 'groups'"),
    "objects": ("activity", {"x": RAGGED}, "'x' holds Python objects"),
    "text": ("activity", {"x": np.full((20, 2), "a")}, "'x' has dtype <U1"),
    "complex": ("decoding", {"y": Y * 1j}, "'y' has dtype complex128"),
    "scalar x": ("activity", {"x": np.array(1.0)}, "'x' is a single number"),
    "scalar y": ("activity", {"y": np.array(1.0)}, "'y' is a single number"),
    "no samples": ("activity", {"x": X[:0], "y": Y[:0]}, "'x' has no samples"),
    "no features": ("activity", {"x": X[:, :0]}, "'x' has shape .* no features"),
    "no neurons": ("activity", {"y": Y[:, :0]}, r"'y' has shape \(20, 0\)"),
    "short": ("activity", {"y": Y[:-1]}, "'y' has 19 samples and x has 20"),
    "transposed y": ("activity", {"y": Y.T}, r"'y' has shape \(2, 20\) .* Save y\.T"),
    "transposed x": ("activity", {"x": X.T}, r"'x' has shape \(3, 20\) .* Save x\.T"),
    "NaN in x": ("activity", {"x": NAN}, r"'x' has 1 values .* first at \(10, 1\)"),
    "infinite x": ("activity", {"x": X * np.inf}, "'x' has 60 values that are NaN or infinite"),
    "mixed x": ("activity", {"x": objects(["a", 1] * 10)}, "'x' mixes strings and whole numbers"),
    "infinite y": ("decoding", {"y": np.full((20, 2), np.inf)}, "'y' has infinite"),
    "no value": ("activity", {"y": Y * np.nan}, "'y' has no value at all"),
    "no value to fit": (
        "activity",
        {"y": np.where(TEST[:, None], Y, np.nan), "test": TEST},
        "'y' has no value outside the test part",
    ),
    "3-D y": ("decoding", {"y": Y[..., None]}, r"'y' has shape .* needs \(sample, output\)"),
    "real labels": ("areas", {"y": Y[:, 0]}, "'y' has 20 values that are not whole"),
    "NaN labels": ("areas", {"y": np.full(20, np.nan)}, "'y' has 20 missing values"),
    "one-hot labels": ("areas", {"y": 1 - np.eye(4)[LABELS]}, "'y' has shape .* but row 0"),
    "one class": ("areas", {"y": np.zeros(20, int)}, r"'y' has one class only \(0\); "),
    "one word": ("decoding", {"y": np.full(20, "V1")}, r"'y' has one class only \(V1\); "),
    "one class to fit": (
        "areas",
        {"y": TEST.astype(int), "test": TEST},
        "'y' has one class only outside the test part",
    ),
    "no test": ("activity", {"test": np.zeros(20, bool)}, "'test' is False everywhere"),
    "all test": ("activity", {"test": np.ones(20, bool)}, "'test' is True everywhere"),
    "indices for test": ("activity", {"test": np.arange(15, 20)}, r"'test' has shape \(5,\)"),
    "numbers for test": ("activity", {"test": np.arange(20)}, "'test' .* must be bool"),
    "short groups": ("activity", {"groups": LABELS[:-1]}, r"'groups' has shape \(19,\)"),
    "NaN groups": ("activity", {"groups": np.full(20, np.nan)}, "'groups' has 20 missing values"),
    "real groups": ("activity", {"groups": X[:, 0]}, "'groups' has 20 values that are not whole"),
    "zero dt": ("activity", {"dt": 0.0}, "'dt' is 0.0; .* positive"),
    "NaN dt": ("activity", {"dt": np.nan}, "'dt' is nan"),
    "two dt": ("activity", {"dt": [0.1, 0.1]}, "'dt' is .* one positive number"),
    "names": ("activity", {"feature_names": np.array(["a"])}, "'feature_names' has 1 names for 3"),
    "targets": ("activity", {"target_names": np.array(["a"])}, "'target_names' has 1 names for 2"),
    "classes": ("areas", {"y": LABELS, "target_names": np.array(["a"])}, "1 names for 4 classes"),
    "real names": ("activity", {"feature_names": np.ones(3)}, "'feature_names' .* strings"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_explained(tmp_path: Path, name: str) -> None:
    kind, changes, says = BAD[name]
    fields = {"x": X, "y": LABELS if kind == "areas" else Y} | changes
    path = save(tmp_path, **{key: value for key, value in fields.items() if value is not None})
    with pytest.raises(ValueError, match=says) as caught:
        dataset_from_npz(path, kind)
    assert "mine.npz" in str(caught.value)


def test_unknown_extra_fields_are_free(tmp_path: Path) -> None:
    path = save(tmp_path, x=X, y=Y, position=X, anything=objects([{"a": 1}]))
    assert dataset_from_npz(path, "decoding").y.shape == (20, 2)


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="activity, areas, decoding"):
        dataset_from_npz(save(tmp_path, x=X, y=Y), "encoding")  # pyright: ignore


# Recordings that the user has downloaded


def shared(folder: str) -> Path:
    """A folder of JAXNEURO_TEST_DATA, where the published recordings lie."""
    root = os.environ.get("JAXNEURO_TEST_DATA")
    if not root:
        pytest.skip("JAXNEURO_TEST_DATA is not set")
    if not (Path(root) / folder).is_dir():
        pytest.skip(f"no {folder} in JAXNEURO_TEST_DATA")
    pytest.importorskip("scipy")
    return Path(root) / folder


def test_mouse_v1() -> None:
    mice = mouse_v1(shared("mouse_v1_gratings"))
    assert [mouse.name[-2:] for mouse in mice] == ["24", "26", "27", "28", "30"]
    assert [len(mouse.arrays["response"]) for mouse in mice] == [28, 74, 39, 56, 39]
    published = [0.0324, 0.0113, 0.0315, 0.1777, 0.0551]
    for mouse, mean in zip(mice, published, strict=True):
        arrays = mouse.arrays
        assert set(arrays) == set(mouse.units)
        assert arrays["response"].shape[1:] == arrays["pupil"].shape == arrays["speed"].shape
        assert arrays["response"].shape[1:] == (128, 49)
        assert np.bincount(arrays["direction"] // 45).tolist() == [16] * 8
        assert np.diff(arrays["time"]) == pytest.approx(arrays["dt"] * np.ones(48))
        assert np.nanmean(arrays["published_r2"]) == pytest.approx(mean, abs=1e-4)


def test_mouse_v1_without_results(tmp_path: Path) -> None:
    source = sorted(shared("mouse_v1_gratings").glob("*_data.mat"))[0]
    (tmp_path / source.name).write_bytes(source.read_bytes())
    (mouse,) = mouse_v1(tmp_path)
    assert "published_r2" not in mouse.arrays


def test_m1_reach() -> None:
    recording = m1_reach(shared("m1_reach_stevenson") / "m1_stevenson_2011.mat")
    arrays = recording.arrays
    assert arrays["spikes"].shape == (15_536, 171)
    assert arrays["velocity"].shape == arrays["position"].shape == (15_536, 2)
    assert arrays["dt"] == 0.05
    assert (arrays["spikes"].sum(axis=0) < 100).sum() == 18
    # Velocity is the derivative of position, in the same order and units.
    derivative = np.gradient(arrays["position"], 0.05, axis=0)
    for axis in (0, 1):
        slope = np.polyfit(derivative[:, axis], arrays["velocity"][:, axis], 1)[0]
        assert slope == pytest.approx(1, abs=0.05)


def test_wrong_places_and_layouts(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"_data\.mat"):
        mouse_v1(tmp_path)
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "a_b_data.mat", {"x": X})
    with pytest.raises(ValueError, match=r"a_b_data\.mat: not laid out"):
        mouse_v1(tmp_path)
    with pytest.raises(ValueError, match=r"a_b_data\.mat: not laid out"):
        m1_reach(tmp_path / "a_b_data.mat")
