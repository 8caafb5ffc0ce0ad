"""What `pointers.safetensors` says of its pointers: their sizes and labels."""

from .header import Header
from .json_file import parse_checked
from .schemas import PointersPart

POINTERS = "pointers.safetensors"
KEY = "pointers"  # of the file's metadata


def read_sizes(header: Header, hidden: int) -> PointersPart:
    """hidden: width of the language model beside it. Raises ValueError naming the file for one that
    is broken, or belongs to another model."""
    sizes = parse_checked(header.metadata.get(KEY, ""), PointersPart, header.file)
    if sizes.hidden != hidden:
        raise ValueError(
            f"{header.file} belongs to a model of width {sizes.hidden}, and this one has {hidden}: "
            f"copy the model's folder again, or train it anew"
        )
    return sizes
