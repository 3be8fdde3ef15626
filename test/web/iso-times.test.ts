import { expect, it } from 'vitest'
import { withIsoTimes } from '../../src/web/iso-times.ts'

it('writes times in ISO 8601, and leaves durations, sizes and counts as they are', () => {
  const data = {
    ...{ at: 0, upMs: 5, oldestAt: undefined, format: 7 },
    store: { clock: { time: 1_000, systemAheadMs: 4 }, backlogs: [{ uplink: 'cloud', oldestAt: 2_000, waiting: 3 }] },
  }
  expect(withIsoTimes(data)).toEqual({
    ...{ at: '1970-01-01T00:00:00.000Z', upMs: 5, oldestAt: undefined, format: 7 },
    store: {
      clock: { time: '1970-01-01T00:00:01.000Z', systemAheadMs: 4 },
      backlogs: [{ uplink: 'cloud', oldestAt: '1970-01-01T00:00:02.000Z', waiting: 3 }],
    },
  })
})

it('leaves a number that is no time, and what is not a plain object, as it is', () => {
  expect(withIsoTimes({ at: 1e300, list: ['x', null, true] })).toEqual({ at: 1e300, list: ['x', null, true] })
})
