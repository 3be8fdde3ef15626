import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { until } from '../../../../support/wait.ts'
import { Grown } from '../../../store/history/grown.ts'
import { tamper } from '../../../store/stores.ts'
import { runHere } from '../../recorder.ts'

const GOOD = { name: 0, quality: 1, reasons: 0 } as const
const ENDLESS = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c'

/** The number of processes that run a statement for this process. */
function statementProcesses(): number {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isOurs = readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${process.pid}\n`)
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('statement-process')
    } catch {
      return false // not a process, or a process that has ended
    }
  }).length
}

describe('tidegate sql', () => {
  it('prints the rows of a statement as a table, CSV or JSON, and reports that there are more rows than the limit', async () => {
    const grown = new Grown()
    grown.append([1, 2, 3].map((value) => ({ ...GOOD, ts: value * 1_000, value })))
    grown.seal()
    const ask = (statement: string, ...args: string[]) => runHere(['sql', statement, '--data', grown.folder, ...args])
    const readings = "SELECT time, value FROM readings('press', 'heat')"
    const [table, csv, json, cut] = await Promise.all([
      ask(readings),
      ask(`SELECT 'a,b' AS "x""y", NULL AS n, x'00ff' AS b, 1e999 AS i`, '--csv'),
      ask(`SELECT 'a,b' AS "x""y", NULL AS n, x'00ff' AS b, 1e999 AS i, 9007199254740993 AS l`, '--json'),
      ask(readings, '--limit', '2', '--csv'),
    ])
    expect(table).toMatchObject({ code: 0, stderr: '' })
    expect(table.stdout.split('\n').slice(0, 3)).toEqual([
      'time                      value',
      '───────────────────────────────',
      '1970-01-01T00:00:01.000Z      1',
    ])
    expect(csv.stdout).toBe('"x""y",n,b,i\n"a,b",,AP8=,Infinity\n')
    const row = { 'x"y': 'a,b', n: null, b: 'AP8=', i: 'Infinity', l: '9007199254740993' }
    expect(JSON.parse(json.stdout)).toEqual([row])
    expect(cut.stdout.trimEnd().split('\n').length).toBe(3)
    expect(cut.stderr).toContain('more rows than these 2')
    grown.close()
  })

  it('names a device and a metric without readings, if there is no row', async () => {
    const grown = new Grown()
    grown.append([{ ...GOOD, ts: 1, value: 1 }])
    const ask = (statement: string) => runHere(['sql', statement, '--data', grown.folder])
    const [device, metric, join, empty] = await Promise.all([
      ask("SELECT * FROM readings('pres', 'heat')"),
      ask("SELECT * FROM buckets('press', 'heta') WHERE every_ms = '1h'"),
      ask("SELECT value FROM (SELECT 'pres' AS name UNION SELECT 'press') AS d, readings(d.name, 'heat')"),
      ask("SELECT * FROM readings('press', 'heat', '2026-01-01')"),
    ])
    expect(device).toMatchObject({ code: 0, stderr: expect.stringContaining('device "pres"; did you mean "press"') })
    expect(metric).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('metric "heta" of press; did you mean "heat"'),
    })
    expect(join).toMatchObject({ code: 0, stderr: '' })
    expect(empty).toMatchObject({ code: 0, stderr: '' })
    grown.close()
  })

  it('ends the process of a statement that takes longer than --timeout', async () => {
    const grown = new Grown()
    const endless = runHere(['sql', ENDLESS, '--data', grown.folder, '--timeout', '1s'])
    await until(() => statementProcesses() === 1, { what: 'the process of the statement starts' })
    expect(await endless).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('longer than 1 s') })
    await until(() => statementProcesses() === 0, { what: 'the process of the statement ends' })
    grown.close()
  })

  it('reports the error of a statement that SQLite rejects, of a missing database and of a damaged block', async () => {
    const grown = new Grown()
    grown.append([{ ...GOOD, ts: 1, value: 1 }])
    const ask = (statement: string, ...args: string[]) => runHere(['sql', statement, '--data', grown.folder, ...args])
    const [wrong, missing] = await Promise.all([
      ask('SELCT 1'),
      runHere(['sql', 'SELECT 1', '--data', `${grown.folder}/none`]),
    ])
    expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('syntax error') })
    expect(missing).toMatchObject({ code: 69, stdout: '', stderr: expect.stringContaining('there is no database') })
    const readings = "SELECT * FROM readings('press', 'heat')"
    expect(await ask(readings)).toMatchObject({ code: 0 })
    grown.seal()
    tamper(grown.folder, `UPDATE blocks SET bytes = x'00'`)
    const damaged = await ask(readings)
    expect(damaged).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('cannot be read') })
    grown.close()
  })
})
