#!/usr/bin/env python3
"""Verifies an Ordain audit export or runpack as docs/reference/verify.md says; shares no code with Ordain.
usage: verify_export.py FILE NAME ed25519:BASE64     (the log's name and public key, known from elsewhere)"""
import base64, hashlib, json, re, struct, sys, zlib
sha = lambda data: hashlib.sha256(data).digest(); text = lambda data: "sha256:" + sha(data).hex()
lines_of = lambda data: data.split(b"\n")[:-1]             # what follows the last line feed is no line, so it is missed
PLAIN = re.compile(r'(?=[ -~]{1,1024}\Z)(?!.*[\\:*?"<>|])([^/]*[^/ .]/)*[^/]*[^/ .]\Z')     # one place on every machine
canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
def need(condition, why):
    if not condition: raise ValueError(why)
def unbase(encoded):                                       # each value has one spelling
    data = base64.b64decode(encoded); need(base64.b64encode(data).decode() == encoded, "no base64 in its form"); return data
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493            # Ed25519, RFC 8032 section 5.1
D, I, BASE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), (4 * pow(5, -1, P) % P).to_bytes(32, "little")
def point(data):                                           # decompression, 5.1.3
    sign, y = divmod(int.from_bytes(data, "little"), 2**255); x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    roots = (pow(x2, (P + 3) // 8, P) * i * j % P for i in (1, I) for j in (1, -1))
    return [x for x in roots if y < P and x * x % P == x2 and x % 2 == sign][0], y
def add(p, q):                                             # on the curve -x² + y² = 1 + D x² y²
    (a, b), (c, d), e = p, q, D * p[0] * p[1] * q[0] * q[1]
    return (a * d + b * c) * pow(1 + e, -1, P) % P, (b * d + a * c) * pow(1 - e, -1, P) % P
def times(n, p): return add(times(n // 2, add(p, p)), p if n % 2 else (0, 1)) if n else (0, 1)
def signed(public, message, sig):                          # 5.1.7
    s, k = (int.from_bytes(part, "little") for part in (sig[32:], hashlib.sha512(sig[:32] + public + message).digest()))
    return len(sig) == 64 and s < L and times(s, point(BASE)) == add(point(sig[:32]), times(k % L, point(public)))
def opened(data):                                          # a ZIP file as it would be written, and no other
    entries, at, directory = {}, 0, b""
    while data[at:at + 4] == b"PK\3\4":
        size, length = struct.unpack_from("<IH", data, at + 22)
        name, content = data[at + 30:at + 30 + length], data[at + 30 + length:at + 30 + length + size]
        facts = struct.pack("<5H3I2H", 20, 0, 0, 0, 33, zlib.crc32(content), size, size, length, 0) + name
        directory += b"PK\1\2" + struct.pack("<H", 20) + facts[:26] + bytes(10) + struct.pack("<I", at) + name
        plain = PLAIN.match(name.decode()) and name.decode() > max(entries, default="")
        need(plain and data[at + 4:at + 30 + length] == facts, "no entry in its form and place")
        entries[name.decode()], at = content, at + 30 + length + size
    ending = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, len(entries), len(entries), len(directory), at, 0)
    need(data[at:] == directory + ending, "no archive in its form"); return entries
def sealed(envelope, manifest, name, public):              # DSSE around the manifest of a runpack
    kind, sig = b"application/vnd.ordain.runpack+json", json.loads(envelope)["signatures"][0]["sig"]
    seal = dict(payload=base64.b64encode(manifest).decode(), payloadType=kind.decode(), signatures=[dict(keyid=name, sig=sig)])
    need(canonical(seal) == envelope, "the signature is of something else, or not in its form")
    need(signed(public, b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(manifest), manifest), unbase(sig)), "it is not signed")
def root_over(begin, end, leaves, hashes):                 # RFC 6962: `hashes` stand where no leaf is known
    if not leaves or end - begin == 1: return leaves[0][1] if leaves else bytes.fromhex(hashes.pop(0))
    middle = begin + (1 << (end - begin - 1).bit_length() - 1)
    left, right = ([leaf for leaf in leaves if (leaf[0] < middle) is side] for side in (True, False))
    return sha(b"\1" + root_over(begin, middle, left, hashes) + root_over(middle, end, right, hashes))
def records(lines, start):                                 # each in its form, place and chain
    heads, found = {}, []
    for line in lines_of(lines):
        record = json.loads(line); seq, chain = record["seq"], record.get("runId", "system")
        body = {field: value for field, value in record.items() if field not in ("seq", "hash")}
        need(canonical(record) == line and record["hash"] == text(canonical(body)), f"record {seq} is not in its form")
        before = heads.get(chain, "sha256:" + "0" * 64 if start == 1 else record["prevHash"])
        need(record["prevHash"] == before and seq > (found[-1]["seq"] if found else 0), f"record {seq} follows another one")
        heads[chain] = record["hash"]; found.append(record)
    return found
def followed(public, name, found):                         # a key names the one that follows it, and counts no further
    for record in (record for record in found if record["action"] == "log.rekeyed"):
        both = unbase(record["subject"]); keys = base64.b64encode(public), base64.b64encode(both[:32]), record["seq"]
        if signed(public, b"ordain/v1 log key\n%s\n%s\n%d\n" % keys, both[32:]):
            public, name = both[:32], "ordain/" + sha(both[:32]).hex()[:16]
    return public, name
def journal(lines, found):                                 # each record is bound to all events up to its own
    due, known = {(record["runId"], record["runSeq"]): record["payloadDigest"] for record in found}, {}
    for line in lines_of(lines):
        row, event = json.loads(line), line.partition(b',"event":')[2][:-1]; run, seq = row["run"], row["seq"]
        salt, digest, count = known.get(run) or (bytes.fromhex(row["event"]["salt"].removeprefix("sha256:")), bytes(32), 0)
        digest = sha(digest + struct.pack(">Qq", seq, row["at"]) + event)
        known[run], bound = (salt, digest, seq), text(salt + digest)
        need(seq == count + 1 and due.pop((run, seq), bound) == bound, f"event {count + 1} of {run} is missing or another")
    need(not due, "the event of a record is missing")
def countersigned(note, checkpoint, name, public):         # C2SP signed-note, by this key, perhaps among others
    body, _, sigs = checkpoint.rpartition(b"\n\n"); key_id = sha(name.encode() + b"\n\x01" + public)[:4]
    need(body + b"\n" == note and sigs[-1:] == b"\n", "the checkpoint is about other records, or of another log")
    sigs = [(dash, signer, unbase(sig)) for dash, signer, sig in (line.decode().split(" ") for line in lines_of(sigs))]
    need(all(dash == "\u2014" and signer and len(sig) > 3 for dash, signer, sig in sigs), "a signature is not in its form")
    ours = [sig[4:] for _, signer, sig in sigs if (signer, sig[:4]) == (name, key_id)]
    need(ours and all(signed(public, note, sig) for sig in ours), "no signature of the key, or one that does not verify")
def main(data, name, key):
    entries, public = opened(data), unbase(key.removeprefix("ed25519:"))
    written = entries.pop("manifest.json"); manifest = json.loads(written); about = manifest["about"]
    pack = manifest["format"] == "ordain-runpack/1"; seal = entries.pop("signature.json") if pack else None
    declared = dict(about=about, entries={entry: text(data) for entry, data in entries.items()}, format=manifest["format"])
    need(canonical(declared) == written, "the manifest is not in its form, or the entries are not what it says")
    holds = "ordain-audit-export/1", {"audit.jsonl", "checkpoint"}, {"edge", "from"}
    need(pack or (manifest["format"], set(entries), set(about)) == holds, "neither runpack nor audit export, or more than one")
    start = 1 if pack else about["from"]; found = records(entries["audit.jsonl"], start); last = found[-1]["seq"]
    if pack: sealed(seal, written, name, public); journal(entries["events.jsonl"], found)
    need(pack or type(start) is int and [one["seq"] for one in found] == list(range(start, last + 1)), "a record is missing")
    public, name = followed(public, name, found); hashes = json.loads(entries["proof.json"]) if pack else list(about["edge"])
    need(all(len(h) == 64 and not set(h) - set("0123456789abcdef") for h in hashes), "a hash is not in its form")
    root = root_over(0, last, [(record["seq"] - 1, sha(b"\0" + canonical(record))) for record in found], hashes)
    need(not hashes, "a hash is of nothing")
    countersigned(b"%s\n%d\n%s\n" % (name.encode(), last, base64.b64encode(root)), entries["checkpoint"], name, public)
    print("verified:", f"run {about['run']}, {len(found)} records" if pack else f"records {start} to {last}", "of", name)
if __name__ == "__main__":
    if len(sys.argv) != 4: sys.exit(__doc__)
    try: main(open(sys.argv[1], "rb").read(), *sys.argv[2:])
    except Exception as error: sys.exit(f"not verified: {error!r}")               # any trouble is "not verified"
