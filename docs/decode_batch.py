#!/usr/bin/env python3
"""Prints the readings of a Tidegate batch, one JSON object per line: decode_batch.py FILE (or - for standard input)."""
import json, struct, sys
from itertools import accumulate, chain, repeat
import cbor2
try:
    from compression.zstd import decompress
except ImportError:
    from zstandard import decompress

def column(counts, heads, steps, residuals, modes=repeat(1)):
    size = max(1, sum(counts) - len(counts))
    zigzags = (int.from_bytes(residuals[i::size], "big") for i in range(size))
    rest = iter(residuals) if isinstance(residuals, list) else ((z >> 1) ^ -(z & 1) for z in zigzags)
    for count, head, step, summed in zip(counts, accumulate(heads), accumulate(steps), modes):
        yield head
        for _ in range(count - 1):
            head = next(rest) + step + (head if summed else 0)
            yield head

def rows(batch):
    version, _edge, _epoch, _run, devices, metrics, units, counts, seq, ts, numbers, doubles, others, verdicts, *_covers = batch
    assert version in (1, 2, 3, 4), f"version {version}"
    spread = lambda items: chain.from_iterable(map(repeat, items, counts))
    values = [x / 10**e for x, e in zip(column(counts, *numbers[:4]), spread(numbers[4]))]
    size = len(doubles[0])
    for i, place in enumerate(accumulate(doubles[0])):
        (values[place],) = struct.unpack(">d", doubles[1][i::size])
    for place, value in zip(accumulate(others[0]), others[1]):
        values[place] = value
    flags = chain.from_iterable(repeat((q, r), n) for q, r, n in zip(verdicts[0::3], verdicts[1::3], verdicts[2::3]))
    names = spread(zip(devices, metrics, units))
    for s, (d, m, u), t, v, (q, r) in zip(column(counts, *seq), names, column(counts, *ts), values, flags):
        value = {"bytes": v.hex()} if isinstance(v, bytes) else v
        yield dict(seq=s, device=d, metric=m, unit=u, ts=t, value=value, quality=q, reasons=r)

if __name__ == "__main__":
    source = sys.stdin.buffer if sys.argv[1] == "-" else open(sys.argv[1], "rb")
    for row in sorted(rows(cbor2.loads(decompress(source.read()))), key=lambda row: row["seq"]):
        print(json.dumps(row))
