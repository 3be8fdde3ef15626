import { describe, expect, it } from 'vitest'
import { Exit } from '../../src/base/errors.ts'
import { timeOption } from '../../src/cli/time.ts'

describe('a time on the command line', () => {
  it('is a day, which means its beginning, or a time of a day; it is in UTC unless it names a zone', () => {
    const day = Date.UTC(2026, 0, 31)
    const noon = day + 12 * 3_600_000
    expect(timeOption('from', '2026-01-31')).toBe(day)
    for (const text of ['2026-01-31T12:00', '2026-01-31 12:00:00', '2026-01-31t12:00:00.000z']) {
      expect(timeOption('from', text)).toBe(noon)
    }
    expect(timeOption('from', '2026-01-31T14:30:00.5+02:30')).toBe(noon + 500)
    expect(timeOption('from', '2024-02-29')).toBe(Date.UTC(2024, 1, 29))
  })

  it.each([
    '',
    'yesterday',
    '2026',
    '2026-13-01',
    '2026-02-30',
    '2026-02-29T10:00',
    '2026-01-31T25:00',
    '31.1.2026',
    '1769860800',
  ])('"%s" is refused with the name of the option', (text) => {
    const refusal = expect.objectContaining({ exitCode: Exit.USAGE, message: `--to "${text}" is not a time` })
    expect(() => timeOption('to', text)).toThrow(refusal)
  })
})
