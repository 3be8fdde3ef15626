/** Counts of a committed batch: readings, and messages of forward routes. */
export interface CommitOutcome {
  stored: number
  /** Messages of which nothing was understood. */
  rejected: number
  /** Fields that were not understood in other messages. */
  partial: number
  duplicates: number
  /** Stored readings by coarse quality. */
  good: number
  uncertain: number
  bad: number
  /** Messages of forward routes that were stored. */
  messages: number
  /** Indexes, in the batch, of messages for which the queue of messages has no room. */
  readonly noRoom: number[]
  /** Indexes, in the batch, of messages that need a series for which there is no room. */
  readonly noSeries: number[]
  /** Indexes, in the batch, of publishes that were not handled. */
  readonly undone: number[]
}

export function newOutcome(): CommitOutcome {
  const counted = { stored: 0, rejected: 0, partial: 0, duplicates: 0, good: 0, uncertain: 0, bad: 0, messages: 0 }
  return { ...counted, noRoom: [], noSeries: [], undone: [] }
}
