import { expect, it } from 'vitest'
import { progressBar, sizeText } from '../../src/cli/progress-bar.ts'

it('a progress bar keeps its width, and is full only at the end', () => {
  const bars = [0, 0.5, 0.999, 1].map(progressBar)
  expect(new Set(bars.map(({ length }) => length)).size).toBe(1)
  expect(bars.map((bar) => bar.replaceAll('░', '').length)).toEqual([6, 18, 29, 30])
  expect(bars.map((bar) => bar.slice(-5))).toEqual(['  0 %', ' 50 %', ' 99 %', '100 %'])
})

it('a size is shown in a fitting unit', () => {
  expect([0, 999, 1_000, 99_940, 999_499, 999_500, 1.25e9].map(sizeText)).toEqual([
    ...['0 B', '999 B', '1.0 kB', '99.9 kB', '999 kB', '1.0 MB', '1.3 GB'],
  ])
})
