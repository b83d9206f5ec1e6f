import hashlib
import json
import os
import pickle
import struct
import tomllib

import pytest
import tomli_w
from safetensors.torch import load_file, save

from astro_vbinary.classification import (
    BinaryClassifier,
    classify,
    find_weights,
    install_weights,
    list_weights,
    load_card,
    open_weights,
    remove_weights,
    user_folder,
)
from astro_vbinary.classification import installing as installing_module
from astro_vbinary.classification.checking import check_folder, check_id
from astro_vbinary.classification.choosing import choose_weights
from astro_vbinary.classification.tests.helpers_stacks import make_stack
from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownWeightsError,
    VBinaryWarning,
    WeightsError,
)

pytestmark = pytest.mark.usefixtures("bundled", "home")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder for a user's weights, empty."""
    monkeypatch.setenv("ASTRO_VBINARY_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "weights"


@pytest.fixture
def mine(make_card):
    """A folder of sound weights, as from anywhere."""
    return make_card(folder="mine", id="mine", version="9").path.parent


def change(folder, content=None, **entries):
    """Change card and tensors; the hash is made to fit."""
    path = folder / "mine.toml"
    card = tomllib.loads(path.read_text()) | entries
    if content is not None:
        (folder / "mine.safetensors").write_bytes(content)
        card["sha256"] = hashlib.sha256(content).hexdigest()
    path.write_text(tomli_w.dumps(card))


def tensors_file(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_what_is_added_is_known_by_its_id_everywhere(mine, home):
    card = install_weights(mine)
    assert card.path == home / "mine" / "mine.toml"
    assert find_weights("mine").sha256 == card.sha256
    assert [c.id for c in list_weights()] == ["tiny-g3", "tiny-g4", "mine"]
    assert open_weights("mine").path == card.path
    assert open_weights(mine).path == mine / "mine.toml"
    rows = classify([make_stack("1", "SDSS9", "g")], device="cpu", weights="mine")
    assert list(rows.to_table()["weights"]) == ["mine"]
    with pytest.raises(UnknownWeightsError, match="known: tiny-g3"):
        open_weights("nothing")


def test_what_is_added_does_not_change_what_a_group_is_judged_by(mine):
    install_weights(mine)
    assert find_weights(group=3).id == "tiny-g3"
    rows = classify([make_stack("1", "SDSS9", "g")], device="cpu")
    assert list(rows.to_table()["weights"]) == ["tiny-g3"]


def test_an_id_is_taken_once(mine, make_card):
    install_weights(mine)
    with pytest.raises(DuplicateNameError, match="replace them"):
        install_weights(mine)
    other = make_card(folder="other", id="mine", seed=5)
    assert install_weights(other.path.parent, replace=True).sha256 == other.sha256
    taken = make_card(folder="third", id="tiny-g3")
    with pytest.raises(DuplicateNameError, match="tiny-g3"):
        install_weights(taken.path.parent, replace=True)


def test_removing(mine, home):
    install_weights(mine)
    assert remove_weights("mine") == home / "mine"
    assert list(home.iterdir()) == []
    for name in ("mine", "tiny-g3"):
        with pytest.raises(UnknownWeightsError, match="there are: none"):
            remove_weights(name)


def test_only_what_was_checked_is_copied(mine, home):
    (mine / "notes.md").write_text("mine")
    (mine / "split.ecsv").write_text("split")
    install_weights(mine)
    names = sorted(path.name for path in (home / "mine").iterdir())
    assert names == ["mine.safetensors", "mine.toml", "split.ecsv"]


def test_without_the_variable_the_platforms_folder_is_taken(monkeypatch):
    monkeypatch.delenv("ASTRO_VBINARY_DATA")
    assert user_folder().parts[-2:] == ("astro_vbinary", "weights")


def test_weights_for_their_group_and_policy(mine, make_card):
    install_weights(mine)
    with pytest.raises(WeightsError, match="both for group 3"):
        choose_weights(["mine", "tiny-g3"], "published")
    own = make_card(folder="narrow", id="narrow", policies=["published"])
    with pytest.raises(WeightsError, match="not 'effective'"):
        choose_weights([own.path], "effective")
    assert choose_weights("mine", "effective")[3].id == "mine"


def test_a_damaged_set_is_left_out_and_told(mine, home):
    install_weights(mine)
    (home / "mine" / "mine.toml").write_text("=")
    with pytest.warns(VBinaryWarning, match="is not TOML"):
        assert [c.id for c in list_weights()] == ["tiny-g3", "tiny-g4"]


# ----------------------------------------------------------------- packages
def test_packages_bring_weights(mine, monkeypatch, tmp_path):
    package = tmp_path / "site" / "some_weights"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for path in mine.iterdir():
        (package / path.name).write_bytes(path.read_bytes())
    info = tmp_path / "site" / "some_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\n")
    (info / "entry_points.txt").write_text(
        "[astro_vbinary.weights]\nsome = some_weights\nbroken = no_such_package\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.warns(VBinaryWarning, match="'broken'.*left out"):
        assert find_weights("mine").path.parent == package
    assert installing_module.ENTRY_POINT_GROUP == "astro_vbinary.weights"


# ------------------------------------------------------------ wicked folders
class Wicked:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.pt", "weights.pkl", "x.bin", "last.ckpt"])
def test_pickled_files_are_refused(mine, tmp_path, name):
    trap = tmp_path / "trap"
    (mine / name).write_bytes(pickle.dumps(Wicked(trap)))
    with pytest.raises(WeightsError, match="unpickling runs code"):
        install_weights(mine)
    assert not trap.exists()


def test_a_pickle_under_the_name_of_tensors_is_refused(mine, tmp_path):
    trap = tmp_path / "trap"
    change(mine, pickle.dumps(Wicked(trap)))
    with pytest.raises(WeightsError, match="not a file of safetensors"):
        install_weights(mine)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["setup.py", "model.so", "run.sh", "x.exe", ".hidden"])
def test_code_beside_the_weights_is_refused(mine, name):
    (mine / name).write_text("import os")
    with pytest.raises(WeightsError, match=f"{name} does not belong beside weights"):
        install_weights(mine)


def test_folders_and_links_are_refused(mine, tmp_path):
    (mine / "sub").mkdir()
    with pytest.raises(WeightsError, match="sub does not belong"):
        install_weights(mine)
    (mine / "sub").rmdir()
    (mine / "README.md").symlink_to("/etc/hostname")
    with pytest.raises(WeightsError, match="is a link"):
        install_weights(mine)
    (mine / "README.md").unlink()
    tensors = mine / "mine.safetensors"
    tensors.rename(tmp_path / "elsewhere.safetensors")
    tensors.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(WeightsError, match="is a link"):
        install_weights(mine)
    link = tmp_path / "link"
    link.symlink_to(mine)
    with pytest.raises(WeightsError, match="not a folder"):
        install_weights(link)


def test_huge_tensors_in_the_header_are_refused(mine):
    huge = {
        "conv1.weight": {
            "dtype": "F32",
            "shape": [2**20, 2**19],
            "data_offsets": [0, 2**41],
        }
    }
    change(mine, tensors_file(huge))
    with pytest.raises(WeightsError, match="not a file of safetensors"):
        install_weights(mine)
    huge["conv1.weight"] |= {"shape": [2**18, 2**18], "data_offsets": [0, 2**38]}
    change(mine, tensors_file(huge))
    with pytest.raises(WeightsError, match="does not fit"):
        install_weights(mine)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "does not fit"),
        ({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, "does not fit"),
        ({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "no tensor"),
        ({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, "has no"),
        ({"x": {"dtype": "OBJ", "shape": [1], "data_offsets": [0, 8]}}, "is of 'OBJ'"),
        ({"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}}, "not a file"),
        (
            {"x": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}},
            "not a file",
        ),
        ({"x": []}, "not a file"),
        ([], "not a file"),
    ],
)
def test_damaged_headers_are_told(mine, header, message):
    change(mine, tensors_file(header, b"\0" * 8))
    with pytest.raises(WeightsError, match=message):
        install_weights(mine)


def test_a_header_longer_than_the_file_is_refused(mine):
    change(mine, struct.pack("<Q", 2**62) + b"{}" * 10)
    with pytest.raises(WeightsError, match="not a file of safetensors"):
        install_weights(mine)


def test_wrong_shapes_and_names_are_told(mine):
    path = mine / "mine.safetensors"
    whole = load_file(path)
    wrong = whole | {"fc.weight": whole["fc.weight"][:, :3].contiguous()}
    change(mine, save(wrong))
    with pytest.raises(
        WeightsError, match=r"fc.weight is \(2, 3\), the card's network"
    ):
        install_weights(mine)
    change(mine, save({k: v for k, v in whole.items() if k != "fc.bias"}))
    with pytest.raises(WeightsError, match=r"the file has no fc.bias"):
        install_weights(mine)
    change(mine, save(whole | {"more": whole["fc.bias"].clone()}))
    with pytest.raises(WeightsError, match="the network has no more"):
        install_weights(mine)
    change(mine, save(whole | {"fc.bias": whole["fc.bias"] * float("nan")}))
    with pytest.raises(WeightsError, match=r"fc\.bias is not finite"):
        install_weights(mine)


def test_another_hash_is_refused(mine):
    path = mine / "mine.safetensors"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match="its card says"):
        install_weights(mine)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"id": "../../evil"}, "cannot be an id"),
        ({"id": "other"}, "should be called other.toml"),
        ({"licence": ""}, "licence must be a line of text"),
        ({"licence": 3}, "licence must be a line of text"),
        ({"version": 2.0}, "version must be a line of text"),
        ({"group": 9}, "group must be a whole number from 1 to 4"),
        ({"surveys": "HST"}, "surveys must be a list"),
        ({"classes": ["a", "b", "c"]}, "classes must be not and binary"),
        ({"grid": {"pixel_scale": 0.1, "side": 10**9}}, "grid.side must be"),
        ({"grid": {"pixel_scale": float("nan"), "side": 64}}, "grid.pixel_scale must"),
        ({"calibration": {"temperature": 1.0, "bias": float("inf"), "prevalence": 0.5}},
         "calibration.bias must be"),
    ],
)  # fmt: skip
def test_cards_that_make_no_sense_are_told(mine, entries, message):
    change(mine, **entries)
    with pytest.raises(WeightsError, match=message):
        install_weights(mine)


@pytest.mark.parametrize(
    ("entry", "value"),
    [("width", 10**9), ("extra_layers", 10**9), ("width", True), ("zooms", 1.5),
     ("hook", "os.system")],
)  # fmt: skip
def test_networks_without_bound_are_refused_before_they_are_built(mine, entry, value):
    network = load_card(mine).entries["network"] | {entry: value}
    change(mine, network=network)
    for read in (check_folder, open_weights, BinaryClassifier.from_file):
        with pytest.raises(WeightsError, match=f"network.{entry}"):
            read(mine)


def test_ids_are_names_of_files():
    assert check_id("a.B_c-1") == "a.B_c-1"
    for name in ("", ".a", "-a", "a/b", "a\\b", "a b", "a\n", "é", "x" * 81, None):
        with pytest.raises(WeightsError, match="cannot be an id"):
            check_id(name)
