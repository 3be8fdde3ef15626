import { z } from 'zod'
import type { EdgeNote, EdgeReport } from './fleet.ts'

/** A larger message is not opened. */
const STATUS_BYTES_MAX = 65_536
const PROBLEMS_MAX = 20
/** Longer problem texts are cut: they are for operators. */
const PROBLEM_CHARS_MAX = 300
/** The latest time that a Date can represent, UTC milliseconds. */
const TIME_MAX = 8_640_000_000_000_000

const label = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,64}$/u)
const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const time = whole.max(TIME_MAX)
const message = z.object({
  state: z.enum(['online', 'offline']),
  version: label.optional(),
  at: time.optional(),
  upMs: z.number().min(0).optional(),
  healthy: z.boolean().optional(),
  problems: z.array(z.string()).optional(),
  epoch: label.optional(),
  lastSeq: whole.optional(),
  backlog: z.object({ waiting: whole, oldestAt: time.optional() }).optional(),
})

/** How a message arrived. */
export interface Arrival {
  readonly edge: string
  /** UTC milliseconds. */
  readonly at: number
  readonly retained: boolean
}

/**
 * Opens a status message (docs/wire-format.md, Status). Never throws; undefined: it is not a status message. A
 * message that the broker had retained proves nothing about the present except the state.
 */
export function openStatus(payload: Uint8Array, { edge, at, retained }: Arrival): EdgeNote | undefined {
  const said = parse(payload)
  if (said === undefined) return undefined
  const { state } = said
  const report = state === 'online' ? reportOf(said) : undefined
  const clockOffsetMs = retained || report?.at === undefined ? undefined : at - report.at
  return { edge, state, seenAt: retained ? undefined : at, report, clockOffsetMs }
}

function parse(payload: Uint8Array): z.output<typeof message> | undefined {
  if (payload.byteLength > STATUS_BYTES_MAX) return undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload)
    return message.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function reportOf(said: z.output<typeof message>): EdgeReport {
  const { version, at, upMs, healthy, problems = [], epoch, lastSeq, backlog } = said
  return {
    version,
    at,
    upMs: upMs === undefined ? undefined : Math.round(upMs),
    healthy,
    epoch,
    lastSeq,
    problems: problems.slice(0, PROBLEMS_MAX).map((problem) => problem.slice(0, PROBLEM_CHARS_MAX).toWellFormed()),
    waiting: backlog?.waiting,
    oldestAt: backlog?.oldestAt,
  }
}
