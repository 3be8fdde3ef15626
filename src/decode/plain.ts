import type { Verdict } from '../base/reading.ts'
import { HISTORICAL, joinClaims, settleClaim } from './claim.ts'
import type { DecodeDraft } from './draft.ts'
import { Fields, isGroupMember } from './fields.ts'
import { NESTING_MAX, READINGS_PER_MESSAGE_MAX } from './limits.ts'
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
  /** Number of enclosing objects; limits the parts of a dotted name. */
  readonly nesting: number
}

/**
 * Reads plain JSON or CBOR into the draft.
 *
 * - A scalar is a reading of the metric.
 * - An object with `value` or `v` is a measurement. It may also have `ts`, `t`, `time` or `timestamp`, `unit` or `u`,
 *   `quality` or `q`, `backfill` or `historical`. Other members are further readings, named `{metric}.{member}`.
 * - Any other object is a group: each member is a metric, named `outer.inner` in nested groups. `ts`, `time`,
 *   `timestamp`, `backfill` and `historical` apply to all readings of the group.
 * - An array contains several of these for the same metric.
 *
 * If the topic names no metric, the outermost object is a group whatever it contains.
 */
export function readPlain(tree: Tree, metric: string | undefined, draft: DecodeDraft): PayloadProblem | undefined {
  const scope: Scope = { ts: draft.receivedAt, timed: false, mark: undefined, timeClaim: undefined, nesting: 0 }
  if (metric !== undefined) return readEntry(tree, metric, scope, draft)
  if (isArray(tree)) return readItems(tree, draft, (item) => readUnnamed(item, scope, draft))
  return readUnnamed(tree, scope, draft)
}

function readUnnamed(tree: Tree, scope: Scope, draft: DecodeDraft): PayloadProblem | undefined {
  if (isObject(tree)) return readGroup(tree, '', scope, draft)
  return new PayloadProblem(`expected an object of metrics, found ${kindOf(tree)}: the topic names no metric`)
}

function readEntry(tree: Tree, metric: string, scope: Scope, draft: DecodeDraft): PayloadProblem | undefined {
  if (isObject(tree)) {
    const measured = tree.value !== undefined || tree.v !== undefined
    return measured ? readMeasurement(tree, metric, scope, draft) : readGroup(tree, metric, scope, draft)
  }
  if (isArray(tree)) {
    return readItems(tree, draft, (item) =>
      isArray(item) ? new PayloadProblem('an array inside an array') : readEntry(item, metric, scope, draft),
    )
  }
  const quantity = draft.rules.numbers === 'lenient' ? quantityOf(tree) : undefined
  const value = quantity?.value ?? scalarValue(tree, draft.rules.noValueTexts)
  if (value instanceof PayloadProblem) return value
  return draft.add({
    device: draft.device,
    metric,
    unit: quantity?.unit,
    value,
    ts: scope.ts,
    timed: scope.timed,
    claim: settleClaim(undefined, joinClaims(scope.mark, scope.timeClaim), value),
  })
}

function readItems(
  items: readonly Tree[],
  draft: DecodeDraft,
  read: (item: Tree) => PayloadProblem | undefined,
): PayloadProblem | undefined {
  if (draft.readings.length + items.length > READINGS_PER_MESSAGE_MAX) {
    return new PayloadProblem(`more than ${READINGS_PER_MESSAGE_MAX} readings in one message`)
  }
  for (const [index, item] of items.entries()) {
    const problem = read(item)
    if (problem !== undefined) return problem.under(index)
  }
  return undefined
}

function readGroup(group: TreeObject, prefix: string, scope: Scope, draft: DecodeDraft): PayloadProblem | undefined {
  const fields = new Fields(draft)
  for (const name in group) {
    const taken = isGroupMember(name) && fields.take(name, group[name]!)
    if (taken instanceof PayloadProblem) return taken.under(name)
  }
  const inner = innerScope(scope, fields)
  for (const name in group) {
    if (isGroupMember(name) && !fields.isOther(name)) continue
    const problem = readNamed(group, name, prefix, inner, draft)
    if (problem !== undefined) return problem
  }
  return undefined
}

function readNamed(
  owner: TreeObject,
  name: string,
  prefix: string,
  scope: Scope,
  draft: DecodeDraft,
): PayloadProblem | undefined {
  const metric = prefix === '' ? name : `${prefix}.${name}`
  const problem =
    scope.nesting > NESTING_MAX
      ? new PayloadProblem(`nested deeper than ${NESTING_MAX} names`)
      : readEntry(owner[name]!, metric, scope, draft)
  return problem?.under(name)
}

function readMeasurement(
  object: TreeObject,
  metric: string,
  scope: Scope,
  draft: DecodeDraft,
): PayloadProblem | undefined {
  const fields = new Fields(draft)
  const others: string[] = []
  for (const name in object) {
    const taken = fields.take(name, object[name]!)
    if (taken instanceof PayloadProblem) return taken.under(name)
    if (taken === false) others.push(name)
  }
  const own = innerScope(scope, fields)
  const value = fields.value ?? null
  const problem = draft.add({
    device: draft.device,
    metric,
    unit: fields.unit ?? fields.valueUnit,
    value,
    ts: own.ts,
    timed: own.timed,
    claim: settleClaim(fields.claim, joinClaims(own.mark, own.timeClaim), value),
  })
  if (problem !== undefined) return problem
  for (const name of others) {
    const below = readNamed(object, name, metric, own, draft)
    if (below !== undefined) return below
  }
  return undefined
}

/** The scope inside an object: its own members override those of the enclosing object. */
function innerScope(outer: Scope, { ts, timeClaim, historical }: Fields): Scope {
  return {
    ts: ts ?? outer.ts,
    timed: ts !== undefined || outer.timed,
    timeClaim: ts === undefined ? (timeClaim ?? outer.timeClaim) : timeClaim,
    mark: historical === undefined ? outer.mark : historical ? HISTORICAL : undefined,
    nesting: outer.nesting + 1,
  }
}
