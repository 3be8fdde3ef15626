/** A question about the history; `next`: from the previous answer, to continue after it. */
export type HistoryQuestion =
  | {
      readonly kind: 'devices'
      /** BAD readings count in average, minimum, maximum and sum. */
      readonly includeBad?: boolean
      /** Devices in the answer, at most. */
      readonly limit?: number | undefined
      readonly next: string | undefined
    }
  | {
      readonly kind: 'latest'
      readonly device: string | undefined
      readonly metric: string | undefined
      /** Series in the answer, at most. */
      readonly limit?: number | undefined
      readonly next: string | undefined
    }
  | {
      readonly kind: 'history'
      readonly device: string
      readonly metric: string
      readonly unit: string | undefined
      /** UTC ms; `from` is included, `to` is not. */
      readonly from: number
      readonly to: number
      /** Length of an interval, ms; undefined: the readings themselves. */
      readonly everyMs: number | undefined
      /** With `everyMs`: BAD readings count in the figures. */
      readonly includeBad?: boolean
      readonly limit: number
      readonly next: string | undefined
    }

export type HistoryAnswer =
  /** UTF-8 JSON. */
  | { readonly kind: 'answer'; readonly json: Uint8Array }
  | {
      readonly kind: 'unknown' | 'busy' | 'late' | 'failed'
      readonly message: string
      /** What to do about it. */
      readonly remedy: string
    }

/** Answers questions about stored readings. Must not block the calling thread. */
export interface HistorySource {
  /** Never rejects. The signal fires when the answer is no longer needed. */
  ask(question: HistoryQuestion, signal: AbortSignal): Promise<HistoryAnswer>
}
