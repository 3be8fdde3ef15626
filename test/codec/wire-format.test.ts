import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { decode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import type { StoredReading } from '../../src/base/reading.ts'
import { type Amendments, decodeAmendments, encodeAmendments } from '../../src/codec/amendments.ts'
import { BATCH_CONTENT_TYPE, BatchBuilder } from '../../src/codec/batch.ts'
import { decodeReceipt, encodeReceipt, type Receipt } from '../../src/codec/receipt.ts'
import { decodeRequest, encodeRequest } from '../../src/codec/request.ts'
import { AMPLE, buildWith, ORIGIN, open, readingsOf } from './readings.ts'

const document = readFileSync(join(import.meta.dirname, '../../docs/wire-format.md'), 'utf8')

/** The content of a fenced block; the label is the text after its opening fence. */
function block(label: string): string {
  const found = document.split(`\`\`\`${label}\n`)[1]?.split('\n```')[0]
  if (found === undefined) throw new Error(`docs/wire-format.md has no block "${label}"`)
  return found
}

const bytesOf = (label: string): Buffer => Buffer.from(block(label).replaceAll(/\s/g, ''), 'hex')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

type Row = Omit<StoredReading, 'unit'> & { unit: string | null }
const readings = (JSON.parse(block('json readings')) as Row[]).map(
  ({ unit, ...rest }): StoredReading => ({ ...rest, unit: unit ?? undefined }),
)

describe('the test vectors of docs/wire-format.md', () => {
  it('are the bytes that Tidegate writes', () => {
    const { bytes } = buildWith(new BatchBuilder(ORIGIN), readings)
    expect(hex(zstdDecompressSync(bytes))).toBe(hex(bytesOf('hex batch-cbor')))
  })

  it('are read by Tidegate as the readings shown', () => {
    const batch = open(bytesOf('hex batch'))
    expect(batch).toMatchObject(ORIGIN)
    expect(readingsOf(batch)).toStrictEqual(readings)
    expect(hex(zstdDecompressSync(bytesOf('hex batch')))).toBe(hex(bytesOf('hex batch-cbor')))
  })

  it('have the CBOR items shown', () => {
    const shown: unknown = JSON.parse(block('json items'), (_, value: unknown) =>
      typeof value === 'object' && value !== null && 'bytes' in value
        ? Uint8Array.from(Buffer.from(String(value.bytes), 'hex'))
        : value,
    )
    expect(decode(bytesOf('hex batch-cbor'), { strict: true, allowIndefinite: false })).toStrictEqual(shown)
  })

  it('are correct for a receipt', () => {
    const ranges = [
      { first: 41, last: 44 },
      { first: 47, last: 48 },
    ]
    const receipt: Receipt = {
      epoch: ORIGIN.epoch,
      run: ORIGIN.run,
      kind: 'stored',
      ranges,
      high: 48,
      reason: undefined,
    }
    expect(hex(encodeReceipt(receipt))).toBe(hex(bytesOf('hex receipt')))
    expect(decodeReceipt(bytesOf('hex receipt'))).toStrictEqual({ ok: true, receipt })
  })

  it('are correct for a batch without readings', () => {
    const covers = { first: 45, last: 46 }
    const { bytes } = new BatchBuilder(ORIGIN).build(() => readings[0]!, { covers })
    expect(hex(zstdDecompressSync(bytes))).toBe(hex(bytesOf('hex void-cbor')))
    expect(open(bytesOf('hex void'))).toStrictEqual({ ...ORIGIN, series: [], ranges: [covers], count: 0 })
  })

  it('are correct for a request', () => {
    const ranges = [
      { first: 45, last: 46 },
      { first: 49, last: 1_000 },
    ]
    const request = { epoch: ORIGIN.epoch, ranges }
    expect(hex(encodeRequest(request))).toBe(hex(bytesOf('hex request')))
    expect(decodeRequest(bytesOf('hex request'))).toStrictEqual({ ok: true, request })
  })

  it('are correct for amendments', () => {
    const items = [
      { seq: 44, quality: 4, reasons: 68 },
      { seq: 43, quality: 3, reasons: 64 },
    ] as const
    const amendments: Amendments = { ...ORIGIN, first: 5, last: 6, items }
    expect(hex(zstdDecompressSync(encodeAmendments(amendments)))).toBe(hex(bytesOf('hex amendments-cbor')))
    expect(decodeAmendments(bytesOf('hex amendments'), AMPLE)).toStrictEqual({ ok: true, amendments })
  })
})

describe('docs/wire-format.md', () => {
  it('lists every reason with its bit', () => {
    const rows = [...document.matchAll(/^\| ([\d, ]+) \| ([A-Z_, ]+)/gm)].flatMap(([, bits, names]) => {
      const reasons = names!.match(/[A-Z]{2}[A-Z_]+/g)!
      return bits!.split(', ').map((bit, i) => [reasons[i], 1 << Number(bit)])
    })
    expect(Object.fromEntries(rows)).toStrictEqual(Reason)
  })

  it('names the content type', () => {
    expect(document).toContain(BATCH_CONTENT_TYPE)
  })

  it('comes with a Python decoder of at most 40 lines', () => {
    const script = readFileSync(join(import.meta.dirname, '../../docs/decode_batch.py'), 'utf8')
    expect(script.trimEnd().split('\n').length).toBeLessThanOrEqual(40)
  })
})
