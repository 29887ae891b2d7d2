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
