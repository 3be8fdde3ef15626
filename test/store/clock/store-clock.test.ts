import { describe, expect, it } from 'vitest'
import { OFF_MS_MAX, STEP_KEPT_MS, SYNCED_MS_MIN } from '../../../src/store/clock/clock-limits.ts'
import type { SavedClock } from '../../../src/store/clock/clock-state.ts'
import { StoreClock } from '../../../src/store/clock/store-clock.ts'
import { DAY, HOUR, SECOND } from './world.ts'

const NOW = Date.UTC(2026, 8, 1)
const IN_1970 = 60_000

/** A machine whose elapsed time and system clock a test moves. */
class Machine {
  elapsed = 10_000
  boot: string | undefined = 'one'
  system: number
  clock: StoreClock

  constructor(system = NOW, saved?: SavedClock, newestArrival = 0) {
    this.system = system
    this.clock = new StoreClock(this.#elapsedClock(), saved, { system, newestArrival })
  }

  #elapsedClock(): { now(): number; readonly boot: string | undefined } {
    const machine = this
    return {
      now: () => machine.elapsed,
      get boot() {
        return machine.boot
      },
    }
  }

  pass(ms: number): void {
    this.elapsed += ms
    this.system += ms
  }

  look(synchronised?: boolean, reference?: number): void {
    this.clock.observe({
      system: this.system,
      synchronised,
      reference: reference === undefined ? undefined : { at: reference, elapsed: this.elapsed },
    })
  }

  /** The system says for long enough that its clock is synchronised. */
  synchronise(): void {
    this.look(true)
    this.pass(SYNCED_MS_MIN)
    this.look(true)
  }

  trusts(arrival = this.system): boolean {
    const { from, to } = this.clock.trusted()
    return from <= arrival && arrival <= to
  }
}

/** The state of a clock that was right when the machine went off. */
const saved: SavedClock = {
  time: NOW,
  elapsed: 5 * HOUR,
  boot: 'before',
  offset: 0,
  confirmed: true,
  everConfirmed: true,
  step: undefined,
}

describe('the store clock', () => {
  it('moves with the elapsed time, whatever the system clock shows', () => {
    const machine = new Machine()
    machine.pass(3 * HOUR)
    machine.system += 400 * DAY
    machine.look()
    expect(machine.clock.now()).toBe(NOW + 3 * HOUR)
  })

  it('goes on across a restart of the edge, and stands still while the machine is off', () => {
    const { clock } = new Machine(NOW + 2 * HOUR, { ...saved, boot: 'one', elapsed: 4_000 })
    expect(clock.now()).toBe(NOW + 6_000)
    expect(new Machine(NOW + 2 * HOUR, saved).clock.now()).toBe(NOW)
  })

  it('adopts the time of a synchronised system clock after a start, up to 92 days ahead', () => {
    const machine = new Machine(NOW + OFF_MS_MAX - HOUR, saved)
    machine.synchronise()
    expect(machine.clock.now()).toBe(machine.system)
    const farther = new Machine(NOW + OFF_MS_MAX + HOUR, saved)
    farther.synchronise()
    expect(farther.clock.now()).toBe(NOW + SYNCED_MS_MIN)
    farther.look(true, farther.system - 2_000)
    expect(farther.clock.now()).toBe(farther.system)
  })

  it('does not follow a step that the system undoes within an hour, and follows one that a synchronised system keeps', () => {
    const machine = new Machine()
    machine.synchronise()
    for (const byMs of [365 * DAY, -365 * DAY]) {
      machine.system += byMs
      machine.look(true)
      machine.pass(STEP_KEPT_MS - 60 * SECOND)
      machine.look(true)
      machine.system -= byMs
      machine.look(true)
      expect(machine.clock.now()).toBe(machine.system)
    }
    machine.system += 20 * DAY
    machine.look(true)
    expect(machine.clock.holdsRemoval).toBe(true)
    machine.pass(STEP_KEPT_MS)
    machine.look(true)
    expect(machine.clock.now()).toBe(machine.system)
    expect(machine.clock.holdsRemoval).toBe(false)
  })

  it('never follows a clock that shows a time before this version, even if the system calls it synchronised', () => {
    const machine = new Machine(IN_1970)
    machine.synchronise()
    machine.system = NOW
    machine.look(true)
    expect(machine.clock.now()).toBe(NOW)
    machine.system = IN_1970
    machine.look(true)
    machine.pass(2 * STEP_KEPT_MS)
    machine.look(true)
    expect(machine.clock.now()).toBe(NOW + 2 * STEP_KEPT_MS)
  })

  it('holds removal while the system clock has stepped, until an operator or the receiver settles it', () => {
    const step = (): Machine => {
      const machine = new Machine()
      machine.synchronise()
      machine.system += 40 * DAY
      machine.look()
      expect(machine.clock.holdsRemoval).toBe(true)
      expect(machine.trusts()).toBe(false)
      return machine
    }
    const accepted = step()
    accepted.clock.accept(accepted.system)
    expect(accepted.clock.now()).toBe(accepted.system)
    expect([accepted.clock.holdsRemoval, accepted.trusts()]).toEqual([false, true])
    expect(accepted.clock.status.step).toBeUndefined()

    const rejected = step()
    const before = rejected.clock.now()
    rejected.clock.reject()
    rejected.look()
    expect(rejected.clock.now()).toBe(before)
    expect([rejected.clock.holdsRemoval, rejected.trusts()]).toEqual([false, false])
    rejected.system += DAY
    rejected.look()
    expect(rejected.clock.holdsRemoval).toBe(true)

    const refuted = step()
    refuted.look(undefined, refuted.clock.now() + 4_000)
    expect([refuted.clock.holdsRemoval, refuted.trusts()]).toEqual([false, false])

    // The receiver may have its time from the same wrong source: the step must last.
    const confirmed = step()
    confirmed.look(undefined, confirmed.system + 4_000)
    expect(confirmed.clock.holdsRemoval).toBe(true)
    confirmed.pass(STEP_KEPT_MS)
    confirmed.look(undefined, confirmed.system + 4_000)
    expect(confirmed.clock.now()).toBe(confirmed.system)
    expect([confirmed.clock.holdsRemoval, confirmed.trusts()]).toEqual([false, true])
  })

  it('does not go back for a receiver alone, nor a second time in one start of the machine', () => {
    const machine = new Machine(NOW - 30 * DAY, saved)
    machine.look(undefined, NOW - 20 * DAY)
    expect(machine.clock.now()).toBe(NOW)
    machine.look(undefined, NOW + 20 * DAY)
    expect(machine.clock.now()).toBe(NOW + 20 * DAY)
    machine.look(undefined, NOW + 40 * DAY)
    expect(machine.clock.now()).toBe(NOW + 20 * DAY)
  })

  it('believes the system clock of a machine that says nothing about it, unless it is behind or far ahead', () => {
    expect(new Machine(NOW, undefined).trusts()).toBe(true)
    expect(new Machine(NOW + 30 * DAY, saved).trusts()).toBe(true)
    expect(new Machine(NOW - DAY, saved).trusts()).toBe(false)
    expect(new Machine(NOW + 3_652 * DAY, saved).trusts()).toBe(false)
    expect(new Machine(IN_1970).trusts()).toBe(false)
  })

  it('does not believe a system clock that is not synchronised yet, and believes one that has lost its server since', () => {
    const machine = new Machine(NOW + HOUR, saved)
    machine.look(false)
    expect(machine.trusts()).toBe(false)
    machine.synchronise()
    expect(machine.trusts()).toBe(true)
    machine.pass(30 * DAY)
    machine.look(false)
    expect(machine.trusts()).toBe(true)
  })

  it('shows no step after the first synchronisation of a machine that starts in 1970', () => {
    const machine = new Machine(IN_1970, saved)
    machine.look(false)
    machine.system = NOW + HOUR
    machine.look(true)
    machine.pass(SYNCED_MS_MIN)
    machine.look(true)
    expect(machine.clock.now()).toBe(machine.system)
    expect(machine.clock.status.step).toBeUndefined()
    machine.elapsed += 9_000
    expect(machine.clock.status.systemAheadMs).toBe(0)
  })

  it('trusts the system clock after an earlier start in which that clock was years ahead', () => {
    const ahead = new Machine(NOW + 3_652 * DAY, saved)
    ahead.pass(HOUR)
    ahead.look()
    const next = new Machine(NOW + 2 * HOUR, { ...ahead.clock.saved, boot: 'another' })
    expect(next.trusts()).toBe(true)
    expect(next.clock.now()).toBe(NOW + HOUR)
  })
})
