#!/usr/bin/env python3
"""Changes every byte of a file of evidence in turn: verify_export.py must refuse each of these files.

usage: every_byte.py FILE NAME ed25519:BASE64        Exit 0: it does. Exit 1: says which bytes may be other ones.
"""
import contextlib, io, sys

sys.dont_write_bytecode = True
import verify_export

def passes(data, name, key):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            verify_export.main(data, name, key)
        return True
    except Exception:
        return False

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    data = open(sys.argv[1], "rb").read()
    if not passes(data, *sys.argv[2:]):
        sys.exit("the file does not verify as it is")
    changed = (data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:] for at in range(len(data)))
    bad = [at for at, other in enumerate(changed) if passes(other, *sys.argv[2:])]
    if bad:
        sys.exit(f"may be other ones: {bad}")
    print(f"none of {len(data)} changed bytes passes")
