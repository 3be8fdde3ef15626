import type { PartialRejects } from '../../decode/draft.ts'
import type { Device } from '../../store/series/series.ts'
import type { Store } from '../../store/store.ts'
import type { Publish } from '../batch-buffer.ts'
import type { CommitOutcome } from './outcome.ts'
import { partialReason } from './partial-reason.ts'

/** Where a message came from, and the device that it counts for. */
interface Origin {
  readonly device: Device
  readonly topic: string
  readonly client: string
}

type RejectedMessage = Pick<Publish, 'arrival' | 'payload'>

/** Counts and keeps messages that were not understood, or not completely. */
export class RejectWriter {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Nothing of the message was understood, or there was no room for it. */
  add(message: RejectedMessage, origin: Origin, reason: string, outcome: CommitOutcome): void {
    const { device } = origin
    device.received++
    device.rejected++
    this.#store.intake.catalog.touch(device)
    this.#keep(message, origin, { reason, fields: 0 })
    outcome.rejected++
  }

  /**
   * Counts the fields of a message that were not understood, and keeps the message. If all of its readings are
   * repeats, so are these fields: the message is kept already.
   */
  addFields(
    message: RejectedMessage,
    origin: Origin,
    partial: PartialRejects,
    { isRepeat, outcome }: { readonly isRepeat: boolean; readonly outcome: CommitOutcome },
  ): void {
    const { count } = partial
    const { device } = origin
    device.received += count
    this.#store.intake.catalog.touch(device)
    if (isRepeat) {
      device.duplicate += count
      outcome.duplicates += count
      return
    }
    device.partial += count
    outcome.partial += count
    this.#keep(message, origin, { reason: partialReason(partial), fields: count })
  }

  #keep(
    { arrival: receivedAt, payload }: RejectedMessage,
    origin: Origin,
    why: { readonly reason: string; readonly fields: number },
  ): void {
    this.#store.intake.rejects.add({ ...origin, ...why, receivedAt, payload })
  }
}
