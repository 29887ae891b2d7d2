"""What all tables of a recipe have in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# files are named after recipes: what would lead out of their folder, or be no name
UNFIT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]")


def _refuse_unfit(name: str) -> str:
    if UNFIT_IN_NAMES.search(name):
        raise ValueError(f"expected a name without slashes and controls, as files are named after it; got {name!r}")
    return name


RecipeName = Annotated[str, Field(min_length=1), AfterValidator(_refuse_unfit)]


class RecipeTable(BaseModel):
    """A closed, frozen table: unknown keys, wrong types and numbers that are not finite are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
