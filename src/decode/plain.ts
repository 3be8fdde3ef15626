import type { Verdict } from '../base/reading.ts'
import { isBatch, isContainer, type RecordName, recordName, standaloneName } from './array/record-name.ts'
import { holdsSamples, sampleIntervalMs } from './array/sampling.ts'
import { HISTORICAL, joinClaims, settleClaim } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { Fields, hasTime, isGroupMember, type ValueMember, valueMember } from './fields.ts'
import { CHANNELS_MAX, NESTING_MAX } from './limits.ts'
import { PayloadProblem } from './problem.ts'
import { quantityOf } from './quantity.ts'
import { scalarValue } from './scalar.ts'
import { isArray, isObject, kindOf, type Tree, type TreeObject } from './tree.ts'

/** What an object passes to the readings inside it. */
interface Scope {
  /** UTC milliseconds. */
  readonly ts: number
  readonly timed: boolean
  /** HISTORICAL inside an object with a backfill mark. */
  readonly mark: Verdict | undefined
  /** What is wrong with the time. */
  readonly timeClaim: Verdict | undefined
  /** Number of enclosing objects and arrays; limits the parts of a dotted name. */
  readonly nesting: number
  /** The innermost object, and the scope around it; undefined at the root. */
  readonly object: TreeObject | undefined
  readonly outer: Scope | undefined
}

/** What a measurement says about its value. */
type Meaning = Pick<Fields, 'unit' | 'claim'>

const NO_MEANING: Meaning = Object.freeze({ unit: undefined, claim: undefined })

/**
 * Reads plain JSON or CBOR into the draft.
 *
 * - A scalar is a reading of the metric.
 * - An object with a value is a measurement, with time, unit, quality and backfill mark (Fields). Other members are
 *   further readings, named `{metric}.{member}`.
 * - Any other object is a group: each member is a metric, named `outer.inner` in nested groups. Its time and backfill
 *   mark apply to all readings of the group.
 * - An element of an array that names itself next to a value is a record: a measurement of that name. Other elements are
 *   several of the above for the same metric, or, in a small array inside an object, channels `{metric}.{number}`.
 *
 * If the topic names no metric, the outermost object is a record or a group; its `value` is the metric `value`.
 * A field that is not understood is noted in the draft, and costs no other.
 */
export function readPlain(tree: Tree, metric: string | undefined, draft: DecodeDraft): void {
  const { receivedAt: ts } = draft
  const root = { ts, timed: false, mark: undefined, timeClaim: undefined, nesting: 0, object: undefined }
  const scope: Scope = { ...root, outer: undefined }
  if (isArray(tree)) {
    const sampled = draft.rules.sampleHz === undefined ? undefined : sampledAt(scope, tree.length, draft)
    readItems(tree, draft, (item, index) => {
      readRootItem(item, metric, isObject(item) ? scope : (sampled?.(index) ?? scope), draft)
    })
  } else if (metric !== undefined) readEntry(tree, metric, scope, draft)
  else readUnnamed(tree, scope, draft)
}

/** An element of the outermost array: several times of the metric or group, or records. */
function readRootItem(item: Tree, metric: string | undefined, scope: Scope, draft: DecodeDraft): void {
  if (!isObject(item))
    return metric === undefined ? readUnnamed(item, scope, draft) : readEntry(item, metric, scope, draft)
  const member = valueMember(item)
  const named = member === undefined ? undefined : recordName(item)
  if (named !== undefined) readRecord(item, { ...named, value: member! }, metric ?? '', scope, draft)
  else if (metric === undefined) readUnnamed(item, scope, draft)
  else if (member === undefined) readGroup(item, metric, scope, draft)
  else readMeasurement(item, { metric, prefix: metric, value: member }, scope, draft)
}

function readUnnamed(tree: Tree, scope: Scope, draft: DecodeDraft): void {
  if (!isObject(tree)) {
    return draft.reject(`expected an object of metrics, found ${kindOf(tree)}: the topic names no metric`)
  }
  const value = valueMember(tree)
  const named = value === undefined ? undefined : standaloneName(tree)
  if (named !== undefined) return readRecord(tree, { ...named, value: value! }, '', scope, draft)
  // Only full names: `v` and `val` may name a metric here. `val` with the `qc` of Siemens' connectors does not.
  if (value === 'value' || value === 'Value') return readMeasurement(tree, { ...OUTERMOST, value }, scope, draft)
  if (tree.val !== undefined && tree.qc !== undefined) return readMeasurement(tree, CONNECTOR, scope, draft)
  readGroup(tree, '', scope, draft)
}

function readEntry(tree: Tree, metric: string, scope: Scope, draft: DecodeDraft): void {
  if (isObject(tree)) {
    const value = valueMember(tree)
    if (value !== undefined) readMeasurement(tree, { metric, prefix: metric, value }, scope, draft)
    else readGroup(tree, metric, scope, draft)
  } else if (isArray(tree)) readArray(tree, metric, scope, draft)
  else addScalar(tree, metric, scope, draft, NO_MEANING)
}

function addScalar(tree: Tree, metric: string, scope: Scope, draft: DecodeDraft, { unit, claim }: Meaning): void {
  const quantity = draft.rules.numbers === 'lenient' ? quantityOf(tree) : undefined
  const value = quantity?.value ?? scalarValue(tree, draft.rules.noValueTexts)
  if (value instanceof PayloadProblem) return draft.reject(value.why)
  draft.add({
    device: draft.device,
    metric,
    unit: unit ?? quantity?.unit,
    value,
    ts: scope.ts,
    timed: scope.timed,
    claim: settleClaim(claim, joinClaims(scope.mark, scope.timeClaim), value),
  })
}

function readItems(items: readonly Tree[], draft: DecodeDraft, read: (item: Tree, index: number) => void): void {
  if (!draft.hasRoom(items.length)) return
  const { steps } = draft
  for (let index = 0; index < items.length; index++) {
    steps.push(index)
    read(items[index]!, index)
    steps.pop()
    if (draft.refusal !== undefined) return
  }
}

/** An array inside an object, or inside another array. */
function readArray(
  items: readonly Tree[],
  metric: string,
  scope: Scope,
  draft: DecodeDraft,
  meaning: Meaning = NO_MEANING,
): void {
  if (scope.nesting > NESTING_MAX) return draft.reject(TOO_DEEP)
  const container = draft.steps.findLast((step) => typeof step === 'string') ?? ''
  const isRow = typeof draft.steps.at(-1) === 'number'
  const areSamples = items.length > CHANNELS_MAX || (!isRow && holdsSamples(container))
  const sampled = areSamples ? sampledAt(scope, items.length, draft) : undefined
  const numbered = (index: number): string => (areSamples ? metric : `${metric}.${index}`)
  readItems(items, draft, (item, index) => {
    if (isArray(item)) return readArray(item, metric, deeper(scope), draft)
    if (!isObject(item)) return addScalar(item, numbered(index), sampled?.(index) ?? scope, draft, meaning)
    const value = valueMember(item)
    if (value === undefined) {
      const isTime = areSamples || isBatch(container) || hasTime(item)
      return readGroup(item, isTime ? metric : numbered(index), scope, draft)
    }
    const named = recordName(item)
    if (named === undefined) return readMeasurement(item, { metric, prefix: metric, value }, scope, draft)
    readRecord(
      item,
      { ...named, value },
      isContainer(container) ? metric.slice(0, -container.length - 1) : metric,
      scope,
      draft,
    )
  })
}

function deeper(scope: Scope): Scope {
  return { ...scope, nesting: scope.nesting + 1 }
}

/**
 * The scope of each sample of an array, if an object around it or the route gives their rate: a time of the device is that of the
 * first sample, and the time of arrival is that of the last one.
 */
function sampledAt(scope: Scope, count: number, { rules }: DecodeDraft): ((index: number) => Scope) | undefined {
  let intervalMs: number | undefined
  for (let around: Scope | undefined = scope; around !== undefined && intervalMs === undefined; around = around.outer) {
    if (around.object !== undefined) intervalMs = sampleIntervalMs(around.object)
  }
  if (intervalMs === undefined && rules.sampleHz !== undefined) intervalMs = 1_000 / rules.sampleHz
  if (intervalMs === undefined) return undefined
  const everyMs = intervalMs
  const firstMs = scope.timed ? scope.ts : scope.ts - (count - 1) * everyMs
  return (index) => ({ ...scope, ts: Math.floor(firstMs + index * everyMs) })
}

/** A measurement that names its metric itself. */
function readRecord(
  object: TreeObject,
  { member, metric: name, value }: RecordName & { readonly value: ValueMember },
  prefix: string,
  scope: Scope,
  draft: DecodeDraft,
): void {
  draft.mayCollide = true
  const metric = prefix === '' || prefix === name ? name : `${prefix}.${name}`
  readMeasurement(object, { metric, prefix: metric, value, named: member }, scope, draft)
}

function readGroup(group: TreeObject, prefix: string, scope: Scope, draft: DecodeDraft): void {
  const fields = new Fields(draft, scope.timed)
  for (const name in group) if (isGroupMember(name)) fields.take(name, group[name]!)
  const inner = innerScope(scope, fields, group)
  for (const name in group) {
    if (isGroupMember(name) && !fields.isOther(name)) continue
    readNamed(group, name, prefix, inner, draft)
    if (draft.refusal !== undefined) return
  }
}

const TOO_DEEP = `nested deeper than ${NESTING_MAX} names`

function readNamed(owner: TreeObject, name: string, prefix: string, scope: Scope, draft: DecodeDraft): void {
  const metric = prefix === '' ? name : `${prefix}.${name}`
  if (name.includes('.')) draft.mayCollide = true
  draft.steps.push(name)
  if (scope.nesting > NESTING_MAX) draft.reject(TOO_DEEP)
  else readEntry(owner[name]!, metric, scope, draft)
  draft.steps.pop()
}

/** The names that a measurement has: its own, and what the names of its other members begin with. */
interface Naming {
  readonly metric: string
  readonly prefix: string
  /** The member that holds the value. */
  readonly value: ValueMember
  /** The member that gave the name. */
  readonly named?: string | undefined
}

const OUTERMOST = { metric: 'value', prefix: '' }
const CONNECTOR: Naming = { metric: 'val', prefix: '', value: 'val' }
const SHORT: ReadonlySet<string> = new Set(['t', 'u', 'q'])

function readMeasurement(
  object: TreeObject,
  naming: Naming,
  scope: Scope,
  draft: DecodeDraft,
  outer: Meaning = NO_MEANING,
): void {
  const { metric, prefix, value: member, named } = naming
  if (scope.nesting > NESTING_MAX) return draft.reject(TOO_DEEP)
  const fields = new Fields(draft, scope.timed)
  let others: string[] | undefined
  for (const name in object) {
    if (name === member || name === named) continue
    if ((prefix === '' && SHORT.has(name)) || !fields.take(name, object[name]!)) {
      others ??= []
      others.push(name)
    }
  }
  if (others?.includes('status')) fields.takeStatus(object.status)
  fields.claim = joinClaims(fields.claim, outer.claim)
  fields.unit ??= outer.unit
  const own = innerScope(scope, fields, object)
  const value = object[member]!
  draft.steps.push(member)
  if (isObject(value)) readInner(value, naming, own, draft, fields)
  else if (isArray(value)) readArray(value, metric, own, draft, fields)
  else addScalar(value, metric, own, draft, fields)
  draft.steps.pop()
  if (others === undefined && fields.others === undefined) return
  for (const names of [others, fields.others]) {
    for (const name of names ?? []) {
      if (draft.refusal !== undefined) return
      readNamed(object, name, prefix, own, draft)
    }
  }
}

/** A measurement that is the value of another one: their other members could have equal names. */
function readInner(value: TreeObject, naming: Naming, scope: Scope, draft: DecodeDraft, outer: Meaning): void {
  draft.mayCollide = true
  readMeasurement(value, { ...naming, value: valueMember(value)!, named: undefined }, scope, draft, outer)
}

/** The scope inside an object: its own members override those of the enclosing object. */
function innerScope(outer: Scope, { ts, timeClaim, historical }: Fields, object: TreeObject): Scope {
  return {
    ts: ts ?? outer.ts,
    timed: ts !== undefined || outer.timed,
    timeClaim: ts === undefined ? (timeClaim ?? outer.timeClaim) : timeClaim,
    mark: historical === undefined ? outer.mark : historical ? HISTORICAL : undefined,
    nesting: outer.nesting + 1,
    object,
    outer,
  }
}
