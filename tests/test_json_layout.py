import json

import numpy as np
import pytest

from hybridfer.evaluation.significance import McNemar
from hybridfer.json_layout import LayoutError, check_version, from_json, plain, to_json


def test_json_is_what_the_standard_library_reads():
    value = {"a": [1, 2.5, None, True], "é": {"b": [[], [[1]], {}], "c": 'quo"te\n'}, "d": {}}
    assert json.loads(to_json(value)) == value


def test_names_that_are_no_utf_8_are_spelt_out_and_read_back():
    text = to_json({"names": ["caf\udce9.png", "Zoë 😀.png"], "b\udcff": 1})
    assert json.loads(text.encode()) == {"names": [r"caf\udce9.png", "Zoë 😀.png"], r"b\udcff": 1}
    assert from_json(dict[str, int | list[str]], text) == json.loads(text)


def test_json_holds_no_command_for_a_terminal():
    value = {"a\x9b2J": "\x1b[2J\x7f"}
    assert to_json(value).replace("\n", "").isprintable()
    assert json.loads(to_json(value)) == value


def test_short_lists_stay_on_a_line_and_long_ones_are_broken():
    text = to_json({"short": [1, 2, 3], "long": ["a word or two"] * 20})
    assert '  "short": [1, 2, 3],\n' in text
    assert max(map(len, text.splitlines())) < 120


def test_numbers_of_numpy_become_plain_ones():
    value = plain(McNemar(np.int64(3), np.int32(1), np.float32(0.5)))
    assert to_json(value) == to_json({"only_a": 3, "only_b": 1, "p_value": 0.5})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"accuracy": number})


def test_a_wrong_or_missing_field_is_named():
    with pytest.raises(LayoutError, match=r"only_a: .*integer.*; p_value: .*required"):
        from_json(McNemar, '{"only_a": "3", "only_b": 1}')


def test_fields_of_a_later_hybridfer_are_left_out():
    text = '{"only_a": 3, "only_b": 1, "p_value": 0.625, "mid_p": 0.375}'
    assert from_json(McNemar, text) == McNemar(3, 1, 0.625)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is no JSON"),
        (b"\xff\xfe\xfd", "this is no JSON"),
        ('{"format_version": 1, "x": NaN}', "NaN is no JSON number"),
        ("[]", "no report of hybridfer"),
        ('{"rows": []}', "it has no format_version"),
        ('{"format_version": 2}', "format_version must be 1; got 2"),
        ('{"format_version": "1"}', "format_version must be 1; got '1'"),
    ],
)
def test_what_is_of_another_version_is_refused_with_the_reason(text, message):
    with pytest.raises(LayoutError, match=message):
        check_version(text, 1)
