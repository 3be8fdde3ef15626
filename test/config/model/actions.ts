import fc from 'fast-check'
import { LEAVES } from './histories.ts'

export type Crash = 'none' | 'before' | 'after'
export type Change =
  | { readonly kind: 'write'; readonly path: string }
  | { readonly kind: 'revert'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'delete' }

/** One event of a schedule. `pick` selects an entry of a list, modulo its length. */
export type Action = { readonly device: number } & (
  | { readonly kind: 'edit'; readonly side: 'edge' | 'cloud'; readonly change: Change; readonly crash: Crash }
  | { readonly kind: 'send'; readonly fault: 'none' | 'down' | 'answer lost' | 'crash before' | 'crash after' }
  | {
      readonly kind: 'deliver'
      readonly to: 'edge' | 'cloud'
      readonly pick: number
      readonly crash: Crash
      readonly again: boolean
    }
  | { readonly kind: 'lose'; readonly to: 'edge' | 'cloud'; readonly pick: number }
  | { readonly kind: 'replay'; readonly to: 'edge' | 'cloud'; readonly pick: number }
  | { readonly kind: 'reconnect'; readonly side: 'edge' | 'cloud' }
  | { readonly kind: 'malformed'; readonly to: 'edge' | 'cloud'; readonly bytes: string }
  | { readonly kind: 'wipe' }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'restore'; readonly pick: number }
  | { readonly kind: 'clock'; readonly side: 'edge' | 'cloud'; readonly years: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'resolve'; readonly side: 'edge' | 'cloud'; readonly take: 'edge' | 'cloud' }
  | { readonly kind: 'device'; readonly says: 'applied' | 'older' | 'other' | 'edited' | 'refused' }
  | { readonly kind: 'acl'; readonly refuses: boolean }
  /** A database is replaced by a copy without `restore`. Only in schedules with forks. */
  | { readonly kind: 'copy back'; readonly pick: number }
)

export const DEVICES = 3

const device = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(DEVICES - 1) })
const side = fc.constantFrom('edge' as const, 'cloud' as const)
const pick = fc.nat(1_000)
const crash = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Crash>('none') },
  { weight: 1, arbitrary: fc.constantFrom<Crash>('before', 'after') },
)
const path = fc.constantFrom(...LEAVES)
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('write' as const), path }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('revert' as const), path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), path }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'delete' as const }) },
)
const malformed = fc.oneof(
  fc.constantFrom('{', '[]', '7', 'null', '{"v":1,"rev":{},"config":{}}', '{"a":1,"a":2}', '{"__proto__":1}', '\ud800'),
  fc.string(),
)

const sendFault = fc.oneof(
  { weight: 8, arbitrary: fc.constant('none' as const) },
  { weight: 1, arbitrary: fc.constantFrom('down', 'answer lost', 'crash before', 'crash after') },
) as fc.Arbitrary<Extract<Action, { kind: 'send' }>['fault']>

function action<K extends string, T extends object>(kind: K, rest: { [P in keyof T]: fc.Arbitrary<T[P]> }) {
  return fc.record({ kind: fc.constant(kind), device, ...rest }) as unknown as fc.Arbitrary<Action>
}

const usual: fc.WeightedArbitrary<Action>[] = [
  { weight: 10, arbitrary: action('edit', { side, change, crash }) },
  { weight: 12, arbitrary: action('send', { fault: sendFault }) },
  { weight: 14, arbitrary: action('deliver', { to: side, pick, crash, again: fc.boolean() }) },
  { weight: 2, arbitrary: action('lose', { to: side, pick }) },
  { weight: 3, arbitrary: action('replay', { to: side, pick }) },
  { weight: 3, arbitrary: action('reconnect', { side }) },
  { weight: 1, arbitrary: action('malformed', { to: side, bytes: malformed }) },
  { weight: 1, arbitrary: action('wipe', {}) },
  { weight: 1, arbitrary: action('snapshot', {}) },
  { weight: 1, arbitrary: action('restore', { pick }) },
  { weight: 2, arbitrary: action('wait', { ms: fc.constantFrom(1, 1_000, 10_000, 31_000, 600_000) }) },
  { weight: 2, arbitrary: action('resolve', { side, take: side }) },
  {
    weight: 2,
    arbitrary: action('device', { says: fc.constantFrom('applied', 'older', 'other', 'edited', 'refused') }),
  },
  { weight: 1, arbitrary: action('acl', { refuses: fc.boolean() }) },
]
const clock = action('clock', { side, years: fc.constantFrom(-10, -1, 0, 1, 10) })

export const LENGTH_MAX = 60

/** Any events in any order. Most of them are about the same device, so that much happens to it. */
export const schedule = scheduleOf([...usual, { weight: 1, arbitrary: clock }])
/** Such a schedule with steady clocks. */
export const steadySchedule = scheduleOf(usual)
function scheduleOf(actions: fc.WeightedArbitrary<Action>[]): fc.Arbitrary<Action[]> {
  return fc.array(fc.oneof(...actions), { minLength: 1, maxLength: LENGTH_MAX, size: 'max' })
}
