import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { BadQuestion, devicesQuestion, historyQuestion, latestQuestion, type Parameters } from './history-question.ts'
import type { HistoryAnswer, HistoryQuestion, HistorySource } from './history-source.ts'

const CODES: Readonly<Record<Exclude<HistoryAnswer['kind'], 'answer'>, number>> = {
  unknown: 404,
  failed: 500,
  busy: 503,
  late: 504,
}
/** `Retry-After` of an answer with 503 (s). */
const RETRY_AFTER_S = 1
/** Bytes of all answers that their clients have not read yet; a further one is refused with 503. */
const UNREAD_BYTES_MAX = 33_554_432
/** A client that reads nothing of its answer for this time (ms) is disconnected. */
const READ_MS_MAX = 30_000

/**
 * Routes for stored readings, as JSON. A truncated answer has `"truncated": true` and `next`: to continue, repeat the
 * question with `&next=` and that text, URL-encoded. A question that is not valid gets a 400.
 *
 * - `GET /api/devices?limit=`: devices and series with their statistics, in order of name.
 * - `GET /api/latest?device=&metric=&limit=`: the latest reading of every series, or of the series of a device or metric.
 * - `GET /api/history?device=&metric=&unit=&from=&to=&every=&limit=`: readings, or statistics per interval of `every`.
 */
export function addHistoryRoutes(server: FastifyInstance, source: HistorySource, clock: Clock): void {
  const routes: Readonly<Record<string, (given: Parameters) => HistoryQuestion>> = {
    '/api/devices': devicesQuestion,
    '/api/latest': latestQuestion,
    '/api/history': (given) => historyQuestion(given, clock.now()),
  }
  const unread = new Unread()
  for (const [path, understand] of Object.entries(routes)) {
    server.get(path, async ({ query, url }, reply) => {
      let question: HistoryQuestion
      try {
        requireUtf8(url)
        question = understand(query as Parameters)
      } catch (failure) {
        if (!(failure instanceof BadQuestion)) throw failure
        return reply.code(400).send({ error: failure.message, remedy: failure.remedy })
      }
      if (unread.isFull) return send(reply, UNREAD)
      const answer = await source.ask(question, goneSignal(reply))
      if (answer.kind !== 'answer') return send(reply, answer)
      return send(reply, unread.add(reply, answer.json.length) ? answer : UNREAD)
    })
  }
}

const UNREAD: HistoryAnswer = {
  kind: 'busy',
  message: `clients have not read ${UNREAD_BYTES_MAX} bytes of answers yet`,
  remedy: 'ask again in a moment',
}

/** Bytes of answers in memory until their clients have read them. */
class Unread {
  #bytes = 0

  get isFull(): boolean {
    return this.#bytes >= UNREAD_BYTES_MAX
  }

  /** @returns false: there is no room, or the client is gone. A single answer always has room. */
  add({ raw }: FastifyReply, bytes: number): boolean {
    if (raw.destroyed || (this.#bytes > 0 && this.#bytes + bytes > UNREAD_BYTES_MAX)) return false
    this.#bytes += bytes
    raw.once('close', () => {
      this.#bytes -= bytes
    })
    raw.setTimeout(READ_MS_MAX, () => raw.destroy())
    return true
  }
}

/** @throws BadQuestion for percent-encoded bytes that are not UTF-8: they would stay as they are, like another name */
function requireUtf8(url: string): void {
  try {
    decodeURIComponent(url)
  } catch {
    throw new BadQuestion('the URL is not UTF-8', 'percent-encode every parameter in UTF-8')
  }
}

/** Fires when the client has closed the connection. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}

function send(reply: FastifyReply, answer: HistoryAnswer): FastifyReply {
  if (answer.kind === 'answer') return reply.type('application/json; charset=utf-8').send(answer.json)
  const { kind, message, remedy } = answer
  if (kind === 'busy') reply.header('retry-after', RETRY_AFTER_S)
  return reply.code(CODES[kind]).send({ error: message, remedy })
}
