import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { RETRY_AFTER_S } from './guard.ts'
import { BadQuestion, devicesQuestion, historyQuestion, latestQuestion, type Parameters } from './history-question.ts'
import type { HistoryAnswer, HistoryQuestion, HistorySource } from './history-source.ts'

const CODES: Readonly<Record<Exclude<HistoryAnswer['kind'], 'answer'>, number>> = {
  unknown: 404,
  failed: 500,
  busy: 503,
  late: 504,
}

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
      return send(reply, await source.ask(question, goneSignal(reply)))
    })
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
