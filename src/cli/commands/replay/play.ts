import { pause } from '../../../base/clock.ts'
import type { OutgoingMessage, ReplayPublisher } from './publisher.ts'
import { readSeries, type Sample } from './series.ts'

export type ReplayFormat = 'json' | 'plain'

/** A recorded series, and the device and metric that it is published as. */
export interface ReplaySeries {
  readonly file: string
  /** Topic template with the placeholders `{device}` and `{metric}`. */
  readonly topic: string
  readonly device: string
  readonly metric: string
  readonly format: ReplayFormat
}

/**
 * Publishes the rows of all series, one row of each in turn, at `rate` messages per second in total (0: as fast as they are
 * acknowledged). Resolves with the number of messages when all are answered.
 * @param onProgress called every PROGRESS_EVERY messages with the number of messages sent so far
 */
export async function replayAll(
  all: readonly ReplaySeries[],
  rate: number,
  publisher: ReplayPublisher,
  onProgress: (sent: number) => void,
): Promise<number> {
  const replayRate = new ReplayRate(rate)
  let sent = 0
  for await (const message of messagesOf(all)) {
    if (replayRate.isEarly()) await replayRate.due()
    const full = publisher.send(message)
    if (full !== undefined) await full
    if (++sent % PROGRESS_EVERY === 0) onProgress(sent)
  }
  await publisher.settled()
  return sent
}

const PROGRESS_EVERY = 100

/** Permits one message every `1/rate` seconds. After a delay it catches up, but for at most CATCH_UP_MS_MAX. */
class ReplayRate {
  readonly #everyMs: number
  #nextMs = performance.now()

  constructor(rate: number) {
    this.#everyMs = rate === 0 ? 0 : 1_000 / rate
  }

  isEarly(): boolean {
    if (this.#everyMs === 0) return false
    const now = performance.now()
    this.#nextMs = Math.max(this.#nextMs + this.#everyMs, now - CATCH_UP_MS_MAX)
    return this.#nextMs > now
  }

  due(): Promise<void> {
    return pause(this.#nextMs - performance.now())
  }
}

const CATCH_UP_MS_MAX = 1_000

async function* messagesOf(all: readonly ReplaySeries[]): AsyncGenerator<OutgoingMessage, void> {
  let playing = all.map((series) => ({ series, topic: topicOf(series), rows: readSeries(series.file) }))
  while (playing.length > 0) {
    const ended = new Set<unknown>()
    for (const player of playing) {
      const row = await player.rows.next()
      if (row.done) ended.add(player)
      else yield { topic: player.topic, payload: Buffer.from(payloadText(row.value, player.series)) }
    }
    if (ended.size > 0) playing = playing.filter((player) => !ended.has(player))
  }
}

export function topicOf({ topic, device, metric }: Pick<ReplaySeries, 'topic' | 'device' | 'metric'>): string {
  return topic.replaceAll('{device}', device).replaceAll('{metric}', metric)
}

/**
 * `{"value":73.96732207,"ts":1386018900000}`, with the digits of the file. If the topic has no `{metric}`, the key is the name
 * of the metric. Format `plain`: only the value, so the edge uses the time of arrival.
 */
export function payloadText({ ts, text }: Sample, { topic, metric, format }: ReplaySeries): string {
  if (format === 'plain') return text
  const key = topic.includes('{metric}') ? 'value' : metric
  return `{${JSON.stringify(key)}:${jsonValue(text)},"ts":${jsonTime(ts)}}`
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** An empty value and `nan` become null: the device had nothing to report. */
function jsonValue(text: string): string {
  if (JSON_NUMBER.test(text) || text === 'true' || text === 'false') return text
  return text === '' || text.toLowerCase() === 'nan' ? 'null' : JSON.stringify(text)
}

/** The decoder interprets smaller numbers as seconds. */
const EPOCH_MS_MIN = 1e10

function jsonTime(ts: number): string {
  return ts < EPOCH_MS_MIN ? JSON.stringify(new Date(ts).toISOString()) : String(ts)
}
