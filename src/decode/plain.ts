import type { Verdict } from '../base/reading.ts'
import { elementNames } from './array/element-names.ts'
import {
  isBatch,
  isContainer,
  mayHaveName,
  type RecordName,
  recordId,
  recordName,
  standaloneName,
} from './array/record-name.ts'
import { holdsSamples, isWide, sampledAt } from './array/sampling.ts'
import { joinClaims, settleClaim, worstClaim } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { Fields, isGroupMember, takesUnit, type ValueMember, valueMember } from './fields.ts'
import { CHANNELS_MAX, NESTING_MAX } from './limits.ts'
import {
  CONNECTOR,
  givenName,
  isMetric,
  type Meaning,
  type Naming,
  NO_MEANING,
  OUTERMOST,
  type Place,
} from './plain/naming.ts'
import { deeper, innerScope, type Scope, withQuality } from './plain/scope.ts'
import { PayloadProblem } from './problem.ts'
import { carriesReadings, claimForContents, variantBody } from './quality/members.ts'
import { quantityOf } from './quantity.ts'
import { scalarValue } from './scalar.ts'
import { isArray, isObject, kindOf, type Tree, type TreeObject } from './tree.ts'

/**
 * Reads plain JSON or CBOR into the draft.
 *
 * - A scalar is a reading of the metric.
 * - An object with a value is a measurement, with time, unit, quality and backfill mark (Fields). Other members are
 *   further readings, named `{metric}.{member}`.
 * - Any other object is a group: each member is a metric, named `outer.inner` in nested groups. Its time and backfill
 *   mark apply to all readings of the group.
 * - An element of an array that names itself next to a value is a record: a measurement of that name. Other elements are
 *   several times of the same metric, or several things (`elementNames`), or, in a small array inside an object, channels
 *   `{metric}.{number}`.
 *
 * If the topic names no metric, the outermost object is a record or a group; its `value` is the metric `value`.
 * A field that is not understood is noted in the draft, and does not affect the others.
 */
export function readPlain(tree: Tree, metric: string | undefined, draft: DecodeDraft): void {
  const { receivedAt: ts } = draft
  const root = {
    ts,
    timed: false,
    mark: undefined,
    quality: undefined,
    timeClaim: undefined,
    sampled: false,
    nesting: 0,
  }
  const scope: Scope = { ...root, object: undefined, outer: undefined }
  if (isArray(tree)) readRootArray(tree, metric, scope, draft)
  else if (metric !== undefined) readEntry(tree, metric, scope, draft)
  else readUnnamed(tree, scope, draft)
}

/** The elements are several times of the metric or group, or several things, or records. */
function readRootArray(items: readonly Tree[], metric: string | undefined, scope: Scope, draft: DecodeDraft): void {
  if (!draft.hasRoom(items.length)) return
  const sampled = draft.rules.sampleHz === undefined ? undefined : sampledAt(scope, items, draft.rules)
  // A topic that names the metric names that of all values.
  const isNamed = metric !== undefined && isObject(items[0]) && valueMember(items[0]) !== undefined
  const names = sampled !== undefined || isNamed ? undefined : elementNames(items, true)
  const place: Place = { prefix: metric ?? '', short: metric, name: undefined, meaning: NO_MEANING }
  readItems(items, draft, (item, index) => {
    const around = sampled?.(index) ?? scope
    if (isObject(item)) readElement(item, names === undefined ? place : { ...place, name: names[index] }, around, draft)
    else if (metric === undefined) readUnnamed(item, around, draft)
    else readEntry(item, metric, around, draft)
  })
}

function readElement(
  item: TreeObject,
  { prefix, short, name, meaning }: Place,
  scope: Scope,
  draft: DecodeDraft,
): void {
  const value = valueMember(item)
  const metric = name === undefined ? prefix : prefix === '' ? name.metric : `${prefix}.${name.metric}`
  if (name !== undefined) draft.mayCollide = true
  if (value === undefined)
    return metric === '' ? readUnnamed(item, scope, draft) : readGroup(item, metric, scope, draft)
  const named = mayHaveName(item) ? (recordName(item) ?? givenName(name) ?? recordId(item)) : givenName(name)
  if (named !== undefined) readRecord(item, { ...named, value, meaning }, short ?? '', scope, draft)
  else if (metric === '') readUnnamed(item, scope, draft)
  else readMeasurement(item, { metric, prefix: metric, value }, scope, draft, meaning)
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
    const body = value === undefined ? variantBody(tree) : undefined
    if (value !== undefined) readMeasurement(tree, { metric, prefix: metric, value }, scope, draft)
    else if (body !== undefined && !isObject(body)) readEntry(body, metric, scope, draft)
    else readGroup(tree, metric, scope, draft)
  } else if (isArray(tree)) readArray(tree, metric, scope, draft)
  else addScalar(tree, metric, scope, draft, NO_MEANING)
}

/** The worst of the quality of a value and of that around it. */
function qualityIn({ quality }: Scope, claim: Verdict | undefined): Verdict | undefined {
  return claim === undefined || quality === undefined ? (claim ?? quality) : worstClaim(claim, quality)
}

function addScalar(tree: Tree, metric: string, scope: Scope, draft: DecodeDraft, { unit, claim }: Meaning): void {
  const quantity = draft.rules.numbers === 'lenient' ? quantityOf(tree) : undefined
  const value = quantity === undefined ? scalarValue(tree, draft.rules.noValueTexts) : quantity.value
  if (value instanceof PayloadProblem) return draft.reject(value.why)
  draft.add({
    device: draft.device,
    metric,
    unit: unit ?? quantity?.unit,
    value,
    ts: scope.ts,
    timed: scope.timed,
    claim: settleClaim(
      scope.quality === undefined ? claim : qualityIn(scope, claim),
      joinClaims(scope.mark, scope.timeClaim),
      value,
    ),
  })
}

function readItems(items: readonly Tree[], draft: DecodeDraft, read: (item: Tree, index: number) => void): void {
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
  if (!draft.hasRoom(items.length)) return
  const container = draft.steps.findLast((step) => typeof step === 'string') ?? ''
  const isRow = typeof draft.steps.at(-1) === 'number'
  const isLong = items.length > CHANNELS_MAX && !(isRow && scope.sampled)
  const sampled = isRow && !isLong ? undefined : sampledAt(scope, items, draft.rules)
  const areSamples = sampled !== undefined || isLong || (!isRow && holdsSamples(container))
  const areChannels = isWide(items)
  const names = sampled === undefined ? elementNames(items, areSamples || isBatch(container)) : undefined
  const short = isContainer(container) ? metric.slice(0, -container.length - 1) : metric
  const place: Place = { prefix: metric, short, name: undefined, meaning }
  const numbered = (index: number): string => (areSamples ? metric : `${metric}.${index}`)
  readItems(items, draft, (item, index) => {
    const around = sampled?.(index) ?? scope
    if (isObject(item)) readElement(item, names === undefined ? place : { ...place, name: names[index] }, around, draft)
    else if (isArray(item)) readArray(item, areChannels ? `${metric}.${index}` : metric, deeper(around), draft, meaning)
    else addScalar(item, numbered(index), around, draft, meaning)
  })
}

/** A measurement that names its metric itself. */
function readRecord(
  object: TreeObject,
  { member, metric: name, value, meaning }: RecordName & { readonly value: ValueMember; readonly meaning?: Meaning },
  prefix: string,
  scope: Scope,
  draft: DecodeDraft,
): void {
  draft.mayCollide = true
  const metric = prefix === '' || prefix === name ? name : `${prefix}.${name}`
  readMeasurement(object, { metric, prefix: metric, value, named: member }, scope, draft, meaning)
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
  if (name.includes('.') || name === '') draft.mayCollide = true
  const tree = owner[name]!
  draft.steps.push(name)
  if (scope.nesting > NESTING_MAX) draft.reject(TOO_DEEP)
  else if (typeof tree === 'object' && tree !== null && carriesReadings(name)) {
    readEntry(tree, metric, withQuality(scope, claimForContents(owner, name)), draft)
  } else readEntry(tree, metric, scope, draft)
  draft.steps.pop()
}

function readMeasurement(
  object: TreeObject,
  naming: Naming,
  scope: Scope,
  draft: DecodeDraft,
  outer: Meaning = NO_MEANING,
): void {
  const { prefix, value: member, named } = naming
  if (scope.nesting > NESTING_MAX) return draft.reject(TOO_DEEP)
  const fields = new Fields(draft, scope.timed)
  let others: string[] | undefined
  for (const name in object) {
    if (name === member || name === named) continue
    if (isMetric(name, object, naming) || !fields.take(name, object[name]!)) {
      others ??= []
      others.push(name)
    }
  }
  if (others !== undefined) for (const name of others) fields.takeOther(name, object[name]!)
  fields.unit ??= outer.unit
  const own = innerScope(scope, fields, object)
  const value = object[member]!
  const body = isObject(value) ? variantBody(value) : undefined
  draft.steps.push(member)
  readValue(body === undefined ? value : body, naming, own, draft, fields)
  draft.steps.pop()
  if (others === undefined && fields.others === undefined) return
  for (const names of [others, fields.others]) {
    for (const name of names ?? []) {
      if (draft.refusal !== undefined) return
      readNamed(object, name, prefix, own, draft)
    }
  }
}

function readValue(value: Tree, naming: Naming, own: Scope, draft: DecodeDraft, fields: Fields): void {
  const { metric } = naming
  if (isObject(value)) {
    const inside = withQuality(own, fields.claim)
    if (valueMember(value) === undefined) readGroup(value, metric, inside, draft)
    else readInner(value, naming, inside, draft, fields)
  } else if (!isArray(value)) addScalar(value, metric, own, draft, fields)
  else if (value.length === 0) addScalar(null, metric, own, draft, fields)
  else {
    if (fields.unit !== undefined && !value.some(takesUnit)) fields.keepUnit()
    const meaning = { unit: fields.unit, claim: undefined }
    readArray(value, metric, withQuality(own, fields.claim), draft, meaning)
  }
}

/** A measurement that is the value of another one: their other members could have equal names. */
function readInner(value: TreeObject, naming: Naming, scope: Scope, draft: DecodeDraft, outer: Fields): void {
  draft.mayCollide = true
  if (outer.unit !== undefined && !takesUnit(value)) outer.keepUnit()
  readMeasurement(value, { ...naming, value: valueMember(value)!, named: undefined }, scope, draft, outer)
}
