import type { SeqRange } from '../../base/reading.ts'
import type { UplinkSettings } from '../../settings/schema/uplink.ts'
import type { UplinkStart } from '../../store/delivery/outboxes.ts'
import type { Refusal } from '../../store/delivery/refusals.ts'
import type { RejectOrder } from '../../store/orders.ts'
import type { Store } from '../../store/store.ts'
import type { AmendmentsConfirmation, Calls, Confirmation, Confirmed, Outgoing, Refused } from '../protocol.ts'
import { BatchScheduler } from './batch-scheduler.ts'

/** The uplinks of the settings as the store needs them: name and where a new uplink starts. */
export function uplinkStarts(uplinks: readonly UplinkSettings[]): UplinkStart[] {
  return uplinks.map(({ name, start }) => {
    return { name, start: start === 'all' || start === 'now' ? start : Date.parse(start) }
  })
}

const NOTHING: Confirmed = { count: 0, renewed: false }

function countOf(ranges: readonly SeqRange[]): number {
  return ranges.reduce((count, { first, last }) => count + last - first + 1, 0)
}

/** Requests of the uplinks on the store thread: the next message, and the answers to messages that were sent. */
export class UplinkRequests {
  readonly #store: Store
  readonly #schedulers = new Map<string, BatchScheduler>()

  constructor(store: Store, uplinks: readonly UplinkSettings[], options: { edge: string; holdMs: number }) {
    this.#store = store
    for (const uplink of uplinks) {
      this.#schedulers.set(uplink.name, new BatchScheduler(store, store.outbox(uplink.name), uplink, options))
    }
  }

  next({ uplink, ...ask }: Calls['next']['request'], now: number): Outgoing {
    return this.#schedulers.get(uplink)!.next(ask, now)
  }

  /**
   * Marks positions as confirmed, but only those that this run has sent over this uplink. When the receiver knows
   * positions that this database never assigned, or has different readings at them, the database was set back to an
   * earlier state. Then a new epoch begins, nothing is marked, and all readings that are not confirmed are sent under
   * the new epoch; a receiver that says so again and again must wait (EpochRenewals).
   */
  confirm({ uplink, epoch, run, high, forked, spent, ...given }: Confirmation, now: number): Confirmed {
    const store = this.#store
    if (!this.#isOurs({ epoch, run })) return NOTHING
    if (forked || high > store.lastSeq) return this.#renew(now)
    const outbox = store.outbox(uplink)
    const { lastSeq } = store
    const { sent, unsent } = outbox.sent.claim(given, { settled: outbox.settled, lastSeq })
    // A receipt that says nothing new costs no transaction: a receiver may send any number of them.
    const count = !outbox.isOpen(sent)
      ? 0
      : store.write(() => {
          if (spent !== undefined) store.delivery.linkUsage.write(uplink, spent)
          store.delivery.run.confirmed()
          return outbox.confirm(sent, lastSeq)
        })
    const unmarked = countOf(sent.flatMap((range) => outbox.settled.missing(range)))
    return { ...NOTHING, count, ...(unsent > 0 && { unsent }), ...(unmarked > 0 && { unmarked }) }
  }

  #renew(now: number): Confirmed {
    const { renewals } = this.#store.delivery
    const heldMs = renewals.heldMs(now)
    if (heldMs > 0) return { ...NOTHING, heldMs }
    this.#store.write(() => renewals.note(now))
    this.#store.beginEpoch()
    return { ...NOTHING, renewed: true }
  }

  /** @returns the number of amendments that the receiver claims to have and that were not sent */
  confirmAmendments({ uplink, lastId, ...sent }: AmendmentsConfirmation): number {
    if (!this.#isOurs(sent)) return 0
    const { amendments } = this.#store.outbox(uplink)
    if (amendments.isOpen(lastId)) this.#store.write(() => amendments.confirm(lastId))
    return amendments.unsent(lastId)
  }

  refuse({ uplink, range, reason, ...sent }: Refused, now: number): Refusal {
    if (!this.#isOurs(sent)) return 'parked'
    return this.#store.write(() => this.#store.outbox(uplink).refuse(range, reason, now))
  }

  /**
   * Counts for any run of the store: the identifiers of messages are never sent, so no answer can mean other messages.
   */
  confirmMessages({ uplink, ids }: Calls['confirmMessages']['request']): undefined {
    this.#store.write(() => this.#store.delivery.forwards.outbox(uplink).confirm(ids))
  }

  refuseMessage({ uplink, id, ...refused }: Calls['refuseMessage']['request'], at: number): number {
    const outbox = this.#store.delivery.forwards.outbox(uplink)
    this.#store.write(() => outbox.refuse(id, { ...refused, at }))
    return outbox.heldMs(at)
  }

  /** Ignores requests for another epoch: its positions may be different readings now. */
  requestResend({ uplink, epoch, ranges }: Calls['requestResend']['request']): undefined {
    if (epoch === this.#store.epoch) this.#store.outbox(uplink).requestResend(ranges, this.#store.lastSeq)
  }

  release({ uplink, spent }: Calls['release']['request']): undefined {
    this.#store.outbox(uplink).releaseAll(this.#store.lastSeq)
    this.#store.delivery.forwards.outbox(uplink).releaseAll()
    if (spent !== undefined) this.#store.write(() => this.#store.delivery.linkUsage.write(uplink, spent))
  }

  spent({ uplink }: Calls['spent']['request']): Calls['spent']['reply'] {
    return this.#store.delivery.linkUsage.of(uplink)
  }

  /** The receiver has another edge with this name. @returns whether the uplink is paused: the answer is for this run */
  pause({ uplink, ...sent }: Calls['pause']['request'], now: number): boolean {
    if (!this.#isOurs(sent)) return false
    this.#store.write(() => this.#store.delivery.pauses.begin(uplink, now))
    return true
  }

  /** Carries out an order about rejects; call it inside `write`. Ignores uplinks that are not in the settings. */
  carryOut(order: RejectOrder): void {
    if (order.kind === 'drop-undecodable') return this.#store.intake.rejects.drop(order.ids)
    const { kind, uplink, ids } = order
    const outbox = this.#store.delivery.outboxes.find(({ name }) => name === uplink)
    if (outbox === undefined) return
    const messages = this.#store.delivery.forwards.outbox(uplink)
    const changes: Readonly<Record<typeof kind, (id: number) => unknown>> = {
      'replay-parked': (id) => outbox.parked.replay(id),
      'drop-parked': (id) => outbox.dropParked(id),
      'replay-messages': (id) => messages.replay(id),
      'drop-messages': (id) => messages.drop(id),
    }
    for (const id of ids) changes[kind](id)
  }

  /** Positions sent under another epoch, or in another run of the store, may be different readings now. */
  #isOurs({ epoch, run }: { readonly epoch: string; readonly run: string }): boolean {
    return epoch === this.#store.epoch && run === this.#store.run
  }
}
