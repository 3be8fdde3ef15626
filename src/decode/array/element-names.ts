import { valueMember } from '../fields.ts'
import { isTimeName, TIME_NAMES } from '../time/names.ts'
import { isArray, isObject, type Tree, type TreeObject } from '../tree.ts'
import { IDS, isInteger, nameIn, type RecordName, recordId, recordName, TEXT_NAMES } from './record-name.ts'

/** The name of an element of an array. `member` gave it; undefined: it is only the number of the element. */
export type ElementName = Pick<RecordName, 'metric'> & { readonly member: string | undefined }

/** Members that name groups by a number. A number in `id` does not: mostly it is that of the device, or of the message. */
const GROUP_NUMBERS = ['DataSetWriterId', 'address', 'register', 'port', 'channel', 'Channel'] as const
/** Members of which a number may name an element. */
const NUMBERS: ReadonlySet<string> = new Set([...GROUP_NUMBERS, ...IDS])
/** Texts in members like these name an element if they are different in all elements. */
const NAME_LIKE = /(?:name|label|title|tag|key|type|signal|sensor|channel|point|desc|description)$/i
/** Texts with these names describe a value, and do not name it. */
const MEANINGS = /^(?:u|unit|units|q|quality|status|state|qc|statuscode|version|serial|date)$/i
/** Members of an element beyond this number are not tried as its name. */
const MEMBERS_TRIED_MAX = 16

/**
 * The names of the elements of an array, by their numbers in it, if they are different things; undefined: they are the
 * same thing at several times, or each names its own value (`recordName`). Elements are several times of the same thing
 * if they have times of their own that differ, or none in an array of which this is known.
 * @param isBatch whether elements without times are several times of the same thing
 */
export function elementNames(
  items: readonly Tree[],
  isBatch: boolean,
): readonly (ElementName | undefined)[] | undefined {
  const [first] = items
  if (first === undefined || !isObject(first)) return undefined
  const hasValue = valueMember(first) !== undefined
  if (!mayBeNamed(first) && haveOrderedTimes(items, first)) return undefined
  if (hasValue && recordName(first) !== undefined) return namesOfOthers(items)
  const elements = items.filter((item) => isObject(item))
  const names = new Elements(elements, hasValue, isBatch).names()
  if (names === undefined || elements.length === items.length) return names
  let at = 0
  return items.map((item) => (isObject(item) ? names[at++] : undefined))
}

/**
 * The names of the elements without a value in an array of records, such as those that have an error instead; undefined:
 * all elements have a value.
 */
function namesOfOthers(items: readonly Tree[]): readonly (ElementName | undefined)[] | undefined {
  const isOther = (item: Tree): boolean => isObject(item) && valueMember(item) === undefined
  if (!items.some(isOther)) return undefined
  const others = items.filter((item) => isObject(item)).filter(isOther)
  const names = new Elements(others, false, false).names()
  let at = 0
  return names && items.map((item) => (isOther(item) ? names[at++] : undefined))
}

/** Whether an element has anything that could name it. */
function mayBeNamed(object: TreeObject): boolean {
  for (const name in object) {
    const tree = object[name]
    if (typeof tree === 'string') {
      if (!isTime(name) && !MEANINGS.test(name)) return true
    } else if (isObject(tree) ? name === 'tags' : NUMBERS.has(name)) return true
  }
  return false
}

function isTime(name: string): boolean {
  return name === 'ts' || name === 't' || (TIME_NAMES as readonly string[]).includes(name) || isTimeName(name)
}

/** Whether all elements have a time in the same member, each later or each earlier than the one before. */
function haveOrderedTimes(items: readonly Tree[], first: TreeObject): boolean {
  const member = TIME_NAMES.find((name) => first[name] !== undefined && first[name] !== null)
  if (member === undefined) return false
  let before = first[member]!
  let direction = 0
  for (let i = 1; i < items.length; i++) {
    const item = items[i]!
    const time = isObject(item) ? item[member] : undefined
    if (time === undefined || typeof time !== typeof before || (typeof time !== 'number' && typeof time !== 'string')) {
      return false
    }
    const order = time > before ? 1 : time < before ? -1 : 0
    if (order === 0 || (direction !== 0 && order !== direction)) return false
    direction = order
    before = time
  }
  return true
}

/** The elements of one array, while their names are found. */
class Elements {
  readonly #elements: readonly TreeObject[]
  readonly #hasValue: boolean
  readonly #isBatch: boolean
  readonly #times: readonly string[]

  constructor(elements: readonly TreeObject[], hasValue: boolean, isBatch: boolean) {
    this.#elements = elements
    this.#hasValue = hasValue
    this.#isBatch = isBatch
    this.#times = elements.map((element) => timeKey(element, hasValue))
  }

  names(): readonly ElementName[] | undefined {
    const tagged = this.#tagged()
    if (tagged !== undefined) return tagged
    const areSame = this.#areTimes()
    if (this.#hasValue) {
      const ids = this.#elements.every((element) => recordId(element) !== undefined)
      const named = this.#first(ids ? this.#texts(NAME_LIKE) : ['type'], areSame) ?? this.#inBatch(areSame && !ids)
      if (named !== undefined) return named
      if (ids) return undefined
    } else {
      const named = this.#first([...TEXT_NAMES, 'type', ...GROUP_NUMBERS], areSame) ?? this.#inBatch(areSame)
      if (named !== undefined) return named
    }
    if (areSame) return undefined
    const texts = this.#elements.length > 1 ? [...this.#texts(NAME_LIKE), ...this.#texts(/./)] : []
    return this.#first(texts, false) ?? this.#numbered()
  }

  /** Elements without times that are several times of the same thing only if none of their texts is like a name. */
  #inBatch(areSame: boolean): readonly ElementName[] | undefined {
    const isTimed = this.#times.some((time) => time !== '')
    return areSame && !isTimed ? this.#first(this.#texts(NAME_LIKE), areSame) : undefined
  }

  /** Telegraf and InfluxDB: the name of the measurement and its tags name the fields. */
  #tagged(): readonly ElementName[] | undefined {
    const names: ElementName[] = []
    for (const { fields, tags, name } of this.#elements) {
      if (!isObject(fields) || !isObject(tags)) return undefined
      const texts = Object.keys(tags)
        .sort()
        .filter((tag) => tag !== 'host')
        .slice(0, MEMBERS_TRIED_MAX)
      const parts = [nameIn(name), ...texts.map((tag) => nameIn(tags[tag]))].filter((part) => part !== undefined)
      if (parts.length === 0) return undefined
      names.push({ metric: parts.join('.'), member: undefined })
    }
    return this.#areDistinct(names.map(({ metric }) => metric)) ? names : this.#numbered()
  }

  /** Whether the elements are several times of the same thing, if no member names them. */
  #areTimes(): boolean {
    const counts = new Map<string, number>()
    for (const time of this.#times) counts.set(time, (counts.get(time) ?? 0) + 1)
    if (counts.size === 1) {
      const isTimed = !counts.has('')
      return this.#times.length === 1 ? isTimed || this.#isBatch : !isTimed && this.#isBatch
    }
    // Several things at several times have the same number of elements at each; coarse times mostly do not.
    const [some] = counts.values()
    return some === 1 || [...counts.values()].some((count) => count !== some)
  }

  #first(members: readonly string[], areSame: boolean): readonly ElementName[] | undefined {
    for (const member of members) {
      const texts: string[] = []
      for (const element of this.#elements) {
        const given = element[member]
        const isNumber = isInteger(given) && (GROUP_NUMBERS as readonly string[]).includes(member)
        const text = isNumber ? String(given) : nameIn(given)
        if (text === undefined) break
        texts.push(text)
      }
      if (texts.length < this.#elements.length || !this.#areDistinct(texts)) continue
      if (areSame && this.#isBatch && texts.every((text) => text === texts[0])) continue
      return texts.map((metric) => ({ metric, member }))
    }
    return undefined
  }

  /** Whether no two elements with the same time have the same text. */
  #areDistinct(texts: readonly string[]): boolean {
    return new Set(texts.map((text, i) => JSON.stringify([this.#times[i], text]))).size === texts.length
  }

  /** The members of the first element with a text that may be its name. */
  #texts(pattern: RegExp): string[] {
    const found: string[] = []
    const first = this.#elements[0]!
    for (const name in first) {
      if (found.length === MEMBERS_TRIED_MAX) break
      if (!pattern.test(name) || isTime(name) || MEANINGS.test(name)) continue
      if (typeof first[name] === 'string' && name !== valueMember(first)) found.push(name)
    }
    return found
  }

  /** Elements with the same time are numbered. */
  #numbered(): readonly ElementName[] {
    const counts = new Map<string, number>()
    return this.#times.map((time) => {
      const count = counts.get(time) ?? 0
      counts.set(time, count + 1)
      return { metric: String(count), member: undefined }
    })
  }
}

/** The own time of an element as a text; '': it has none. `t` is a metric in groups. */
function timeKey(element: TreeObject, hasValue: boolean): string {
  for (const name of TIME_NAMES) {
    const time = name === 't' && !hasValue ? undefined : element[name]
    if (time === undefined || time === null) continue
    return isObject(time) || isArray(time) ? JSON.stringify(time, bigintText) : String(time)
  }
  return ''
}

function bigintText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
