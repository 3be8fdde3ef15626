import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { liveLine, paint } from '../../src/demo/display.ts'
import { RateMeter, type Snapshot } from '../../src/demo/snapshot.ts'

const ESCAPE = '\u001b'
const NORMAL: Snapshot = {
  upMs: 10_000,
  taken: 1_234,
  stored: 1_234,
  confirmed: 1_200,
  waiting: 34,
  rejected: 1,
  duplicates: 2,
  quality: { good: 1_000, uncertain: 200, bad: 34 },
  cutMs: undefined,
  problems: [],
}
const RATES = { inPerS: 140.4, outPerS: 139.6 }
const plain = (snapshot: Snapshot): string =>
  paint(liveLine(snapshot, RATES), { width: Number.POSITIVE_INFINITY, colours: false })

describe('the live line', () => {
  it('shows the rates, the backlog, the quality shares and whether the cloud is up', () => {
    const line = plain(NORMAL)
    for (const part of ['cloud up', 'in 140/s', 'out 140/s', 'backlog 34', 'good 81%', 'uncertain 16%', 'bad 3%'])
      expect(line).toContain(part)
  })

  it('shows an outage and its duration', () => {
    expect(plain({ ...NORMAL, cutMs: 7_900 })).toContain('cloud CUT 7s')
  })

  it('fits 80 columns up to the quality shares, even at thousands per second during an outage', () => {
    const quality = { good: 90_000, uncertain: 6_000, bad: 4_000 }
    const line = paint(liveLine({ ...NORMAL, cutMs: 99_000, waiting: 9_999, quality }, { inPerS: 1_999, outPerS: 0 }), {
      width: 79,
      colours: false,
    })
    expect(line).toContain('bad 4%')
  })

  it('shows problems', () => {
    expect(plain({ ...NORMAL, problems: ['the disk is full'] })).toContain('the disk is full')
  })

  it('does not round a small share of bad readings to 0%', () => {
    expect(plain({ ...NORMAL, quality: { good: 1_000_000, uncertain: 0, bad: 1 } })).toContain(
      'good >99% uncertain 0% bad <1%',
    )
  })

  it('has no escape code without colours, and never exceeds the width', () => {
    const visible = (line: string): string =>
      line
        .split(ESCAPE)
        .map((part, i) => (i === 0 ? part : part.replace(/^\[\d+m/, '')))
        .join('')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.option(fc.nat(1e7), { nil: undefined }), (width, cutMs) => {
        const spans = liveLine({ ...NORMAL, cutMs }, RATES)
        const painted = paint(spans, { width, colours: true })
        const bare = paint(spans, { width, colours: false })
        expect(bare).not.toContain(ESCAPE)
        expect(bare.length).toBeLessThanOrEqual(width)
        expect(visible(painted)).toBe(bare)
      }),
    )
    expect(paint(liveLine(NORMAL, RATES), { width: 80, colours: true })).toContain(ESCAPE)
  })
})

describe('the rates', () => {
  it('are averages of the last two seconds, and 0 at the beginning', () => {
    const meter = new RateMeter()
    const at = (upMs: number, stored: number): { inPerS: number } =>
      meter.take({ ...NORMAL, upMs, stored, confirmed: 0 })
    expect(at(0, 0)).toEqual({ inPerS: 0, outPerS: 0 })
    expect(at(1_000, 500).inPerS).toBe(500)
    for (let second = 2; second <= 10; second++) at(second * 1_000, 500)
    expect(at(11_000, 500).inPerS).toBe(0)
    expect(at(12_000, 700).inPerS).toBe(100)
  })
})
