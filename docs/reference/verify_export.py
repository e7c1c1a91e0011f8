#!/usr/bin/env python3
"""Verifies an Ordain audit export or runpack with nothing but Python's standard library.

usage: verify_export.py FILE NAME ed25519:BASE64     (the log's name and public key, known from elsewhere)

Follows docs/reference/verify.md and shares no code with Ordain. Exit 0: verified. Exit 1: not verified.
"""
import base64, hashlib, json, struct, sys, zlib

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493            # Ed25519, RFC 8032 section 5.1
D, BASE = -121665 * pow(121666, -1, P) % P, (4 * pow(5, -1, P) % P).to_bytes(32, "little")
WRONG = (KeyError, ValueError, TypeError, IndexError, AttributeError, struct.error, RecursionError)
sha = lambda data: hashlib.sha256(data).digest()
text = lambda data: "sha256:" + sha(data).hex()
unhex = lambda digest: bytes.fromhex(digest.removeprefix("sha256:"))
unbase = lambda encoded: base64.b64decode(encoded, validate=True)
canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

def need(condition, why):
    if not condition:
        raise ValueError(why)

def point(data):                                           # decompression, 5.1.3
    y = int.from_bytes(data, "little"); sign, y = y >> 255, y & (2**255 - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x if (x * x - x2) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    need(y < P and (x * x - x2) % P == 0 and not (x == 0 and sign), "no point of the curve in its one form")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)

def add(p, q):                                             # 5.1.4
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    return tuple(n % P for n in ((b - a) * (d - c), (d + c) * (b + a), (d - c) * (d + c), (b - a) * (b + a)))

def times(n, p, q=(0, 1, 1, 0)):
    for bit in bin(n)[2:]:
        q = add(add(q, q), p) if bit == "1" else add(q, q)
    return q

def signed(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    p, q = times(s, point(BASE)), add(point(signature[:32]), times(k, point(public)))
    return s < L and (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P

def opened(data):                                          # a ZIP file as it would be written, and no other
    entries, at, directory = {}, 0, b""
    while data[at:at + 4] == b"PK\3\4":
        size, length = struct.unpack_from("<IH", data, at + 22)
        name, content = data[at + 30:at + 30 + length], data[at + 30 + length:at + 30 + length + size]
        facts = struct.pack("<5H3I2H", 20, 0, 0, 0, 33, zlib.crc32(content), size, size, length, 0) + name
        directory += b"PK\1\2" + struct.pack("<H", 20) + facts[:26] + bytes(10) + struct.pack("<I", at) + name
        need(data[at + 4:at + 30 + length] == facts and name.decode() > max(entries, default=""), "no entry in its form")
        entries[name.decode()], at = content, at + 30 + length + size
    end = struct.pack("<4H2IH", 0, 0, len(entries), len(entries), len(directory), at, 0)
    need(data[at:] == directory + b"PK\5\6" + end, "no archive in its form")
    return entries

def root_over(begin, end, leaves, hashes):                 # RFC 6962: `hashes` stand where no leaf is known
    if not any(begin <= place < end for place in leaves):
        return bytes.fromhex(hashes.pop(0))
    if end - begin == 1:
        return leaves[begin]
    middle = begin + (1 << (end - begin - 1).bit_length() - 1)
    halves = ((a, b, {at: leaf for at, leaf in leaves.items() if a <= at < b}) for a, b in ((begin, middle), (middle, end)))
    return sha(b"\1" + b"".join([root_over(*half, hashes) for half in halves]))

def records(lines, start):                                 # each in its form, place and chain
    heads, leaves, found = {}, {}, []
    for line in lines.splitlines():
        record = json.loads(line); seq, chain = record["seq"], record.get("runId", "system")
        need(canonical(record) == line and (not found or seq > found[-1]["seq"]), f"record {seq} is not in its form")
        first = "sha256:" + "0" * 64 if start == 1 else record["prevHash"]
        need(record["prevHash"] == heads.get(chain, first), f"record {seq} does not follow the one before it")
        body = {field: value for field, value in record.items() if field not in ("seq", "hash")}
        need(record["hash"] == text(canonical(body)), f"record {seq} was changed")
        heads[chain], leaves[seq - 1] = record["hash"], sha(b"\0" + line)
        found.append(record)
    return found, leaves

def journal(lines, found):                                 # each record is bound to all events up to its own
    due, digests, salts = {(record["runId"], record["runSeq"]): record for record in found}, {}, {}
    for line in lines.splitlines():
        row, event = json.loads(line), line.partition(b',"event":')[2][:-1]
        before, count = digests.get(row["run"], (bytes(32), 0))
        salt = salts.setdefault(row["run"], unhex(row["event"].get("salt", "")))
        digest = sha(before + struct.pack(">Qq", row["seq"], row["at"]) + event)
        need(row["seq"] == count + 1, f"event {count + 1} of {row['run']} is missing")
        digests[row["run"]] = digest, row["seq"]
        record = due.pop((row["run"], row["seq"]), None)
        need(not record or record["payloadDigest"] == text(salt + digest), "a record is of another event")
    need(not due, "the event of a record is missing")

def sealed(envelope, manifest, name, public):              # DSSE around the manifest of a runpack
    seal = json.loads(envelope); kind, [sig] = seal["payloadType"], seal["signatures"]
    need(canonical(seal) == envelope and sig["keyid"] == name, "the signature is not in its form")
    need(kind == "application/vnd.ordain.runpack+json", "a signature of something else")
    need(unbase(seal["payload"]) == manifest, "another manifest is signed")
    payload = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(manifest), manifest)
    need(signed(public, payload, unbase(sig["sig"])), "the signature does not verify")

def followed(public, name, found):                         # a key names the one that follows it, and counts no further
    for record in found:
        both = unbase(record["subject"]) if record["action"] == "log.rekeyed" else b""
        said = b"ordain/v1 log key\n%s\n%s\n%d\n" % (*map(base64.b64encode, (public, both[:32])), record["seq"])
        if both and signed(public, said, both[32:]):
            public, name = both[:32], "ordain/" + sha(both[:32]).hex()[:16]
    return public, name

def main(path, name, key):
    public = unbase(key.removeprefix("ed25519:"))
    entries = opened(path if isinstance(path, bytes) else open(path, "rb").read())
    manifest = json.loads(entries["manifest.json"]); about, pack = manifest["about"], manifest["format"] == "ordain-runpack/1"
    need(pack or manifest["format"] == "ordain-audit-export/1", "neither runpack nor audit export")
    need(canonical(manifest) == entries["manifest.json"], "the manifest is not in canonical form")
    beside = ("manifest.json", "signature.json") if pack else ("manifest.json",)
    declared = {entry: text(data) for entry, data in entries.items() if entry not in beside}
    need(declared == manifest["entries"], "the entries are not what the manifest says")
    if pack:
        sealed(entries["signature.json"], entries["manifest.json"], name, public)
    start = 1 if pack else about["from"]
    found, leaves = records(entries["audit.jsonl"], start)
    public, name = followed(public, name, found)
    note, _, lines = entries["checkpoint"].decode().rpartition("\n\n"); note += "\n"
    key_id = sha(name.encode() + b"\n\x01" + public)[:4]
    notes = [unbase(line.split(" ")[2]) for line in lines.splitlines() if line.startswith(f"\u2014 {name} ")]
    need([sig for sig in notes if sig[:4] == key_id and signed(public, note.encode(), sig[4:])], "no signature of the key")
    origin, size, root = note.splitlines()
    need(origin == name, "a checkpoint of another log")
    seqs, last = [record["seq"] for record in found], int(size)
    need(seqs and seqs[-1] == last and (pack or seqs == list(range(start, last + 1))), "a record is missing")
    hashes = json.loads(entries["proof.json"]) if pack else list(about["edge"])
    need(base64.b64encode(root_over(0, last, leaves, hashes)).decode() == root and not hashes, "the checkpoint is about other records")
    if pack:
        journal(entries["events.jsonl"], found)
    print(f"verified: run {about['run']}, {len(found)} records of {name}" if pack else f"verified: records {start} to {last} of {name}")

if __name__ == "__main__":
    try:
        main(*sys.argv[1:]) if len(sys.argv) == 4 else sys.exit(__doc__)
    except WRONG as error:
        sys.exit(f"not verified: {error}")
