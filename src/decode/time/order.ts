import type { Reading } from '../../base/reading.ts'

/**
 * The readings of a message so that the times of each metric ascend: a device that sends its newest reading first does not
 * go back in time. Readings with equal times keep their order, and so do those of different metrics unless one has to
 * be sorted.
 */
export function inOrder(readings: readonly Reading[]): readonly Reading[] {
  for (let i = 1; i < readings.length; i++) {
    if (readings[i]!.ts < readings[i - 1]!.ts) return isMetricBackward(readings) ? sorted(readings) : readings
  }
  return readings
}

function isMetricBackward(readings: readonly Reading[]): boolean {
  const newest = new Map<string, number>()
  for (const { metric, ts } of readings) {
    if (ts < (newest.get(metric) ?? ts)) return true
    newest.set(metric, ts)
  }
  return false
}

function sorted(readings: readonly Reading[]): readonly Reading[] {
  return [...readings].sort((a, b) => a.ts - b.ts)
}
