const GOLDEN = 0.618_033_988_749_894_9
const SAMPLES_MAX = 32
/** The fractional parts of multiples of the golden section. */
const FRACTIONS = Float64Array.from({ length: SAMPLES_MAX }, (_, k) => (k * GOLDEN) % 1)

/** Index of the k-th sample (below 32) of `count` rows: golden section, so no rhythm of the data hides from the sample. */
export function spread(k: number, count: number): number {
  return Math.floor(FRACTIONS[k]! * count)
}
