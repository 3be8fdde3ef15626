const GOLDEN = 0.618_033_988_749_894_9
const SAMPLES_MAX = 32
/** Fractional parts of the multiples of the golden ratio. */
const FRACTIONS = Float64Array.from({ length: SAMPLES_MAX }, (_, k) => (k * GOLDEN) % 1)

/**
 * Index of the k-th sample (k below 32) of `count` rows. Golden-ratio spacing: a periodic pattern in the data cannot
 * line up with the samples.
 */
export function spread(k: number, count: number): number {
  return Math.floor(FRACTIONS[k]! * count)
}
