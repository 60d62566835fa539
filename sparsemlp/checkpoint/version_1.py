"""What the first edition wrote: layers as one flat object, arrays as bare numbers."""

from ..errors import CheckpointError

ARRAYS = ("data", "state", "bias", "bias_state", "removed", "out_ptr", "inputs", "indptr", "indices")
SPARE = ("class", "n_connections", "n_state")


def from_version_1(content, where):
    """A layer of the first edition in today's terms."""
    if content.get("class") != "Linear":
        raise CheckpointError(f"{where} is of a kind that is not known here: {content.get('class')!r:.80}.")
    fields = {name: value for name, value in content.items() if name not in SPARE}
    for name in ARRAYS:
        if fields.get(name) is not None:
            fields[name] = {"array": fields[name]}
    defaults = {"initializer": None} | ({} if "indptr" in fields or "out_ptr" in fields else {"removed": None})
    return {"class": "Linear", "fields": {**defaults, **fields}}
