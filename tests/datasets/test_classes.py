import unicodedata

import pytest

from hybridfer.datasets.classes import FER_CLASSES, normalise_class, order_classes, select_classes
from hybridfer.datasets.records import label_words
from hybridfer.errors import DatasetError


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Anger", "angry"),
        ("ANGRY", "angry"),
        ("disgusted", "disgust"),
        ("fear-ful", "fear"),
        ("Afraid", "fear"),
        (" happiness ", "happy"),
        ("Sadness", "sad"),
        ("sur prised", "surprise"),
        ("Neutral", "neutral"),
    ],
)
def test_synonyms_become_the_words_of_fer(name, word):
    assert normalise_class(name) == word


@pytest.mark.parametrize("name", ["contempt", "Confused", "very happy"])
def test_other_names_are_kept_as_the_user_spells_them(name):
    assert normalise_class(name) == name


def test_classes_stand_in_kaggles_order_with_all_others_sorted_behind():
    assert order_classes(reversed(FER_CLASSES)) == FER_CLASSES
    assert order_classes(["zeal", "happy", "contempt", "angry"]) == ("angry", "happy", "contempt", "zeal")


def test_a_choice_of_classes_has_one_order_however_it_is_written():
    assert (
        select_classes("sad, Happiness", FER_CLASSES)
        == select_classes(["happy", "sadness"], FER_CLASSES)
        == ("happy", "sad")
    )


@pytest.mark.parametrize("wanted", ["happy,contempt", "", ["bored"]])
def test_a_class_that_does_not_exist_is_an_error_that_names_those_that_do(wanted):
    with pytest.raises(DatasetError, match="must be among angry, disgust, fear, happy, sad, surprise, neutral"):
        select_classes(wanted, FER_CLASSES)


@pytest.mark.parametrize(
    ("one", "other"),
    [("😀", "😢"), ("+1", "-1"), ("1", "-1"), ("1.5", "15"), ("1-12", "11-2"), ("का", "की"), ("c", "c++")],
)
def test_names_that_differ_in_more_than_gaps_are_two_classes(one, other):
    classes, labels = label_words([one, other, one])
    assert set(classes) == {one, other}
    assert labels[0] == labels[2] != labels[1]
    assert select_classes(one, classes) == (one,)


@pytest.mark.parametrize(
    ("one", "other"), [("very happy", "Very-Happy"), ("mixed_up", "mixedup"), ("10-20", "10_20"), ("semi-sad_", "semi sad")]
)
def test_names_that_differ_in_case_and_gaps_are_one_class(one, other):
    classes, labels = label_words([one, other])
    assert len(classes) == 1
    assert labels.tolist() == [0, 0]
    assert select_classes(one, classes) == select_classes(other, classes) == classes


def test_a_name_is_one_class_however_its_accents_are_encoded():
    names = [unicodedata.normalize(form, "Überraschung") for form in ("NFD", "NFC")]
    classes, labels = label_words(names)
    assert classes == (names[1],)
    assert labels.tolist() == [0, 0]
    assert select_classes(names[0], classes) == classes
