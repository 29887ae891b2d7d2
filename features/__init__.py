"""Feature recipes, one TOML file each: which network, how it is trained, which layers and views."""
