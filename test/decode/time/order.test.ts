import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { onDevice, readingsOf } from '../support.ts'

const MS = 1_700_000_000_000

describe('the readings of a message', () => {
  it('are ordered by time, and stay in order where times are equal', () => {
    const elements = fc.array(fc.nat(5), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(elements, (times) => {
        const payload = times.map((time, a) => ({ name: 'a', value: a, ts: MS + time }))
        const expected = payload.map(({ value, ts }) => ({ metric: 'a', value, ts })).sort((a, b) => a.ts - b.ts)
        expect(readingsOf(onDevice(JSON.stringify(payload)))).toEqual(expected)
      }),
    )
  })

  it('keep the order of the message where each metric ascends', () => {
    const payload = `{"a":{"v":1,"t":${MS + 5}},"b":{"v":2,"t":${MS}},"c":3}`
    expect(readingsOf(onDevice(payload)).map(({ metric }) => metric)).toEqual(['a', 'b', 'c'])
  })
})
