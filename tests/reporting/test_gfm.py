import pytest

from hybridfer.reporting.gfm import escape, fence


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("happy\n\n# Heading", "happy # Heading"),
        (" a\r\n\t b\N{LINE SEPARATOR}c ", "a b c"),
        ("~~b~~", r"\~\~b\~\~"),
        ("A & B", "A & B"),
        ("A&B; AT&T", "A&amp;B; AT&T"),
        ("&lt;b> &#60;b> &#x3c;b>", "&amp;lt;b> &amp;#60;b> &amp;#x3c;b>"),
        ("<b>&</b>", "&lt;b>&&lt;/b>"),
        ("snake_case _a_", r"snake_case \_a\_"),
    ],
)
def test_nothing_in_a_name_is_markup(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize(("text", "ticks"), [("echo", 3), ("`a` ``b``", 3), ("a\n```\nb", 4), ("`````", 6)])
def test_a_fence_is_longer_than_what_it_holds(text, ticks):
    assert fence(text, "sh").splitlines() == [f"{'`' * ticks}sh", *text.splitlines(), "`" * ticks]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# x.png: no image", r"\# x.png: no image"),
        ("## x", r"\## x"),
        (">x.png", r"\>x.png"),
        ("1. x.png", r"1\. x.png"),
        ("12) x", r"12\) x"),
        ("+ x", r"\+ x"),
        ("- x", r"\- x"),
        ("-5.jpg", "-5.jpg"),
        ("1.5 points, a > b", "1.5 points, a > b"),
        ("$x$", r"\$x\$"),
        ("red\x1b[31m", r"red\\x1b\[31m"),
    ],
)
def test_nothing_at_the_beginning_of_a_text_makes_a_block_of_it(text, written):
    assert escape(text) == written
