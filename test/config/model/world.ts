import { type AuthorityState, newAuthorityState } from '../../../src/config/authority.ts'
import {
  DEFAULT_RULES,
  type EdgeEnv,
  type EdgeState,
  newEdgeState,
  type RuleNumber,
  type SyncRules,
} from '../../../src/config/edge/state.ts'
import { type JsonObject, member } from '../../../src/config/json.ts'
import type { Operation } from '../../../src/config/operations.ts'
import type { Policy } from '../../../src/config/policies.ts'
import { DEVICES } from './actions.ts'
import { Histories } from './histories.ts'
import { Checks, INVARIANTS, type Invariant } from './invariants.ts'

export const POLICIES: readonly Policy[] = [
  { path: '/edge/**', onConflict: 'edge' },
  { path: '/manual/**', onConflict: 'manual' },
  { path: '/lww/**', onConflict: 'lww' },
  { path: '/max/**', onConflict: 'custom:max' },
]

export interface WorldOptions {
  readonly without?: ReadonlySet<RuleNumber>
  /** The schedule may replace databases by copies: names may be given twice, but both sides must end with one state. */
  readonly forks?: boolean
  /** Checks only this invariant. */
  readonly only?: Invariant
  readonly rules?: Partial<SyncRules>
  /** Constant errors of the clocks, in ms. */
  readonly skew?: { readonly edge: number; readonly cloud: number }
}

/** Everything about one device: both sides, the broker between them and the messages in flight. */
export interface DeviceWorld {
  readonly name: string
  readonly histories: Histories
  edge: EdgeState
  cloud: AuthorityState
  snapshots: AuthorityState[]
  /** The retained messages of the cloud broker; '': none. */
  readonly retained: { desired: string; head: string; reported: string; conflict: string }
  toEdge: string[]
  toCloud: string[]
  /** All messages ever published, for replays. */
  readonly published: { readonly desired: string[]; readonly head: string[] }
  /** The messages that each side has handled with its present database. */
  readonly worked: { edge: Set<string>; cloud: Set<string> }
  /** The retained config on the local broker. */
  local: string
  /** Hashes that the device has confirmed. */
  readonly confirmed: Set<string>
  refuses: boolean
  /** The number of messages that each side has published since it began to settle: desired; head and conflict. */
  readonly messages: { edge: number; cloud: number }
  /** Largest counters seen, by incarnation. */
  readonly counters: Map<string, number>
}

export interface World {
  readonly options: WorldOptions
  readonly checks: Checks
  readonly devices: readonly DeviceWorld[]
  operations: Operation[]
  /** True time in UTC ms. */
  now: number
  readonly skew: { edge: number; cloud: number }
  /** The source of values and incarnations that never repeat. */
  unique: number
}

/** The invariants that suppose that a name is given only once. */
const WAIVED_WITH_FORKS: readonly Invariant[] = [2, 3, 4, 5, 6, 7, 8, 15, 16, 19]
const BEGINNING = Date.UTC(2030, 0, 1)

export function newWorld(options: WorldOptions = {}): World {
  const { only, forks } = options
  const others = (Object.keys(INVARIANTS).map(Number) as Invariant[]).filter((one) => one !== only)
  const checks = new Checks(only !== undefined ? others : forks ? WAIVED_WITH_FORKS : [])
  const devices = Array.from({ length: DEVICES }, (_, i): DeviceWorld => {
    const name = `device-${i}`
    return {
      name,
      histories: new Histories(checks),
      edge: newEdgeState(name, 'life0'),
      cloud: newAuthorityState(name),
      snapshots: [newAuthorityState(name)],
      retained: { desired: '', head: '', reported: '', conflict: '' },
      toEdge: [],
      toCloud: [],
      published: { desired: [], head: [] },
      worked: { edge: new Set(), cloud: new Set() },
      local: '',
      confirmed: new Set(),
      refuses: false,
      messages: { edge: 0, cloud: 0 },
      counters: new Map(),
    }
  })
  const skew = { ...(options.skew ?? { edge: 0, cloud: 0 }) }
  return { options, checks, devices, operations: [], now: BEGINNING, skew, unique: 0 }
}

export function edgeEnv(world: World): EdgeEnv {
  return {
    now: world.now + world.skew.edge,
    clockSynced: true,
    rules: { ...DEFAULT_RULES, policies: POLICIES, localForm: 'envelope', ...world.options.rules },
    check: schema,
    custom: () => ({ ok: false, reason: 'there is none' }),
    ...(world.options.without !== undefined && { without: world.options.without }),
  }
}

/** Refuses some pairs of members that it accepts alone, so that it can refuse a merge without a conflict. */
export function schema(config: JsonObject): readonly string[] {
  const x = member(member(config, 'n'), 'x')
  const y = member(member(config, 'n'), 'y')
  const bad = typeof x === 'number' && typeof y === 'number' && (x + y) % 5 === 0
  return bad ? ['/n: the sum of x and y must not be a multiple of 5'] : []
}
