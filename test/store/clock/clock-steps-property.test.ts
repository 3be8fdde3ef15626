import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AGREE_MS } from '../../../src/store/clock/clock-limits.ts'
import { sized } from '../../../support/size.ts'
import { DAY, HOUR, SECOND, World } from './world.ts'

/** Readings of the store with very many. */
const MANY = sized(200_000, 1_000_000)

const TEN_YEARS = 3_652 * DAY
/** Steps of the system clock against the true time, in both directions; 1970 and 2036 to 2038 among them. */
const skews = [
  SECOND,
  -SECOND,
  HOUR,
  -HOUR,
  DAY,
  -DAY,
  30 * DAY,
  TEN_YEARS,
  -20_605 * DAY, // the first days of 1970
  3_500 * DAY, // 2036
  4_230 * DAY, // 2038
]

type Action = readonly [name: string, play: (world: World) => void]

const skew = fc.constantFrom(...skews)
const passed = fc.constantFrom(60 * SECOND, HOUR, 7 * HOUR, DAY, 5 * DAY)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: passed.map((ms): Action => [`pass ${ms / HOUR} h`, (world) => world.pass(ms)]) },
  {
    weight: 4,
    arbitrary: fc.integer({ min: 1, max: 90 }).map((n): Action => [`arrive ${n}`, (world) => world.arrive(n)]),
  },
  { weight: 3, arbitrary: fc.constant<Action>(['confirm', (world) => world.confirm()]) },
  {
    weight: 3,
    arbitrary: skew.map(
      (ms): Action => [
        `set ${ms / DAY} d`,
        (world) => {
          world.step(ms)
          world.pass(SECOND)
        },
      ],
    ),
  },
  {
    weight: 3,
    // The flag of the system stays up although the clock was set: a second later all is well again.
    arbitrary: skew.map(
      (ms): Action => [
        `set ${ms / DAY} d for a second`,
        (world) => {
          const { skew: before, synchronised } = world
          world.skew = ms
          world.pass(SECOND)
          world.arrive(3)
          world.pass(SECOND)
          world.skew = before
          world.synchronised = synchronised
          world.pass(SECOND)
        },
      ],
    ),
  },
  { weight: 2, arbitrary: fc.constant<Action>(['synchronise', (world) => world.synchronise()]) },
  { weight: 2, arbitrary: fc.constant<Action>(['receiver', (world) => world.hearReceiver()]) },
  { weight: 2, arbitrary: fc.constant<Action>(['restart', (world) => world.restart()]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(passed, fc.oneof(fc.constant(0), skew))
      .map(([ms, by]): Action => [`reboot after ${ms / HOUR} h at ${by / DAY} d`, (world) => world.reboot(ms, by)]),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Action>(['reject', (world) => world.store.write(() => world.store.time.reject())]),
  },
)

describe('retention with clocks that are wrong', () => {
  it('removes nothing before its age, nothing unconfirmed, and keeps nothing a day too long once the time is known', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom<boolean | undefined>(undefined, true),
      fc.array(action, { minLength: 5, maxLength: 40 }),
      (rawDays, synchronised, actions) => {
        const world = new World(rawDays)
        world.synchronised = synchronised
        const played: string[] = []
        for (const [name, play] of actions) {
          play(world)
          played.push(name)
          expect(world.mostAhead, played.join(', ')).toBeLessThanOrEqual(AGREE_MS)
          world.acceptRemoval()
          expect(world.goneTooEarly(), played.join(', ')).toEqual([])
        }
        world.confirm()
        world.synchronise()
        world.look()
        world.hearReceiver()
        for (let hours = 0; hours < 3; hours++) world.pass(HOUR)
        world.acceptRemoval()
        world.pass(HOUR)
        expect(world.goneTooEarly(), played.join(', ')).toEqual([])
        world.pass(rawDays * DAY + DAY)
        world.acceptRemoval()
        expect(world.goneTooEarly(), played.join(', ')).toEqual([])
        expect(world.staysTooLong(DAY), played.join(', ')).toEqual([])
        world.store.close()
      },
    )
    fc.assert(property, { numRuns: sized(30, 1_000) })
  })

  it('removes every reading within a day after its age, although seals are merged', () => {
    const world = new World(17)
    world.synchronise()
    // A seal every half a day: 32 of them, which make a merged one, span less than the age at which readings go.
    for (let halfDays = 0; halfDays < 40; halfDays++) {
      world.arrive(200)
      world.confirm()
      world.pass(DAY / 2)
      expect(world.goneTooEarly()).toEqual([])
      expect(world.staysTooLong(DAY)).toEqual([])
    }
    expect(world.kept().size).toBeLessThan(40 * 200)
    world.store.close()
  })

  it('asks before it removes what only a correction of the clock made overdue', () => {
    // The system keeps the wrong time and calls it synchronised; or the receiver has the same wrong clock.
    const corrections: readonly ((world: World) => void)[] = [
      (world) => world.store.time.hear({ synchronised: true }),
      (world) => world.hearReceiver(world.now + world.skew),
    ]
    for (const correct of corrections) {
      const world = new World(7)
      world.synchronised = true
      for (let minutes = 0; minutes < 5; minutes++) world.pass(60 * SECOND)
      world.arrive(200)
      world.confirm()
      world.pass(DAY)
      world.skew = 7 * DAY
      for (let minutes = 0; minutes < 90; minutes++) {
        correct(world)
        world.pass(60 * SECOND)
      }
      expect(world.mostAhead).toBeGreaterThan(6 * DAY)
      expect(world.kept().size).toBe(200)
      expect(world.store.upkeep.housekeeping.expiry.waiting).toMatchObject({ readings: expect.any(Number) })
      world.restart()
      for (let minutes = 0; minutes < 30; minutes++) world.pass(60 * SECOND)
      expect(world.kept().size).toBe(200)
      world.acceptRemoval()
      expect(world.kept().size).toBeLessThan(200)
      world.store.close()
    }
  })

  it('believes the system clock and its own time rather than the receiver alone', () => {
    const world = new World(7)
    world.synchronise()
    world.look()
    for (let minutes = 0; minutes < 5; minutes++) world.pass(60 * SECOND)
    world.arrive(200)
    world.confirm()
    world.reboot(60 * SECOND, 0)
    world.synchronised = undefined
    world.hearReceiver(world.now + 8 * DAY)
    world.pass(HOUR / 2)
    expect(world.mostAhead).toBeLessThanOrEqual(0)
    expect(world.store.time.status).toMatchObject({ trusted: false, contradictedMs: expect.any(Number) })
    expect(world.kept().size).toBe(200)
    world.store.close()
  })

  it('corrects the age of hourly sums with that of the readings', () => {
    const world = new World(1, { skew: -20_605 * DAY })
    world.arrive(200)
    world.confirm()
    world.pass(DAY)
    world.pass(DAY + 2 * HOUR)
    world.acceptRemoval()
    const sums = (): number => world.count('SELECT count(*) FROM rollups')
    expect(sums()).toBeGreaterThan(0)
    world.synchronised = false
    world.look()
    world.synchronise()
    for (let hours = 0; hours < 5; hours++) world.pass(HOUR)
    expect(Math.abs(world.store.time.now() - world.now)).toBeLessThanOrEqual(SECOND)
    world.acceptRemoval()
    expect(sums()).toBeGreaterThan(0)
    world.store.close()
  })

  it('deletes nothing of very many readings when the clock shows ten years later for a second, and reports that', () => {
    const world = new World(30, { sealRows: 65_536 })
    for (let commits = 0; commits < MANY / 100_000; commits++) world.arrive(100_000)
    world.confirm()
    world.pass(HOUR)
    world.pass(HOUR)
    world.skew = TEN_YEARS
    world.pass(SECOND)
    expect(world.store.time.status).toMatchObject({ holdsRemoval: true, trusted: false })
    world.skew = 0
    world.pass(SECOND)
    for (let hours = 0; hours < 5; hours++) world.pass(HOUR)
    expect(world.store.sealed.seals.all.reduce((sum, { readings }) => sum + readings, 0)).toBeGreaterThan(0.9 * MANY)
    expect(world.kept().size).toBe(MANY)
    expect(world.store.time.status).toMatchObject({ holdsRemoval: false, trusted: true })
    expect(world.store.time.status.step).toMatchObject({ byMs: TEN_YEARS, endedAt: expect.any(Number) })
    world.store.close()
  })
})
