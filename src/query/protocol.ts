/** A question about the history over HTTP. `next`: from the previous answer, to continue after it. */
export type Question =
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
      /** Readings or intervals in the answer, at most. */
      readonly limit: number
      readonly next: string | undefined
    }

export type QueryAnswer =
  /** UTF-8 JSON. */
  | { readonly kind: 'answer'; readonly json: Uint8Array }
  /** There is no such series, or `next` is not valid. */
  | { readonly kind: 'unknown'; readonly message: string; readonly remedy: string }
  /** Too many questions are waiting. */
  | { readonly kind: 'busy'; readonly message: string; readonly remedy: string }
  /** It took too long. */
  | { readonly kind: 'late'; readonly message: string; readonly remedy: string }
  | { readonly kind: 'failed'; readonly message: string; readonly remedy: string }

export interface QueryThreadData {
  /** Folder of tidegate.db. */
  readonly folder: string
}
