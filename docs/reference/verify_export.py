#!/usr/bin/env python3
"""Verifies an Ordain audit export or the log part of a runpack with nothing but Python's standard library.

usage: verify_export.py FILE NAME ed25519:BASE64     (the log's name and public key, known from elsewhere)

Follows docs/reference/verify.md and shares no code with Ordain. Exit 0: verified. Exit 1: not verified.
"""
import base64, hashlib, json, sys, zipfile

P = 2**255 - 19                                            # Ed25519, RFC 8032 section 5.1
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
sha = lambda data: hashlib.sha256(data).digest()

def need(condition, why):
    if not condition:
        sys.exit(f"not verified: {why}")

def point(data):                                           # decompression, 5.1.3
    y = int.from_bytes(data, "little"); sign, y = y >> 255, y & (2**255 - 1)
    need(y < P, "a point is not in its one form")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x if (x * x - x2) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    need((x * x - x2) % P == 0 and not (x == 0 and sign), "no point of the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)

def add(p, q):                                             # 5.1.4
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)

def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        q, p, n = (add(q, p) if n & 1 else q), add(p, p), n >> 1
    return q

def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def signed(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return s < L and same(times(s, BASE), add(point(signature[:32]), times(k, point(public))))

def canonical(value):                                      # RFC 8785; keys are ASCII, numbers are integers
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

def fold(roots, size, leaf):                               # RFC 6962: whole subtrees, greatest first
    while size & 1:
        leaf, size = sha(b"\1" + roots.pop() + leaf), size >> 1
    roots.append(leaf)

def root_of(roots):
    if not roots:
        return sha(b"")
    right = roots[-1]
    for left in reversed(roots[:-1]):
        right = sha(b"\1" + left + right)
    return right

def main(path, name, key):
    public = base64.b64decode(key.removeprefix("ed25519:"), validate=True)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        need(len(names) == len(set(names)), "an entry stands twice")
        need(archive.testzip() is None, "an entry is damaged")
        entries = {entry: archive.read(entry) for entry in names}
    manifest = json.loads(entries["manifest.json"])
    need(canonical(manifest) == entries["manifest.json"], "the manifest is not in canonical form")
    need(manifest["format"] == "ordain-audit-export/1", "no audit export")
    declared = {entry: "sha256:" + sha(data).hex() for entry, data in entries.items() if entry != "manifest.json"}
    need(declared == manifest["entries"], "the entries are not what the manifest says")

    text, _, lines = entries["checkpoint"].decode().rpartition("\n\n")
    text += "\n"
    key_id = sha(name.encode() + b"\n\x01" + public)[:4]
    found = [base64.b64decode(line.split(" ")[2]) for line in lines.splitlines() if line.startswith(f"\u2014 {name} ")]
    good = [sig for sig in found if sig[:4] == key_id and signed(public, text.encode(), sig[4:])]
    need(good, "no signature of the key")
    origin, size, root = text.splitlines()
    need(origin == name, "a checkpoint of another log")

    start = manifest["about"]["from"]
    roots = [bytes.fromhex(root) for root in manifest["about"]["edge"]]
    need(len(roots) == bin(start - 1).count("1"), "the edge is of another size")
    heads, seq = {}, start
    for line in entries["audit.jsonl"].splitlines():
        record = json.loads(line)
        need(canonical(record) == line and record["seq"] == seq, f"record {seq} is missing or not in its form")
        chain = record.get("runId", "system")
        first = "sha256:" + "0" * 64 if start == 1 else record["prevHash"]
        need(record["prevHash"] == heads.get(chain, first), f"record {seq} does not follow the one before it")
        body = {field: value for field, value in record.items() if field not in ("seq", "hash")}
        need(record["hash"] == "sha256:" + sha(canonical(body)).hex(), f"record {seq} was changed")
        heads[chain] = record["hash"]
        fold(roots, seq - 1, sha(b"\0" + line))
        seq += 1
    need(seq - 1 == int(size) and base64.b64encode(root_of(roots)).decode() == root, "the checkpoint is about other records")
    print(f"verified: records {start} to {seq - 1} of {name}")

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (KeyError, ValueError, TypeError, IndexError, zipfile.BadZipFile) as error:
        sys.exit(f"not verified: {error!r}")
