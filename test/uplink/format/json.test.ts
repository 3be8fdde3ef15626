import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredReading, Value } from '../../../src/base/reading.ts'
import { reasonsText } from '../../../src/base/reading-text.ts'
import type { FormattedMessage } from '../../../src/uplink/format/format.ts'
import { ORIGIN } from '../../codec/readings.ts'
import { aSize, batchOf, formatOf, readings, someBatch } from './batches.ts'

const NOW = { historical: false }

interface Plain {
  readonly value: number | boolean | string | null
  readonly type?: 'bytes' | 'number'
  readonly reasons?: string
  readonly edge: string
  readonly epoch: string
}

/** A value decoded as docs/formats.md describes. */
function meantBy({ value, type }: Plain): Value {
  if (type === 'bytes') return new Uint8Array(Buffer.from(String(value), 'base64'))
  return type === 'number' ? Number(value) : value
}

/** What a consumer knows of a reading; reasons have their names. */
function decode(messages: readonly FormattedMessage[]): object[] {
  return messages.flatMap(({ payload }) => {
    const all = JSON.parse(Buffer.from(payload).toString()) as Plain[]
    return all.map(({ type, ...plain }) => ({ ...plain, value: meantBy({ ...plain, ...(type && { type }) }) }))
  })
}

/** The same of a reading that was sent. */
function known({ unit, reasons, ...reading }: StoredReading): object {
  const { edge, epoch } = ORIGIN
  const optional = { ...(unit !== undefined && { unit }), ...(reasons !== 0 && { reasons: reasonsText(reasons) }) }
  return { ...reading, ...optional, edge, epoch }
}

describe('the format json', () => {
  it('carries every reading once, in the order of the edge, with every value bit for bit', () => {
    fc.assert(
      fc.property(someBatch, aSize, ({ all, batch }, bytesMax) => {
        const messages = formatOf({ format: 'json' }).encode(batch, { ...NOW, bytesMax })
        expect(decode(messages)).toStrictEqual(all.map(known))
      }),
    )
  })

  it('makes no message larger than allowed, except one with a single reading', () => {
    fc.assert(
      fc.property(someBatch, aSize, ({ batch }, bytesMax) => {
        for (const message of formatOf({ format: 'json' }).encode(batch, { ...NOW, bytesMax })) {
          if (message.payload.length > bytesMax) expect(decode([message])).toHaveLength(1)
        }
      }),
    )
  })

  it('fills messages: each contains as many readings as fit', () => {
    const batch = batchOf(readings([1, 2, 3, 4, 5]))
    const format = formatOf({ format: 'json' })
    const [whole] = format.encode(batch, { ...NOW, bytesMax: 100_000 })
    expect(format.encode(batch, { ...NOW, bytesMax: whole!.payload.length })).toHaveLength(1)
    expect(format.encode(batch, { ...NOW, bytesMax: whole!.payload.length - 1 })).toHaveLength(2)
  })

  it('produces the example of the documentation', () => {
    const [message] = formatOf({ format: 'json' }).encode(batchOf(readings([21.5, null])), { ...NOW, bytesMax: 1_000 })
    expect(message).toMatchObject({
      topic: 'tidegate/plant-7/readings',
      qos: 1,
      retain: false,
      contentType: 'application/json',
    })
    const series = '"device":"press-1","metric":"temperature","unit":"Cel"'
    const identity = '"edge":"plant-7","epoch":"aB3_dEfGhI12"'
    expect(Buffer.from(message!.payload).toString()).toBe(
      `[{${series},"ts":1750000000000,"value":21.5,"quality":1,${identity},"seq":1},` +
        `{${series},"ts":1750000001000,"value":null,"quality":1,${identity},"seq":2}]`,
    )
  })

  it('distinguishes bytes and infinities from texts, and keeps the sign of -0', () => {
    const values = [Infinity, -Infinity, 'Infinity', -0, '-0', new Uint8Array([1, 2]), 'AQI=', true, 'true']
    const messages = formatOf({ format: 'json' }).encode(batchOf(readings(values)), { ...NOW, bytesMax: 10_000 })
    expect(decode(messages).map((one) => (one as { value: Value }).value)).toStrictEqual(values)
  })
})
