import { describe, expect, it } from 'vitest'
import { DAY, HOUR, SECOND, World } from './world.ts'

describe('a store clock whose sources contradict each other', () => {
  it('does not follow a step that an operator has rejected, even if the system calls it synchronised', () => {
    const world = new World(365)
    world.synchronised = true
    world.minutes(5)
    world.skew = 8 * DAY
    world.minutes(5)
    world.store.write(() => world.store.time.reject())
    world.minutes(90, () => world.hearReceiver(world.now + world.skew))
    expect(world.mostAhead).toBeLessThan(HOUR)
    expect(world.store.time.status.step).toMatchObject({ rejected: true })
    world.acceptClock()
    expect(world.store.time.now() - world.now).toBe(8 * DAY)
    world.store.close()
  })

  it('is not set by one receiver while another one confirms it', () => {
    const world = new World(365)
    world.minutes(3, () => world.hearReceiver())
    world.skew = 8 * DAY
    world.minutes(90, (minute) => world.hearReceiver(world.now + (minute % 2) * 8 * DAY))
    expect(world.mostAhead).toBeLessThan(HOUR)
    world.reboot(60 * SECOND, 8 * DAY)
    world.minutes(90, (minute) => world.hearReceiver(world.now + (minute % 2) * 8 * DAY))
    expect(world.mostAhead).toBeLessThan(HOUR)
    world.synchronised = true
    world.minutes(90, (minute) => world.hearReceiver(world.now + (minute % 2) * 3 * DAY))
    expect(world.mostAhead).toBeLessThan(HOUR)
    world.store.close()
  })

  it('is not set by a receiver alone while the system clock may be right', () => {
    const world = new World(365)
    world.minutes(3, () => world.hearReceiver())
    world.reboot(DAY, 0)
    world.minutes(3, () => world.hearReceiver(world.now + 80 * DAY))
    expect(world.mostAhead).toBeLessThanOrEqual(0)
    expect(world.store.time.status).toMatchObject({ contradictedMs: 80 * DAY, trusted: false })
    world.minutes(3, () => world.hearReceiver())
    expect(world.store.time.now()).toBe(world.now)
    world.store.close()
  })

  it('does not follow many small steps as if they were none', () => {
    const sources: readonly ((world: World) => void)[] = [
      (world) => world.store.time.hear({ synchronised: true }),
      (world) => world.hearReceiver(world.now + world.skew),
    ]
    for (const hear of sources) {
      const world = new World(7)
      world.synchronised = hear === sources[0] ? true : undefined
      world.minutes(5, () => hear(world))
      for (let i = 0; i < 120; i++) {
        world.skew += 55 * SECOND
        hear(world)
        world.pass(10 * SECOND)
      }
      expect(world.mostAhead).toBeLessThanOrEqual(60 * SECOND)
      expect(world.store.time.holdsRemoval).toBe(true)
      world.store.close()
    }
  })

  it('corrects the readings of a start before which the clocks of receiver and edge stood still for the same time', () => {
    const world = new World(7)
    world.minutes(3, () => world.hearReceiver())
    for (let hours = 0; hours < 40; hours++) {
      world.arrive(200)
      world.confirm()
      world.pass(HOUR)
    }
    const offMs = 30 * DAY
    world.reboot(offMs, -offMs)
    world.minutes(10, () => world.hearReceiver(world.now - offMs))
    world.arrive(100)
    world.confirm()
    world.pass(DAY)
    // Both get the time from the network.
    world.skew = 0
    world.minutes(90, () => world.hearReceiver())
    expect(world.store.time.now()).toBe(world.now)
    world.acceptRemoval()
    world.pass(HOUR)
    expect(world.goneTooEarly()).toEqual([])
    expect(world.staysTooLong(DAY)).toEqual([])
    world.store.close()
  })
})
