"""Damage for checkpoint files: blind (bits, bytes, lengths), and informed (whole zips with valid checksums and lies inside)."""

import io
import json
import random
import warnings
import zipfile

HOSTILE = [
    None, True, False, -1, 0, 1, 2, 3.5, -0.0, 1e308, float("nan"), float("inf"), 2**31, 2**31 - 1, 2**63, 2**64, 10**400, -(10**30),
    "", "x", "../../etc/passwd", "__class__", "\x00", "relu", [], {}, [[]], {"": {}}, [1] * 50, {"array": 0}, {"array": 10**9},
    {"array": -1}, {"array": True}, {"tuple": [1, 2]}, {"list": {}}, {"dict": []}, {"class": "SGD", "fields": {}},
    {"class": "os.system", "fields": {"command": "true"}}, {"custom": "Evil", "fields": {}}, {"class": [], "fields": 1},
    {"class": "Constant", "fields": {"value": float("nan")}}, {"class": "Adam", "fields": {"betas": 7}}, {"number": 0},
    {"tuple": [{"tuple": [{"tuple": []}]}]},
]  # fmt: skip
WORDS = [b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", bytes(4)]  # large, -1, NaN, infinity, 0
NAMES = ["/etc/x", "../x.npy", "arrays/../0.npy", "arrays/0.npy", "arrays/01.npy", "C:\\x", "a" * 300, "x.pkl"]


def blind(raw, rng):
    """Damaged bytes."""
    out = bytearray(raw)
    kind, n = rng.randrange(9), len(raw)
    a = rng.randrange(n)
    b = min(n, a + rng.choice([1, 2, 4, 8, 64, 1000]))
    if kind == 0:
        out[a] ^= 1 << rng.randrange(8)
    elif kind == 1:
        for _ in range(rng.randrange(1, 20)):
            out[rng.randrange(n)] = rng.randrange(256)
    elif kind == 2:
        del out[a:]
    elif kind == 3:
        del out[a:b]
    elif kind == 4:
        out[a:b] = bytes(b - a)
    elif kind == 5:
        out[a:b] = b"\xff" * (b - a)
    elif kind == 6:
        out[a:a] = rng.randbytes(b - a)
    elif kind == 7:
        c = rng.randrange(n)
        out[a:b] = raw[c : c + b - a]
    else:  # near the end: the zip's directory
        a = max(0, n - rng.randrange(1, 900))
        out[a : a + 2] = rng.randbytes(2)
    return bytes(out)


def informed(raw, rng):
    """A zip whose checksums are right and whose content is not."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    kind = rng.randrange(12)
    k = rng.randrange(1, len(members))
    name, content = members[k]
    compression = zipfile.ZIP_STORED
    if kind <= 3:
        text = json.loads(members[0][1])
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            text = lie(text, rng)
        members[0] = (members[0][0], json.dumps(text).encode())
    elif kind <= 5 and len(content) > 128:
        out, at = bytearray(content), rng.randrange(128, len(content))
        out[at : at + 4] = rng.choice(
            [rng.randbytes(4), b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", bytes(4)]
        )
        members[k] = (name, bytes(out))
    elif kind == 6:
        head = content[10:128].decode("latin1")
        for old, new in [rng.choice([
            ("'<f4'", "'|O'"), ("'<f4'", "'<i4'"), ("'<i4'", "'<f4'"), ("'<f4'", "'<U9'"), ("'<i4'", "'>i4'"), ("'<f4'", "'<f8'"),
            ("False", "True"), ("(", "(9"), ("(", "(1, "), (",)", ", 99999999999)"), ("(", "(999999999999999999, "), ("{", "{{"),
            ("'descr'", "__import__('os')"), (",)", ")"), ("(", "(-1, "), ("'<f4'", "'<U0'"), ("(", "(0, 999999999999999999, "),
        ])]:  # fmt: skip
            head = head.replace(old, new, 1)
        members[k] = (name, content[:10] + head[:118].ljust(118).encode("latin1") + content[128:])
    elif kind == 7:
        members[k] = (
            rng.choice(["/etc/x", "../x.npy", "arrays/../0.npy", "arrays/0.npy", "arrays/01.npy", "C:\\x", "a" * 300, "x.pkl"]),
            content,
        )
    elif kind == 8:
        del members[k if rng.random() < 0.7 else 0]
    elif kind == 9:
        members.insert(
            rng.randrange(len(members)),
            (rng.choice([name, "arrays/999.npy", "sparsemlp.json", "readme"]), rng.choice([content, b"", bytes(10**6)])),
        )
    elif kind == 10:
        compression = zipfile.ZIP_DEFLATED
        members[k] = (name, content[:128] + bytes(10**7))
    else:
        other = rng.randrange(len(members))
        members[k], members[other] = (name, members[other][1]), (members[other][0], content)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of doubled names: they are wanted here
        for member in members:
            archive.writestr(zipfile.ZipInfo(member[0]), member[1], compression)
    return buffer.getvalue()


def lie(value, rng):
    """A JSON value with one random part replaced, removed, doubled or nested."""
    if rng.random() < 0.12 or not isinstance(value, (dict, list)) or not value:
        if rng.random() < 0.02:
            for _ in range(rng.choice([30, 300])):
                value = rng.choice([[value], {"list": [value]}, {"x": value}])
            return value
        return rng.choice(HOSTILE)
    if isinstance(value, list):
        k = rng.randrange(len(value))
        if rng.random() < 0.1:
            return value[:k] if rng.random() < 0.5 else value + value[:k]
        return [*value[:k], lie(value[k], rng), *value[k + 1 :]]
    k = rng.choice(list(value))
    if rng.random() < 0.1:
        return {name: v for name, v in value.items() if name != k} if rng.random() < 0.5 else {**value, k + "x": value[k]}
    return {**value, k: lie(value[k], rng)}


def generator(seed):
    return random.Random(seed)
