"""Pipeline recipes, one TOML file each: scaler, head, its parameters and its search grid."""
