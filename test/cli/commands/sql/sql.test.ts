import { describe, expect, it } from 'vitest'
import { Grown } from '../../../store/history/grown.ts'
import { tamper } from '../../../store/stores.ts'
import { runHere } from '../../recorder.ts'

const GOOD = { name: 0, quality: 1, reasons: 0 } as const
const ENDLESS = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c'

describe('tidegate sql', () => {
  it('prints what a statement finds as a table, CSV or JSON, and says when there is more', async () => {
    const grown = new Grown()
    grown.append([1, 2, 3].map((value) => ({ ...GOOD, ts: value * 1_000, value })))
    grown.seal()
    const ask = (statement: string, ...words: string[]) => runHere(['sql', statement, '--data', grown.folder, ...words])
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

  it('ends a statement that takes too long, and refuses what is none with what SQLite says', async () => {
    const grown = new Grown()
    grown.append([{ ...GOOD, ts: 1, value: 1 }])
    const ask = (statement: string, ...words: string[]) => runHere(['sql', statement, '--data', grown.folder, ...words])
    const started = performance.now()
    const [endless, wrong, missing] = await Promise.all([
      ask(ENDLESS, '--timeout', '500ms'),
      ask('SELCT 1'),
      runHere(['sql', 'SELECT 1', '--data', `${grown.folder}/none`]),
    ])
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(endless).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('longer than 0.5 s') })
    expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('syntax error') })
    expect(missing).toMatchObject({ code: 69, stdout: '', stderr: expect.stringContaining('there is no database') })
    const broken = runHere(['sql', "SELECT * FROM readings('press', 'heat')", '--data', grown.folder])
    expect(await broken).toMatchObject({ code: 0 })
    grown.seal()
    tamper(grown.folder, `UPDATE blocks SET bytes = x'00'`)
    const damaged = await ask("SELECT * FROM readings('press', 'heat')")
    expect(damaged).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('cannot be read') })
    grown.close()
  })
})
