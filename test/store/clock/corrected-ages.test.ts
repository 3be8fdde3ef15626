import { describe, expect, it } from 'vitest'
import { DAY, HOUR, World } from './world.ts'

/** One day of readings, all of them confirmed. */
function day(world: World, count: number): void {
  world.arrive(count)
  world.confirm()
  world.pass(DAY)
  world.acceptRemoval()
}

function passDays(world: World, days: number): void {
  for (let i = 0; i < days; i++) {
    world.pass(DAY)
    world.acceptRemoval()
  }
}

describe('ages after a correction of the clock', () => {
  it('do not keep readings from before a month of standstill as long as those after it', () => {
    for (const count of [1, 60]) {
      const world = new World(7)
      world.synchronised = true
      world.minutes(5)
      for (let i = 0; i < count; i++) {
        world.arrive(64)
        world.minutes(1)
      }
      world.confirm()
      world.reboot(30 * DAY, 0)
      for (let i = 0; i < count; i++) {
        world.arrive(64)
        world.confirm()
        world.minutes(1)
      }
      world.synchronise()
      world.minutes(5)
      world.acceptRemoval()
      passDays(world, 2)
      expect(world.goneTooEarly()).toEqual([])
      expect(world.staysTooLong(DAY)).toEqual([])
      world.store.close()
    }
  })

  it('are right for a store that began in 2036, as soon as the time is known', () => {
    const world = new World(7, { skew: 3_500 * DAY })
    for (let days = 0; days < 10; days++) day(world, 100)
    world.synchronise()
    world.minutes(90)
    world.acceptRemoval()
    world.pass(DAY)
    world.acceptRemoval()
    expect(world.goneTooEarly()).toEqual([])
    expect(world.staysTooLong(DAY)).toEqual([])
    world.store.close()
  })

  it('are restored for hourly sums when a correction back is undone', () => {
    const world = new World(1)
    world.synchronised = true
    world.minutes(5)
    for (let days = 0; days < 12; days++) day(world, 100)
    const keptFrom = (): number[] =>
      JSON.parse(world.text('SELECT json_group_array(kept_from) FROM (SELECT kept_from FROM rollups ORDER BY hour)'))
    const before = keptFrom()
    for (const skew of [-7 * DAY, 0]) {
      world.skew = skew
      world.minutes(90)
      expect(world.store.time.now() - world.now).toBe(skew)
    }
    const after = keptFrom()
    expect(before.length).toBeGreaterThan(10)
    expect(before.filter((time, i) => after[i]! < time - 1)).toEqual([])
    world.store.close()
  })

  it('move the bound of an order to forget a device: sums of readings after it are kept', () => {
    const world = new World(1, { skew: 3_500 * DAY })
    world.arrive(100)
    world.store.write(() =>
      world.store.upkeep.series.order({ devices: '*', unconfirmed: false, at: world.store.time.now() }),
    )
    world.housekeep()
    world.synchronise()
    world.minutes(90)
    expect(world.count('SELECT at FROM forgetting')).toBeLessThanOrEqual(world.now)
    world.store.close()
  })
})

describe('a large removal', () => {
  it('waits also when the clock was in doubt for longer than it was corrected by', () => {
    const world = new World(30)
    world.synchronised = true
    world.minutes(5)
    for (let days = 0; days < 10; days++) day(world, 100)
    world.skew = 19 * DAY
    world.synchronised = undefined
    world.minutes(1)
    for (let days = 0; days < 16; days++) {
      world.arrive(10)
      world.confirm()
      world.pass(DAY)
    }
    world.acceptClock()
    world.pass(HOUR)
    expect(world.store.upkeep.housekeeping.expiry.waiting).toMatchObject({ readings: 1_000 })
    expect(world.goneTooEarly()).toEqual([])
    world.store.close()
  })

  /** A correction of the clock, right or wrong, has made everything overdue. */
  function overdueWorld(options: ConstructorParameters<typeof World>[1], arrive: (world: World) => void): World {
    const world = new World(7, options)
    world.synchronised = true
    world.minutes(5)
    arrive(world)
    world.confirm()
    world.pass(DAY)
    world.pass(DAY)
    world.skew = 7 * DAY
    world.minutes(90)
    expect(world.store.upkeep.housekeeping.expiry.waiting).toBeDefined()
    return world
  }

  it('waits on when new readings make its share small, also after a restart', () => {
    const world = overdueWorld({}, (one) => one.arrive(200))
    for (let i = 0; i < 20; i++) world.arrive(200)
    world.confirm()
    world.pass(HOUR)
    expect(world.goneTooEarly()).toEqual([])
    world.restart()
    world.pass(HOUR)
    expect(world.goneTooEarly()).toEqual([])
    world.acceptRemoval()
    expect(world.kept().size).toBe(4_000)
    world.store.close()
  })

  it('is carried out without consent only until there is room', () => {
    const add = (world: World): void => {
      world.arrive(1_000, Math.random)
      world.confirm()
      world.housekeep()
    }
    const world = overdueWorld({ maxBytes: 1_048_576, sealRows: 1_024 }, (one) => {
      for (let commits = 0; commits < 20; commits++) add(one)
    })
    // The oldest are removed first.
    const oldest = (): number => world.store.readFrom(1).next().value?.[0] ?? Infinity
    for (let commits = 0; commits < 200 && oldest() === 1; commits++) add(world)
    expect(oldest()).toBeGreaterThan(1)
    expect(oldest()).toBeLessThan(10_000)
    expect(world.store.upkeep.housekeeping.expiry.waiting).toBeDefined()
    world.store.close()
  })
})
