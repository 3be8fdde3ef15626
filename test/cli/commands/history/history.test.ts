import { describe, expect, it } from 'vitest'
import { readingJson } from '../../../../src/base/reading-text.ts'
import { CSV_HEAD, csvLine } from '../../../../src/export/csv.ts'
import { runProcess } from '../../../../support/process.ts'
import { Grown, type Sown } from '../../../store/history/grown.ts'
import { runHere } from '../../recorder.ts'

const MINUTE = 60_000
const BEGIN = Date.UTC(2026, 0, 31)
const GOOD = { name: 0, quality: 1, reasons: 0 } as const

/** A store with two hours of `heat`, one reading a minute, the first 70 of them sealed; and more readings. */
function plant(more: readonly Sown[] = []): Grown {
  const grown = new Grown()
  const minutes = Array.from({ length: 120 }, (_, i) => ({ ...GOOD, ts: BEGIN + i * MINUTE, value: i / 4 }))
  grown.append(minutes.slice(0, 70))
  grown.seal()
  grown.append(minutes.slice(70))
  grown.append(more)
  return grown
}

const kinds: readonly Sown[] = [
  { name: 2, ts: BEGIN, value: 'on, "off"', quality: 3, reasons: 1 << 6 },
  { name: 2, ts: BEGIN, value: null, quality: 9, reasons: 1 },
  { name: 2, ts: BEGIN, value: new Uint8Array([0, 255]), quality: 1, reasons: 0 },
  { name: 2, ts: BEGIN, value: -0, quality: 4, reasons: 0 },
  { name: 2, ts: BEGIN, value: true, quality: 2, reasons: 0 },
]

describe('tidegate history', () => {
  it('prints the readings of a time range as a table, as JSON or as the CSV of the export', async () => {
    const grown = plant(kinds)
    const args = ['history', 'press', 'force', '--data', grown.folder, '--from', '2026-01-31', '--to', '2026-02-01']
    const readings = grown.readings.filter(({ metric }) => metric === 'force')
    const table = await runHere(args)
    expect(table).toMatchObject({ code: 0, stderr: '' })
    expect(table.stdout.split('\n').slice(0, 4)).toEqual([
      'time (UTC)                value      unit  quality        reasons',
      '─────────────────────────────────────────────────────────────────',
      '2026-01-31T00:00:00.000Z  on, "off"  kN    suspect        SPIKE',
      '2026-01-31T00:00:00.000Z             kN    missing        MISSING',
    ])
    const csv = await runHere([...args, '--csv'])
    expect(csv.stdout).toBe(`${[CSV_HEAD, ...readings.map(csvLine)].join('\n')}\n`)
    const json = await runHere([...args, '--json'])
    expect(JSON.parse(json.stdout)).toEqual(readings.map((one) => JSON.parse(readingJson(one))))
    grown.close()
  })

  it('prints figures per interval', async () => {
    const grown = plant()
    const args = [
      'history',
      'press',
      'heat',
      '--data',
      grown.folder,
      '--from',
      '2026-01-31T00:30',
      '--to',
      '2026-02-01',
    ]
    const { stdout } = await runHere([...args, '--every', '1h', '--unit', 'Cel', '--json'])
    expect(JSON.parse(stdout)).toMatchObject([
      { start: '2026-01-31T00:00:00.000Z', unit: 'Cel', readings: 30, avg: 11.125, min: 7.5, max: 14.75, goodShare: 1 },
      { start: '2026-01-31T01:00:00.000Z', readings: 60, avg: 22.375, first: 15, last: 29.75, worst: 1 },
    ])
    const csv = await runHere([...args, '--every', '1h', '--csv'])
    expect(csv.stdout.split('\n').slice(0, 2)).toEqual([
      'start,device,metric,unit,readings,numbers,avg,min,max,sum,goodShare,worst,first,last,badLeftOut',
      '2026-01-31T00:00:00.000Z,press,heat,Cel,30,30,11.125,7.5,14.75,333.75,1,1,7.5,14.75,0',
    ])
    const table = await runHere([...args, '--every', '30m'])
    expect(table.stdout).toMatch(
      /^2026-01-31T01:30:00.000Z {2}Cel +30 +26.125 +22.5 +29.75 +22.5 +29.75 +100 {2}good +0$/m,
    )
    grown.close()
  })

  it('shows the last day when --from is missing, and says when the readings were if it finds none', async () => {
    const grown = plant([{ ...GOOD, ts: Date.now() - 60_000, value: 5 }])
    const args = ['history', 'press', 'heat', '--data', grown.folder, '--json']
    expect(JSON.parse((await runHere(args)).stdout)).toMatchObject([{ value: 5 }])
    expect(JSON.parse((await runHere([...args, '--to', '2026-01-31T00:02'])).stdout)).toMatchObject([
      { value: 0 },
      { value: 0.25 },
    ])
    const none = await runHere([...args, '--from', '-30s'])
    expect(none).toMatchObject({
      code: 0,
      stdout: '[]\n',
      stderr: expect.stringContaining('from 2026-01-31T00:00:00.000Z to '),
    })
    grown.close()
  })

  it('reports that it stopped at --limit or at the limit of a table, and stops when its reader is gone', async () => {
    const grown = plant(Array.from({ length: 20_000 }, (_, i) => ({ ...GOOD, ts: BEGIN + i, value: i })))
    const args = ['history', 'press', 'heat', '--data', grown.folder, '--from', '2026-01-31', '--to', '2026-02-01']
    const five = await runHere([...args, '--limit', '5', '--csv'])
    expect(five.stdout.trimEnd().split('\n').length).toBe(6)
    expect(five.stderr).toContain('more than 5 lines')
    const table = await runHere(args)
    expect(table.stdout.trimEnd().split('\n').length).toBe(1_002)
    expect(table.stderr).toContain('more than 1000 lines')
    const all = await runHere([...args, '--csv', '--limit', '20120'])
    expect(all).toMatchObject({ stderr: '', prints: 4 })
    expect(all.stdout.trimEnd().split('\n').length).toBe(20_121)
    expect((await runHere([...args, '--csv'], () => false)).prints).toBe(2)
    grown.close()
  })

  it('refuses an unknown series with the nearest known name, and a usage error with 64', async () => {
    const grown = plant()
    const ask = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await runHere(['history', ...args, '--data', grown.folder])
      return [code, stdout, stderr.split('\n')[0]]
    }
    const error = (code: number, text: string): unknown => [code, '', `error: ${text}`]
    expect(await ask('pres', 'heat')).toEqual(
      error(1, 'the store has no readings of device "pres"; did you mean "press"?'),
    )
    expect(await ask('press', 'heet')).toEqual(
      error(1, 'the store has no readings of metric "heet" of press; did you mean "heat"?'),
    )
    expect(await ask('press', 'heat', '--unit', 'K')).toEqual(
      error(1, 'the store has no readings of unit "K" of press heat; its units: Cel'),
    )
    expect(await ask('press', 'heat', '--from', 'x')).toEqual(error(64, '--from "x" is not a time'))
    expect(await ask('press', 'heat', '--every', '1')).toEqual(error(64, '--every "1" is not a duration'))
    expect(await ask('press', 'heat', '--from', 'now')).toEqual(error(64, 'history: --from now is not before --to now'))
    expect(await ask('press', 'heat', '--csv', '--json')).toEqual(
      error(64, 'history: --csv and --json cannot be combined'),
    )
    grown.close()
  })

  it('leaves BAD readings out of averages and says how many, unless they are asked for', async () => {
    const bad = { name: 0, quality: 4, reasons: 0, value: 9_999 } as const
    const grown = plant([1, 2].map((i) => ({ ...bad, ts: BEGIN + i })))
    const hour = [
      'history',
      'press',
      'heat',
      '--data',
      grown.folder,
      '--from',
      '2026-01-31',
      '--to',
      '2026-01-31T01:00',
    ]
    const json = async (...more: string[]) =>
      JSON.parse((await runHere([...hour, '--every', '1h', '--json', ...more])).stdout)
    const [without] = await json()
    expect(without).toMatchObject({ readings: 62, numbers: 60, badLeftOut: 2, max: 14.75, worst: 4 })
    expect(without.avg).toBeCloseTo(7.375)
    expect(await json('--include-bad')).toMatchObject([{ readings: 62, numbers: 62, badLeftOut: 0, max: 9_999 }])
    grown.close()
  })

  it('exits with 0 when its reader closes the pipe', async () => {
    const grown = plant(Array.from({ length: 30_000 }, (_, i) => ({ ...GOOD, ts: BEGIN + i, value: 'x'.repeat(50) })))
    const args = `history press heat --data ${grown.folder} --from 2026-01-31 --csv`
    const command = `(${process.execPath} src/main.ts ${args}; echo "code $?" >&2) | head -n 2`
    const { stdout, stderr } = await runProcess('sh', ['-c', command])
    expect(stderr).toBe('code 0\n')
    expect(stdout.split('\n')[0]).toBe(CSV_HEAD)
    grown.close()
  })
})

describe('tidegate devices', () => {
  it('lists every series with its figures, as a table or JSON', async () => {
    const grown = plant(kinds)
    const { code, stdout } = await runHere(['devices', '--data', grown.folder])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^press +heat +Cel +120 +2026-01-31T00:00:00.000Z +2026-01-31T01:59:00.000Z +14.875 +0 +29.75 +100$/m,
    )
    const json = JSON.parse((await runHere(['devices', '--data', grown.folder, '--json'])).stdout)
    expect(json).toMatchObject([
      {
        device: 'press',
        readings: 125,
        firstAt: '2026-01-31T00:00:00.000Z',
        worst: 4,
        series: [
          { metric: 'force', unit: 'kN', readings: 5, numbers: 0, badLeftOut: 1, avg: null, goodShare: 0.2 },
          { metric: 'heat', unit: 'Cel', readings: 120, numbers: 120, max: 29.75, lastAt: '2026-01-31T01:59:00.000Z' },
        ],
      },
    ])
    const withBad = JSON.parse((await runHere(['devices', '--data', grown.folder, '--json', '--include-bad'])).stdout)
    expect(withBad[0].series[0]).toMatchObject({ metric: 'force', numbers: 1, badLeftOut: 0, avg: 0 })
    grown.close()
    const empty = new Grown()
    expect(await runHere(['devices', '--data', empty.folder])).toMatchObject({ code: 0, stdout: 'no devices\n' })
    expect(await runHere(['devices', '--data', empty.folder, '--json'])).toMatchObject({ code: 0, stdout: '[]\n' })
    empty.close()
  })
})
