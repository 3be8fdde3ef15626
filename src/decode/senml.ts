import type { Value } from '../base/reading.ts'
import { TIME_INVALID } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { Labels, VALUE_LABELS } from './senml/labels.ts'
import { commonUrn, metricOf } from './senml/name.ts'
import { ABSOLUTE_SECONDS_MIN } from './senml/shape.ts'
import { inRange, NotATime, secondsToMs } from './time.ts'
import { isArray, isObject, kindOf, type Tree } from './tree.ts'

/** RFC 8428 §4.1: the version of the RFC itself, and the default. */
const VERSION_MAX = 10

/** The current base fields (RFC 8428 §4.1). */
interface Base {
  name: string
  seconds: number
  unit: string | undefined
  value: number | undefined
  sum: number | undefined
  version: number
}

/** A record with its base fields applied (RFC 8428 §4.6). */
export interface Resolved {
  readonly name: string
  readonly unit: string | undefined
  /** Undefined: the record has only a sum. */
  readonly value: Value | undefined
  readonly sum: number | undefined
  /** As in the pack: relative to now if below 2^28; 0: the device does not know the time. */
  readonly seconds: number
}

/**
 * Reads a SenML pack (RFC 8428, JSON or CBOR) into the draft: it applies base fields, and takes relative times from the
 * arrival of the message. A sum becomes a separate reading `{metric}.sum`; its unit is the unit times seconds (§4.2).
 * Unknown fields are ignored (§4.4). Names may contain characters that §4.5.1 does not allow, as those of LwM2M do.
 *
 * A field that is not understood is noted in the draft, and so is its record if the field is its name, time or only
 * value. If a base field is not understood, the records to which it applies are not understood either. The whole pack is
 * refused if a label must be understood (it ends in `_`, §4.4), and for its version (§4.4, §4.3).
 */
export function readSenml(pack: Tree, metric: string | undefined, draft: DecodeDraft): void {
  if (!isArray(pack)) return draft.refuse(`expected a SenML pack, an array, found ${kindOf(pack)}`)
  if (!draft.hasRoom(pack.length)) return
  const records = resolve(pack, draft)
  if (draft.refusal !== undefined) return
  const urn = commonUrn(records.map((record) => record?.name))
  const owners = new Map<string, string>()
  for (const [index, record] of records.entries()) {
    if (record === undefined) continue
    draft.steps.push(index)
    addRecord(record, metricOf(record, urn, metric, draft.device), { draft, owners })
    draft.steps.pop()
    if (draft.refusal !== undefined) return
  }
}

function addRecord(
  { name, unit, value, sum, seconds }: Resolved,
  metric: string,
  { draft, owners }: { readonly draft: DecodeDraft; readonly owners: Map<string, string> },
): void {
  const epochMs = seconds < ABSOLUTE_SECONDS_MIN ? draft.receivedAt + secondsToMs(seconds) : secondsToMs(seconds)
  const found = inRange(epochMs)
  const claim = found instanceof NotATime ? TIME_INVALID : undefined
  const ts = found instanceof NotATime ? draft.receivedAt : found
  const timed = seconds !== 0 && claim === undefined
  const shared = { device: draft.device, ts, timed, claim }
  const owner = metric === unit ? `${name}\n${unit}` : name
  if (value !== undefined && owns(owner, metric, { draft, owners })) draft.add({ ...shared, metric, unit, value })
  // What the device says instead of a time must not be lost.
  if (claim !== undefined && owns(`${owner}\nt`, `${metric}.t`, { draft, owners })) {
    draft.add({ ...shared, metric: `${metric}.t`, unit: undefined, value: seconds })
  }
  if (sum === undefined || !owns(`${owner}\nsum`, `${metric}.sum`, { draft, owners })) return
  draft.add({ ...shared, metric: `${metric}.sum`, unit: unit === undefined ? undefined : `${unit}.s`, value: sum })
}

/** Whether no other name of the pack has become this metric before: two sensors must not become one series. */
function owns(
  name: string,
  metric: string,
  { draft, owners }: { readonly draft: DecodeDraft; readonly owners: Map<string, string> },
): boolean {
  const owner = owners.get(metric)
  if (owner === undefined) owners.set(metric, name)
  if (owner === undefined || owner === name) return true
  draft.reject(`another SenML name of this pack already gives the metric "${metric}"`)
  return false
}

/** One entry per record, in order; undefined for a record with base fields only, and for one that is not understood. */
function resolve(pack: readonly Tree[], draft: DecodeDraft): (Resolved | undefined)[] {
  const base: Base = { name: '', seconds: 0, unit: undefined, value: undefined, sum: undefined, version: VERSION_MAX }
  const broken = new Set<string>()
  const records: (Resolved | undefined)[] = []
  for (const [index, record] of pack.entries()) {
    draft.steps.push(index)
    if (isObject(record)) records.push(resolveRecord(new Labels(record), base, { broken, isFirst: index === 0, draft }))
    else {
      draft.reject(`expected a SenML record, found ${kindOf(record)}`)
      records.push(undefined)
    }
    draft.steps.pop()
    if (draft.refusal !== undefined) return []
  }
  return records
}

interface Resolving {
  /** Labels of base fields that are not understood. */
  readonly broken: Set<string>
  readonly isFirst: boolean
  readonly draft: DecodeDraft
}

function resolveRecord(labels: Labels, base: Base, { broken, isFirst, draft }: Resolving): Resolved | undefined {
  applyBase(labels, base, isFirst)
  for (const label of BASES) if (labels.has(label)) broken[labels.isOdd(label) ? 'add' : 'delete'](label)
  const name = base.name + (labels.text('n') ?? '')
  const seconds = base.seconds + (labels.number('t') ?? 0)
  const unit = labels.has('u') ? labels.unit('u') : base.unit
  const ownSum = labels.number('s')
  const ownValue = labels.value(base.value)
  labels.number('ut')
  const { steps } = draft
  if (labels.refusal !== undefined) {
    steps.push(labels.refusal.label)
    draft.refuse(labels.refusal.why)
    steps.pop()
    return undefined
  }
  for (const { label, why } of labels.odd) draft.reject(why, [...steps, label])
  if (labels.baseOnly) return undefined
  const lost = [...broken].find((label) => !labels.isOdd(label))
  if (lost !== undefined) draft.reject(`the base field ${lost}, which applies to it, is not understood`)
  if (broken.size > 0 || labels.isOdd('n') || labels.isOdd('t')) return undefined
  return valued({ name, unit, ownValue, ownSum, seconds }, labels, { base, draft })
}

function valued(
  own: {
    readonly name: string
    readonly unit: string | undefined
    readonly ownValue: Value | undefined
    readonly ownSum: number | undefined
    readonly seconds: number
  },
  labels: Labels,
  { base, draft }: { readonly base: Base; readonly draft: DecodeDraft },
): Resolved | undefined {
  const { name, unit, ownValue, ownSum, seconds } = own
  const hasOdd = labels.odd.length > 0
  const value = ownValue ?? (ownSum === undefined && !hasOddValue(labels) ? base.value : undefined)
  const total = ownSum === undefined ? base.sum : ownSum + (base.sum ?? 0)
  const sum = labels.isOdd('s') ? undefined : total
  if (sum !== undefined && !Number.isFinite(sum)) draft.reject('a sum beyond the range of a double')
  const finite = sum !== undefined && Number.isFinite(sum) ? sum : undefined
  if (value === undefined && sum === undefined) {
    if (!hasOdd) draft.reject('a SenML record without a value')
    return undefined
  }
  if (name === '') {
    draft.reject('a SenML record without a name')
    return undefined
  }
  return value === undefined && finite === undefined ? undefined : { name, unit, value, sum: finite, seconds }
}

function hasOddValue(labels: Labels): boolean {
  return VALUE_LABELS.some((label) => labels.isOdd(label))
}

const BASES = ['bn', 'bt', 'bu', 'bv', 'bs'] as const

function applyBase(labels: Labels, base: Base, isFirst: boolean): void {
  base.name = labels.text('bn') ?? base.name
  base.seconds = labels.number('bt') ?? base.seconds
  base.unit = labels.unit('bu') ?? base.unit
  base.value = labels.number('bv') ?? base.value
  base.sum = labels.number('bs') ?? base.sum
  const version = labels.number('bver')
  if (version === undefined) {
    if (labels.isOdd('bver')) labels.refuse('bver', 'expected a number')
    return
  }
  if (version > VERSION_MAX) labels.refuse('bver', `SenML version ${version}, above ${VERSION_MAX}`)
  else if (!isFirst && version !== base.version) labels.refuse('bver', 'a pack with several SenML versions')
  base.version = version
}
