"""Several runs side by side: means, deviations, tests over runs; as text, Markdown, tables and a page."""
