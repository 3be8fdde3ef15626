import { expect, it } from 'vitest'
import { LinkError } from '../../src/link/link.ts'
import { SameIdWatch } from '../../src/link/same-id.ts'

const MINUTE = 60_000

it('says that another client uses the id when the broker says so, for ten minutes', () => {
  const watch = new SameIdWatch()
  watch.ended(new LinkError('lost', 'taken over', { reasonCode: 0x8e }), { openedAt: 0, now: MINUTE })
  expect(watch.verdict(10 * MINUTE)).toBe('uses')
  expect(watch.verdict(11 * MINUTE)).toBeUndefined()
})

it('says nothing when the broker ends a connection for another reason', () => {
  const watch = new SameIdWatch()
  watch.ended(new LinkError('lost', 'quota exceeded', { reasonCode: 0x97 }), { openedAt: 0, now: MINUTE })
  watch.ended(new LinkError('lost', 'socket closed'), { openedAt: MINUTE, now: 2 * MINUTE })
  expect(watch.verdict(2 * MINUTE)).toBeUndefined()
})

it('says that another client seems to use it when connections end soon again and again, and not after a long one', () => {
  const watch = new SameIdWatch()
  for (let i = 0; i < 5; i++) watch.ended(undefined, { openedAt: i * MINUTE, now: i * MINUTE + 2_000 })
  expect(watch.verdict(5 * MINUTE)).toBeUndefined()
  watch.ended(undefined, { openedAt: 5 * MINUTE, now: 5 * MINUTE + 2_000 })
  expect(watch.verdict(6 * MINUTE)).toBe('seems to use')
  expect(watch.verdict(16 * MINUTE)).toBeUndefined()
  watch.ended(undefined, { openedAt: 6 * MINUTE, now: 7 * MINUTE })
  expect(watch.verdict(7 * MINUTE)).toBeUndefined()
})
