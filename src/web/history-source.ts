/** What the page of history is asked for; `next` is what an answer before gave to go on with. */
export type HistoryQuestion =
  | { readonly kind: 'devices'; readonly next: string | undefined }
  | {
      readonly kind: 'latest'
      readonly device: string | undefined
      readonly metric: string | undefined
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

/** Whoever knows what was measured. It must not keep the thread that asks waiting. */
export interface HistorySource {
  /** Never rejects. The signal tells that nobody waits for the answer any more. */
  ask(question: HistoryQuestion, signal: AbortSignal): Promise<HistoryAnswer>
}
