import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ProtobufWriter, protobufFields } from '../../../src/uplink/format/sparkplug/protobuf.ts'
import { describePeer } from '../../../support/peers.ts'
import { decodePayloads } from './protoc.ts'

const aWhole = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER))
const aField = fc.integer({ min: 1, max: 2 ** 29 - 1 })

it('reads back every field that was written, in its order', () => {
  const someFields = fc.array(fc.record({ field: aField, value: fc.oneof(aWhole, fc.uint8Array()) }))
  fc.assert(
    fc.property(someFields, (fields) => {
      const writer = new ProtobufWriter()
      for (const { field, value } of fields) {
        if (typeof value === 'number') writer.uint(field, value)
        else writer.bytes(field, value)
      }
      expect([...protobufFields(Uint8Array.from(writer.finish()))]).toEqual(fields)
    }),
  )
})

it('refuses a message that is cut short within a field', () => {
  const message = new ProtobufWriter().double(13, 1.5).string(15, 'tide').finish()
  for (const end of [1, 5, 10, 13]) expect(() => [...protobufFields(message.subarray(0, end))]).toThrow(RangeError)
  expect(() => [...protobufFields(new Uint8Array(20).fill(0xff))]).toThrow(RangeError)
})

describePeer('protoc', 'a written message', () => {
  it('has the same fields for protoc, whatever the integer, the number and the text', () => {
    const some = fc.record({ whole: aWhole, double: fc.double({ noNaN: true }), text: fc.string(), flag: fc.boolean() })
    const rows = fc.sample(some, { numRuns: 200, seed: 1 })
    const payloads = rows.map(({ whole, double, text, flag }) => {
      const metric = new ProtobufWriter().string(1, text).uint(2, whole).bool(5, flag).double(13, double).finish()
      return new ProtobufWriter().uint(1, whole).bytes(2, metric).finish()
    })
    const found = decodePayloads(payloads)
    const expected = rows.map(({ whole, double, text, flag }) => ({
      timestamp: [whole],
      metrics: [
        {
          name: [Buffer.from(text).toString('latin1')],
          alias: [whole],
          is_historical: [flag],
          double_value: [double],
        },
      ],
    }))
    expect(found).toEqual(expected)
  })
})
