import csv
import io

import pytest

from hybridfer.csv_layout import to_csv


@pytest.mark.parametrize("field", ["a\rb", "a\nb", "a\r\nb", "\r\n", "a,b", 'a "b"', " a ", "", "caf\udce9", "Zoë"])
def test_any_field_is_read_as_it_was_written(field):
    rows = [["name", "split"], [field, "train"], ["b.png", field]]
    assert list(csv.reader(io.StringIO(to_csv(rows), newline=""), strict=True)) == rows


def test_lines_end_in_a_line_feed_and_need_no_quotes():
    assert to_csv([["name", "size"], ["b.png", 3], [None, 0.5]]) == "name,size\nb.png,3\n,0.5\n"
