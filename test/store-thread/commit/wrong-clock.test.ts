import { describe, expect, it } from 'vitest'
import { Reason, reasonNames } from '../../../src/base/flags.ts'
import type { Judge } from '../../../src/quality/judge.ts'
import { rebuildJudge } from '../../../src/store-thread/commit/rebuild-judge.ts'
import { DAY, HOUR, World } from '../../store/clock/world.ts'

/** The reasons against the next reading of every series, which has the time of its arrival `agoMs` before now. */
function reasonsNow(world: World, judge: Judge, agoMs = 0): string[] {
  const { store } = world
  const receivedAt = world.now + world.skew
  const all: string[] = []
  store.write(() => {
    store.time.beginCommit()
    store.time.arrived(store.lastSeq + 1, receivedAt)
    for (const { id, device, metric } of store.intake.catalog.all()) {
      const kind = { type: 'number', isNew: false } as const
      const common = { seq: store.lastSeq + 1, device: device.name, metric, kind, value: 1, claim: undefined }
      const times = { ts: receivedAt - agoMs, receivedAt, clockSynced: true, clockRun: store.time.clockRun }
      const { reasons } = judge.judge(id, { ...common, ...times })
      all.push(reasonNames(reasons & ~Reason.GAP_BEFORE).join(' '))
    }
  })
  return [...new Set(all)]
}

describe('a judge that was made from readings of a wrong clock', () => {
  for (const [name, skew] of [
    ['two days ahead', 2 * DAY],
    ['ahead by 90 s', 90_000],
    ['ahead by less than futureS', 4 * 60_000],
    ['in the year 2000', Date.UTC(2000, 0, 1) - Date.UTC(2026, 5, 1)],
  ] as const) {
    it(`finds nothing odd in the right time after a clock that was ${name}, set while the edge runs`, () => {
      const world = new World(30, { skew })
      world.arrive(6)
      world.pass(10_000)
      world.step(0)
      world.pass(10_000)
      expect(reasonsNow(world, rebuildJudge(world.store, []))).toEqual([''])
      world.store.close()
    })

    it(`and after one that was ${name}, set while the edge was stopped`, () => {
      const world = new World(30, { skew })
      world.arrive(6)
      world.pass(10_000)
      world.skew = 0
      world.restart()
      expect(reasonsNow(world, rebuildJudge(world.store, []))).toEqual([''])
      world.store.close()
    })

    it(`and after a start of the machine with a clock that was ${name}, between two right ones`, () => {
      const world = new World(30)
      world.arrive(6)
      world.reboot(HOUR, skew)
      world.arrive(6)
      world.pass(10_000)
      world.reboot(HOUR, 0)
      expect(reasonsNow(world, rebuildJudge(world.store, []))).toEqual([''])
      world.store.close()
    })
  }

  it('still finds what is late, also after the machine was off', () => {
    const world = new World(30)
    world.arrive(6)
    expect(reasonsNow(world, rebuildJudge(world.store, []), 1_000)).toEqual(['TIME_BACKWARD'])
    world.reboot(HOUR, 0)
    expect(reasonsNow(world, rebuildJudge(world.store, []), 2 * HOUR)).toEqual(['TIME_BACKWARD'])
    world.store.close()
  })
})
