import { OperatorError } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'
import { readingJson, timeText } from '../base/reading-text.ts'
import { printableJson } from '../base/text/one-line.ts'
import type {
  Bucket,
  BucketQuery,
  History,
  RangeQuery,
  ReadingKey,
  SeriesPlace,
  StoredSeries,
} from '../store/history/history.ts'
import { bucketJson, deviceJson } from '../store/history/json.ts'
import type { Question } from './protocol.ts'

/** Characters of JSON in one answer; an answer that reaches this is truncated. */
export const ANSWER_CHARS_MAX = 8_388_608
/** An answer over many readings is truncated after this time (ms). */
const ANSWER_MS_MAX = 2_000
/** Devices, or series with their latest reading, in one answer if the question does not say. */
const LISTED_DEFAULT = 1_000
/** Of these, how many are in memory at once; fewer latest readings, because their values can be long texts. */
const DEVICES_AT_ONCE = 1_000
const READINGS_AT_ONCE = 250
/** Readings that are read between two checks of the time. */
const PAGE_READINGS = 1_000
const PAGE_READINGS_MAX = 100_000

type HistoryQuestion = Extract<Question, { kind: 'history' }>

/** The requested series, or the place to continue at, does not exist. */
export class Unknown extends OperatorError {}

/**
 * Answers a question as JSON in UTF-8. A truncated answer has `"truncated": true` and `next`, with which the same question
 * continues.
 * @throws Unknown, or OperatorError for a damaged block.
 */
export function answer(history: History, question: Question): Uint8Array<ArrayBuffer> {
  switch (question.kind) {
    case 'devices':
      return devicesAnswer(history, question)
    case 'latest':
      return latestAnswer(history, question)
    case 'history':
      return historyAnswer(history, question)
  }
}

/** Characters that become UTF-8 at once: texts that are put together take many times their length until then. */
const ENCODED_CHARS = 65_536

/** The list in a JSON answer, up to ANSWER_CHARS_MAX. */
class List {
  /** UTF-8 of the items, without those that are still texts. */
  readonly #encoded: Uint8Array[] = []
  #texts: string[] = []
  #textChars = 0
  #chars = 0
  #length = 0

  add(json: string): void {
    this.#texts.push(json)
    this.#textChars += json.length + 1
    this.#chars += json.length + 1
    this.#length++
    if (this.#textChars >= ENCODED_CHARS) this.#encode()
  }

  get length(): number {
    return this.#length
  }

  get isFull(): boolean {
    return this.#chars >= ANSWER_CHARS_MAX
  }

  #encode(): void {
    if (this.#texts.length === 0) return
    const comma = this.#encoded.length === 0 ? '' : ','
    this.#encoded.push(utf8(comma + this.#texts.join(',')))
    this.#texts = []
    this.#textChars = 0
  }

  /** The whole answer. @param next undefined: it is not truncated. */
  json(name: string, next: string | undefined, head: object = {}): Uint8Array<ArrayBuffer> {
    this.#encode()
    const members = printableJson({ ...head, truncated: next !== undefined, ...(next !== undefined && { next }) })
    return joined([utf8(`${members.slice(0, -1)},"${name}":[`), ...this.#encoded, utf8(']}')])
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** In a buffer of its own, which can be transferred to another thread. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function devicesAnswer(history: History, question: Extract<Question, { kind: 'devices' }>): Uint8Array<ArrayBuffer> {
  const list = new List()
  const { limit = LISTED_DEFAULT, includeBad = false } = question
  let { next } = question
  if (next !== undefined && !history.hasDevice(next)) throw nothingAt(next)
  while (list.length < limit) {
    const page = history.devicePage({ after: next, limit: Math.min(DEVICES_AT_ONCE, limit - list.length), includeBad })
    for (const device of page.devices) {
      // The next answer begins with the device that does not fit.
      if (list.isFull) return list.json('devices', next)
      list.add(deviceJson(device))
      next = device.device
    }
    if (page.next === undefined) return list.json('devices', undefined)
  }
  return list.json('devices', next)
}

function latestAnswer(history: History, question: Extract<Question, { kind: 'latest' }>): Uint8Array<ArrayBuffer> {
  const list = new List()
  const { device, metric, limit = LISTED_DEFAULT } = question
  let after = question.next === undefined ? undefined : placeOf(history, question.next)
  while (list.length < limit) {
    const page = history.latestPage(
      { device, metric },
      { after, limit: Math.min(READINGS_AT_ONCE, limit - list.length) },
    )
    for (const reading of page.readings) {
      if (list.isFull) return list.json('latest', placeText(after!))
      list.add(readingJson(reading))
      after = { device: reading.device, metric: reading.metric, unit: reading.unit ?? '' }
    }
    if (page.next === undefined) return list.json('latest', undefined)
    after = page.next
  }
  return list.json('latest', after && placeText(after))
}

function placeText({ device, metric, unit }: SeriesPlace): string {
  return JSON.stringify([device, metric, unit])
}

/** @throws Unknown */
function placeOf(history: History, next: string): SeriesPlace {
  let parsed: unknown
  try {
    parsed = JSON.parse(next)
  } catch {
    throw nothingAt(next)
  }
  if (!Array.isArray(parsed) || parsed.length !== 3 || !parsed.every((one) => typeof one === 'string'))
    throw nothingAt(next)
  const [device, metric, unit] = parsed as [string, string, string]
  if (!history.hasSeries({ device, metric, unit })) throw nothingAt(next)
  return { device, metric, unit }
}

function historyAnswer(history: History, question: HistoryQuestion): Uint8Array<ArrayBuffer> {
  const { device, metric, unit, from, to, everyMs, includeBad = false, next } = question
  const series = seriesOf(history, question)
  const head = { device, metric, ...(unit !== undefined && { unit }), from: timeText(from), to: timeText(to) }
  const list = new List()
  if (everyMs === undefined) {
    const query = { series, from, to, after: next === undefined ? undefined : keyOf(next) }
    return list.json('readings', addReadings(list, history, query, question.limit), head)
  }
  const query = { series, from: next === undefined ? from : startOf(next, from), to, everyMs, includeBad }
  return list.json('buckets', addBuckets(list, history, query, question.limit), { ...head, everyMs })
}

function seriesOf(history: History, { device, metric, unit }: HistoryQuestion): StoredSeries[] {
  const series = history.series({ device, metric, unit })
  if (series.length > 0) return series
  const metrics = history.series({ device }).map((one) => one.metric)
  const hint = metrics.length > 0 ? suggestion(metric, [...new Set(metrics)]) : ''
  throw new Unknown(`there is no series of device "${device}" and metric "${metric}"${unitText(unit)}${hint}`, {
    remedy: 'GET /api/devices lists all devices with their metrics and units',
  })
}

function unitText(unit: string | undefined): string {
  return unit === undefined ? '' : ` in unit "${unit}"`
}

/** @returns `next` for the next question; undefined: there is no more. */
function addReadings(
  list: List,
  history: History,
  query: Omit<RangeQuery, 'limit'>,
  limit: number,
): string | undefined {
  let { after } = query
  while (list.length < limit && !list.isFull) {
    const page = history.range({ ...query, after, limit: Math.min(PAGE_READINGS, limit - list.length) })
    for (const reading of page.readings) {
      if (list.isFull) break
      list.add(readingJson(reading))
      after = { ts: reading.ts, seq: reading.seq }
    }
    if (page.next === undefined && !list.isFull) return undefined
  }
  const more = history.range({ ...query, after, limit: 1 }).readings.length > 0
  return more && after !== undefined ? keyText(after) : undefined
}

/** Buckets with the same start stay together. @returns where the next answer begins; undefined: there is no more. */
function addBuckets(list: List, history: History, query: BucketQuery, limit: number): string | undefined {
  const end = performance.now() + ANSWER_MS_MAX
  let last: Bucket | undefined
  for (let from = query.from; ; ) {
    const page = history.bucketPage({ ...query, ...(from !== undefined && { from }), readingsMax: PAGE_READINGS_MAX })
    for (const bucket of page.buckets) {
      if (bucket.start !== last?.start && (list.length >= limit || list.isFull)) return String(bucket.start)
      list.add(bucketJson(bucket))
      last = bucket
    }
    if (page.next === undefined) return undefined
    if (performance.now() >= end) return String(page.next)
    from = page.next
  }
}

function keyText({ ts, seq }: ReadingKey): string {
  return `${ts},${seq}`
}

function keyOf(next: string): ReadingKey {
  const [, ts, seq] = /^(-?\d{1,16}),(\d{1,16})$/.exec(next) ?? []
  if (ts === undefined) throw nothingAt(next)
  return { ts: Number(ts), seq: Number(seq) }
}

function startOf(next: string, from: number): number {
  if (!/^-?\d{1,16}$/.test(next)) throw nothingAt(next)
  return Math.max(from, Number(next))
}

function nothingAt(next: string): Unknown {
  return new Unknown(`cannot continue at next "${next}"`, {
    remedy: 'pass `next` exactly as in the previous answer, with the same question',
  })
}
