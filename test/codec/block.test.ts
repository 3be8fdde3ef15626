import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'
import { type BlockColumns, BlockPacker, Rows, unpackBlock } from '../../src/codec/block.ts'
import { compress } from '../../src/codec/zstd.ts'
import { AMPLE, series, someReadings } from './readings.ts'

const packer = new BlockPacker()

function packed(readings: readonly StoredReading[]): Uint8Array {
  const rows = new Rows()
  for (const { seq, ts, value, quality, reasons } of readings) rows.add(1, seq, ts, value, quality, reasons)
  return packer.pack(
    rows,
    Uint32Array.from(readings, (_, i) => i),
  )
}

function opened(bytes: Uint8Array): BlockColumns {
  const unpacked = unpackBlock(bytes, AMPLE)
  if (!unpacked.ok) throw new Error(unpacked.reason)
  return unpacked.columns
}

function isFrame(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 4)).toString('hex') === '28b52ffd'
}

describe('a block', () => {
  it('preserves the position, time, value and verdict of every reading bit for bit', () => {
    const property = fc.property(someReadings, (readings) => {
      const { seq, ts, values, quality, reasons } = opened(packed(readings))
      const rows = readings.map((one) => [one.seq, one.ts, one.value, one.quality, one.reasons])
      expect(Array.from(seq, (n, i) => [n, ts[i], values[i], quality[i], reasons[i]])).toStrictEqual(rows)
    })
    fc.assert(property, { numRuns: 300 })
  })

  it.each([
    ['without a frame', packed(series([20.5, 20.25, 0.1 + 0.2, -0]))],
    ['in a zstd frame', packed(series(Array(60).fill('a text that repeats')))],
  ])('%s and with a flipped bit is refused or gives the same readings, never different ones', (form, bytes) => {
    expect(isFrame(bytes)).toBe(form === 'in a zstd frame')
    let refused = 0
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const unpacked = unpackBlock(flipped, AMPLE)
      if (unpacked.ok) expect(unpacked.columns).toStrictEqual(opened(bytes))
      else refused++
    }
    // A few bits in the header of a zstd frame do not change the content.
    expect(refused).toBeGreaterThan(bytes.length * 8 - (isFrame(bytes) ? 8 : 1))
  })

  it('is refused when it is truncated anywhere', () => {
    for (const bytes of [packed(series([1, 2, 3])), packed(series(Array(60).fill(7)))]) {
      for (let size = 0; size < bytes.length; size++) expect(unpackBlock(bytes.subarray(0, size), AMPLE).ok).toBe(false)
    }
  })

  it('that is large is compressed even when that saves little, because it is kept for years', () => {
    const digits = Array.from({ length: 1_000 }, (_, i) => Math.sin(i) * 1e3)
    const bytes = packed(series(digits))
    expect(isFrame(bytes)).toBe(true)
    expect(bytes.length).toBeGreaterThan(digits.length * 6)
    expect([...opened(bytes).values]).toEqual(digits)
  })

  it('of a former version, which is always in a zstd frame, can be read', () => {
    const bytes = packed(series([20.5, 20.25, 0.1 + 0.2, -0]))
    expect(isFrame(bytes)).toBe(false)
    expect(opened(compress(bytes.subarray(0, -4)))).toStrictEqual(opened(bytes))
  })

  it('of more readings than the limit is refused', () => {
    const unpacked = unpackBlock(packed(series([1, 2, 3])), { ...AMPLE, readingsMax: 2 })
    expect(unpacked).toStrictEqual({ ok: false, reason: 'more than 2 readings' })
  })
})
