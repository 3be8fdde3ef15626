import { worse } from '../../../src/base/flags.ts'
import type { Quality, StoredReading } from '../../../src/base/reading.ts'
import type { Bucket } from '../../../src/store/history/history.ts'

type Exact = Omit<Bucket, 'start' | 'device' | 'metric' | 'unit' | 'avg' | 'sum' | 'badLeftOut'>

/** Figures from a scan of the readings in the order of history. Summaries do not distinguish -0 from 0. */
export function exactFigures(readings: readonly StoredReading[]): Exact {
  const numbers = numbersOf(readings).map((value) => value + 0)
  return {
    readings: readings.length,
    numbers: numbers.length,
    min: numbers.length === 0 ? null : Math.min(...numbers),
    max: numbers.length === 0 ? null : Math.max(...numbers),
    first: numbers[0] ?? null,
    last: numbers.at(-1) ?? null,
    goodShare: readings.length === 0 ? 0 : readings.filter(({ quality }) => quality === 1).length / readings.length,
    worst: readings.reduce<Quality>((worst, { quality }) => worse(worst, quality), 9),
  }
}

/** Whether a sum and a mean are those of these readings, within rounding errors. */
export function isSumOf(
  { sum, avg }: { sum: number | null; avg: number | null },
  readings: readonly StoredReading[],
): boolean {
  const numbers = numbersOf(readings)
  const absolute = numbers.filter(Number.isFinite).reduce((a, b) => a + Math.abs(b), 0)
  if (!Number.isFinite(absolute)) return true // overflows in one order and not in another
  const total = numbers.reduce((a, b) => a + b, 0)
  if (numbers.length === 0 || Number.isNaN(total)) return sum === null && avg === null
  const close = (a: number | null, b: number): boolean =>
    a === b || (a !== null && Math.abs(a - b) <= 1e-9 * absolute + Number.MIN_VALUE)
  return close(sum, total) && close(avg, total / numbers.length)
}

/** The numbers that are not BAD. */
function numbersOf(readings: readonly StoredReading[]): number[] {
  return readings
    .filter(({ quality }) => quality !== 4)
    .map(({ value }) => value)
    .filter((value) => typeof value === 'number')
}
