import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StoredReading } from '../../src/base/reading.ts'
import { describePeer, peers } from '../../support/peers.ts'
import { describeRecorded } from '../../support/recorded-data.ts'
import { build, someReadings } from './readings.ts'
import { interleaved } from './recorded.ts'

const SCRIPT = join(import.meta.dirname, '../../docs/decode_batch.py')
const OUTPUT_BYTES_MAX = 64_000_000

/** The output of the decoder in docs/ for this batch. */
function printed(bytes: Uint8Array): unknown[] {
  const options = { input: bytes, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX, timeout: 25_000 } as const
  const output = execFileSync(peers.python!, [SCRIPT, '-'], options)
  return output
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}

function expected({ value, unit, ...rest }: StoredReading): unknown {
  const shown = value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('hex') } : value
  return { ...rest, unit: unit ?? null, value: shown }
}

/** Replaces an infinite value, because JSON cannot express one. */
function finite(reading: StoredReading): StoredReading {
  return Math.abs(Number(reading.value)) === Infinity ? { ...reading, value: 0 } : reading
}

describePeer('python', 'a batch read by the Python decoder of docs/', () => {
  it('has every reading with every kind of value bit for bit', () => {
    for (const sample of fc.sample(someReadings, 25)) {
      const readings = sample.map(finite)
      expect(printed(build(readings).bytes)).toStrictEqual(readings.map(expected))
    }
  })

  describeRecorded('with recorded series', () => {
    it('has every reading', () => {
      const readings = interleaved()
      for (const from of [0, 20_000, 40_000]) {
        const part = readings.slice(from, from + 20_000)
        expect(printed(build(part).bytes)).toStrictEqual(part.map(expected))
      }
    })
  })
})
