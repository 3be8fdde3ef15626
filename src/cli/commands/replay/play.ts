import { pause } from '../../../base/clock.ts'
import type { Publisher } from './publisher.ts'
import { readSeries, type Sample } from './series.ts'

export type PayloadFormat = 'json' | 'plain'

/** A recorded series that plays one metric of one device. */
export interface Part {
  readonly file: string
  /** Topic template: `{device}` and `{metric}` are put in. */
  readonly topic: string
  readonly device: string
  readonly metric: string
  readonly format: PayloadFormat
}

/**
 * Publishes the rows of all parts, one of each in turn, `rate` messages per second together (0: as fast as they are
 * acknowledged), and returns when all have their answer. `told` hears the number of messages sent so far.
 */
export async function replayAll(
  parts: readonly Part[],
  rate: number,
  publisher: Publisher,
  told: (sent: number) => void,
): Promise<number> {
  const replayRate = new ReplayRate(rate)
  let sent = 0
  for await (const message of messagesOf(parts)) {
    if (replayRate.isEarly()) await replayRate.due()
    const full = publisher.send(message)
    if (full !== undefined) await full
    if (++sent % TELL_EVERY === 0) told(sent)
  }
  await publisher.settled()
  return sent
}

const TELL_EVERY = 100

/** Lets one message pass every `1/rate` seconds. After a delay it hurries, but makes up for HURRY_MS_MAX at most. */
class ReplayRate {
  readonly #everyMs: number
  #nextMs = performance.now()

  constructor(rate: number) {
    this.#everyMs = rate === 0 ? 0 : 1_000 / rate
  }

  isEarly(): boolean {
    if (this.#everyMs === 0) return false
    const now = performance.now()
    this.#nextMs = Math.max(this.#nextMs + this.#everyMs, now - HURRY_MS_MAX)
    return this.#nextMs > now
  }

  due(): Promise<void> {
    return pause(this.#nextMs - performance.now())
  }
}

const HURRY_MS_MAX = 1_000

async function* messagesOf(parts: readonly Part[]): AsyncGenerator<{ topic: string; payload: Uint8Array }, void> {
  let playing = parts.map((part) => ({ part, topic: topicOf(part), rows: readSeries(part.file) }))
  while (playing.length > 0) {
    const ended = new Set<unknown>()
    for (const player of playing) {
      const row = await player.rows.next()
      if (row.done) ended.add(player)
      else yield { topic: player.topic, payload: Buffer.from(payloadText(row.value, player.part)) }
    }
    if (ended.size > 0) playing = playing.filter((player) => !ended.has(player))
  }
}

export function topicOf({ topic, device, metric }: Pick<Part, 'topic' | 'device' | 'metric'>): string {
  return topic.replaceAll('{device}', device).replaceAll('{metric}', metric)
}

/**
 * `{"value":73.96732207,"ts":1386018900000}`, the digits of the file kept; on a topic without `{metric}` the metric
 * names its value. Plain: the value alone, so that the edge takes the time of arrival.
 */
export function payloadText({ ts, text }: Sample, { topic, metric, format }: Part): string {
  if (format === 'plain') return text
  const key = topic.includes('{metric}') ? 'value' : metric
  return `{${JSON.stringify(key)}:${jsonValue(text)},"ts":${jsonTime(ts)}}`
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** No value and `nan` are null: the device had nothing to report. */
function jsonValue(text: string): string {
  if (JSON_NUMBER.test(text) || text === 'true' || text === 'false') return text
  return text === '' || text.toLowerCase() === 'nan' ? 'null' : JSON.stringify(text)
}

/** Smaller numbers would be taken for seconds. */
const EPOCH_MS_MIN = 1e10

function jsonTime(ts: number): string {
  return ts < EPOCH_MS_MIN ? JSON.stringify(new Date(ts).toISOString()) : String(ts)
}
