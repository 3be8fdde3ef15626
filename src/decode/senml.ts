import type { Value } from '../base/reading.ts'
import { TIME_INVALID } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { PayloadProblem } from './problem.ts'
import { Labels, VALUE_LABELS } from './senml-labels.ts'
import { commonUrn, metricOf } from './senml-name.ts'
import { inRange, NotATime, secondsToMs } from './time.ts'
import { isArray, isObject, kindOf, type Tree, type TreeObject } from './tree.ts'

/** RFC 8428 §4.1: the version of the RFC itself, and the default. */
const VERSION_MAX = 10
/** RFC 8428 §4.5.3: smaller times are relative to now. */
const ABSOLUTE_SECONDS_MIN = 2 ** 28

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

/** Whether this is an array in which at least one record has a base name, or a name and a value. */
export function isSenml(tree: Tree): tree is readonly Tree[] {
  if (!isArray(tree)) return false
  return tree.some((record) => isObject(record) && (typeof record.bn === 'string' || isNamedRecord(record)))
}

function isNamedRecord(record: TreeObject): boolean {
  if (typeof record.n !== 'string') return false
  return record.s !== undefined || VALUE_LABELS.some((label) => record[label] !== undefined)
}

/**
 * Reads a SenML pack (RFC 8428, JSON or CBOR) into the draft: it applies base fields, and takes relative times from the
 * arrival of the message. A sum becomes a separate reading `{metric}.sum`; its unit is the unit times seconds (§4.2).
 * Unknown fields are ignored unless their label ends in `_` (§4.4). Names may contain characters that §4.5.1 does not
 * allow, as those of LwM2M do.
 */
export function readSenml(pack: Tree, metric: string | undefined, draft: DecodeDraft): PayloadProblem | undefined {
  const records = resolve(pack)
  if (records instanceof PayloadProblem) return records
  const urn = commonUrn(records.map((record) => record?.name))
  for (const [index, record] of records.entries()) {
    if (record === undefined) continue
    const problem = addRecord(record, metricOf(record, urn, metric, draft.device), draft)
    if (problem !== undefined) return problem.under(index)
  }
  return undefined
}

function addRecord(
  { unit, value, sum, seconds }: Resolved,
  metric: string,
  draft: DecodeDraft,
): PayloadProblem | undefined {
  const epochMs = seconds < ABSOLUTE_SECONDS_MIN ? draft.receivedAt + secondsToMs(seconds) : secondsToMs(seconds)
  const found = inRange(epochMs)
  const claim = found instanceof NotATime ? TIME_INVALID : undefined
  const ts = found instanceof NotATime ? draft.receivedAt : found
  const { device } = draft
  const timed = seconds !== 0 && claim === undefined
  const problem = value === undefined ? undefined : draft.add({ device, metric, unit, value, ts, timed, claim })
  if (problem !== undefined || sum === undefined) return problem
  const sumUnit = unit === undefined ? undefined : `${unit}.s`
  return draft.add({ device, metric: `${metric}.sum`, unit: sumUnit, value: sum, ts, timed, claim })
}

/** One entry per record, in order; undefined for a record with base fields only. */
function resolve(pack: Tree): (Resolved | undefined)[] | PayloadProblem {
  if (!isArray(pack)) return new PayloadProblem(`expected a SenML pack, an array, found ${kindOf(pack)}`)
  const base: Base = { name: '', seconds: 0, unit: undefined, value: undefined, sum: undefined, version: VERSION_MAX }
  const records: (Resolved | undefined)[] = []
  for (const [index, record] of pack.entries()) {
    if (!isObject(record)) return new PayloadProblem(`expected a SenML record, found ${kindOf(record)}`).under(index)
    const resolved = resolveRecord(new Labels(record), base, index)
    if (resolved instanceof PayloadProblem) return resolved.under(index)
    records.push(resolved)
  }
  return records
}

function resolveRecord(labels: Labels, base: Base, index: number): Resolved | undefined | PayloadProblem {
  applyBase(labels, base, index)
  const name = base.name + (labels.text('n') ?? '')
  const seconds = base.seconds + (labels.number('t') ?? 0)
  const unit = labels.unit('u') ?? base.unit
  const ownSum = labels.number('s')
  const ownValue = labels.value(base.value)
  labels.number('ut')
  if (labels.problem !== undefined) return labels.problem
  if (labels.baseOnly) return undefined
  const value = ownValue ?? (ownSum === undefined ? base.value : undefined)
  const sum = ownSum === undefined ? base.sum : ownSum + (base.sum ?? 0)
  if (value === undefined && sum === undefined) return new PayloadProblem('a SenML record without a value')
  if (name === '') return new PayloadProblem('a SenML record without a name')
  if (sum !== undefined && !Number.isFinite(sum)) return new PayloadProblem('a sum beyond the range of a double')
  return { name, unit, value, sum, seconds }
}

function applyBase(labels: Labels, base: Base, index: number): void {
  base.name = labels.text('bn') ?? base.name
  base.seconds = labels.number('bt') ?? base.seconds
  base.unit = labels.unit('bu') ?? base.unit
  base.value = labels.number('bv') ?? base.value
  base.sum = labels.number('bs') ?? base.sum
  const version = labels.number('bver')
  if (version === undefined) return
  if (version > VERSION_MAX) labels.refuse('bver', `SenML version ${version}, above ${VERSION_MAX}`)
  else if (index > 0 && version !== base.version) labels.refuse('bver', 'a pack with several SenML versions')
  base.version = version
}
