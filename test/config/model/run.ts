import type { Action } from './actions.ts'
import { perform } from './perform.ts'
import { settle } from './settle.ts'
import { newWorld, type World, type WorldOptions } from './world.ts'

/** Runs a schedule and then settles it. Throws a Violation when an invariant does not hold. */
export function runSchedule(schedule: readonly Action[], options: WorldOptions = {}): World {
  const world = newWorld(options)
  for (const action of schedule) perform(world, action)
  settle(world)
  return world
}
