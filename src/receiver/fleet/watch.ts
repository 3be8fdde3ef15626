import { pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { encodeRequest } from '../../codec/request.ts'
import { type DueRequest, EDGES_MAX, type EdgeNote, type Fleet, mergeNotes } from './fleet.ts'
import { type Arrival, openStatus } from './status-message.ts'

/** Interval at which new notes are written and due requests are sent (milliseconds). */
const TURN_MS = 500

export interface FleetCounts {
  /** Valid status messages since the start. */
  readonly statuses: number
  /** Invalid status messages, which were ignored. */
  readonly malformed: number
  /** Status messages of edges beyond EDGES_MAX in one turn, which were not stored. */
  readonly unnoted: number
}

/** Sends a request to its edge over the present connection; resolves when it is in flight, or cannot be sent. */
export type SendResendRequest = (edge: string, request: Uint8Array) => Promise<void>

/**
 * Tracks the state of the edges: takes their status messages, writes them to the sink in turns, and sends the
 * requests that are due. It never delays readings: notes that cannot be written wait in memory, one per edge.
 */
export class FleetWatch {
  readonly #fleet: Fleet
  readonly #deps: { readonly log: Log; readonly now: () => number }
  #notes = new Map<string, EdgeNote>()
  #counts = { statuses: 0, malformed: 0, unnoted: 0 }
  #ask: SendResendRequest | undefined
  #failing = false

  constructor(fleet: Fleet, dependencies: { readonly log: Log; readonly now: () => number }) {
    this.#fleet = fleet
    this.#deps = dependencies
  }

  get counts(): FleetCounts {
    return { ...this.#counts }
  }

  /** Sets the connection for requests; undefined: there is none at present. */
  over(ask: SendResendRequest | undefined): void {
    this.#ask = ask
  }

  take(payload: Uint8Array, arrival: Arrival): void {
    const note = openStatus(payload, arrival)
    if (note === undefined) {
      this.#counts.malformed++
      return
    }
    const before = this.#notes.get(note.edge)
    if (before === undefined && this.#notes.size >= EDGES_MAX) this.#counts.unnoted++
    else {
      this.#counts.statuses++
      this.#notes.set(note.edge, before === undefined ? note : mergeNotes(before, note))
    }
  }

  /** Takes turns until the signal fires, then a last one. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#turn()
      await pause(TURN_MS, signal)
    }
    this.over(undefined)
    await this.#turn()
  }

  async #turn(): Promise<void> {
    const notes = this.#notes
    this.#notes = new Map()
    try {
      if (notes.size > 0) await this.#fleet.note([...notes.values()])
      const ask = this.#ask
      if (ask !== undefined) {
        for (const request of await this.#fleet.due(this.#deps.now())) await this.#send(request, ask)
      }
      this.#failing = false
    } catch (failure) {
      for (const [edge, later] of this.#notes) {
        const before = notes.get(edge)
        notes.set(edge, before === undefined ? later : mergeNotes(before, later))
      }
      this.#notes = notes
      if (!this.#failing) this.#deps.log.warn({ err: failure }, 'cannot store the fleet view; it is tried again')
      this.#failing = true
    }
  }

  async #send({ edge, epoch, ranges }: DueRequest, ask: SendResendRequest): Promise<void> {
    const { first } = ranges[0]!
    this.#deps.log.info(
      { edge, epoch, ranges: ranges.length, first, last: ranges.at(-1)!.last },
      'requesting missing readings',
    )
    await ask(edge, encodeRequest({ epoch, ranges }))
  }
}
