import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** Words that the project does not use, each with the field's term for it. Parts of camelCase names count as words. */
const TERMS: readonly (readonly [instead: RegExp, use: string])[] = [
  [/\bexpress\b/, 'fast path'],
  [/\binlets?\b/, 'socket reader'],
  [/\bletter ?box/, 'order poller'],
  [/\bdesks?\b/, 'requests, transactions'],
  [/\bdispatch(er|ers|es|ed)?\b/, 'batch scheduler'],
  [/\bhouse\b|\bhouse-?keepers?\b|\bkeeps? house\b/, 'housekeeping, housekeeping timer'],
  [/\bworkshops?\b|\bshops?\b/, 'housekeeping context'],
  [/\bnews\b/, 'notices'],
  [/\bopening (of )?(a|the) message\b/, 'open message'],
  [/\bgiv(e|es|ing) way\b/, 'drop seals, drop the oldest readings'],
  [/\boutlook\b/, 'forecast'],
  [/\bspending\b/, 'link usage'],
  [/\brescue[ds]?\b/, 'backup and recovery'],
  [/\bremains\b/, 'database reader; is left'],
  [/\breckon(s|ed|ing)?\b/, 'rebuilt ledger'],
  [/\bresealing\b/, 'reseal'],
  [/\bsuspects\b/, 'bisection'],
  [/\baccus(e|es|ed|ation|ations)\b/, 'poison candidates'],
  [/\bpoison\b(?![ -](reading|candidate|message)s?\b)/, 'poison reading, poison candidate'],
  [/\bflights\b|(?<!\bin[ -])\bflight\b/, 'in flight'],
  [/\bsupply\b/, 'prefetch'],
  [/\bgather(s|ed|ing)?\b/, 'receipt batch; collect'],
  [/\bpaces?\b/, 'congestion window; rate'],
  [/\bsleepers?\b/, 'wakeable wait'],
  [/\bcouriers?\b/, 'config publisher'],
  [/\bcensus\b/, 'metric registry'],
  [/\bwrappers?\b/, 'batch publisher'],
  [/\bportraits?\b/, 'format'],
  [/\bwords\b/, 'arguments; terms; text'],
  [/\blook(s|ed|ing)?\b(?! like\b)/, 'show; read; check'],
  [/\bbesides?\b/, 'with; next to; in addition'],
  [/\bfar side\b/, 'receiver, cloud broker'],
  [/\btold\b/, 'is reported, reports, is notified'],
  [/\bso (many|long)\b/, 'at most N; for up to N ms'],
  [/\bnobody\b/, 'the one who does not, or the passive'],
  [/\bhomeless\b/, 'no room in the queue; orphaned rows'],
  [/\bdeeds?\b/, 'changes'],
  [/\bbarren\b/, 'empty'],
]

/** Terms that stay where they are stored: a table of the database, a key of a stored report. */
const STORED: Readonly<Record<string, readonly string[]>> = {
  'src/store/migrations.ts': ['spending'],
  'src/store/delivery/link-usage.ts': ['spending'],
  'src/store/delivery/outboxes.ts': ['spending'],
  'src/store/README.md': ['spending'],
  'support/postgres.ts': ['nobody'], // the user of that name
  'src/store/recovery/damages.ts': ['homeless'],
}

/** Lower-case words of a text: `inFlight` and `IN_FLIGHT` become `in flight`. */
function plain(text: string): string {
  return text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase()
}

function hitsIn(file: string): string[] {
  const kept = STORED[file] ?? []
  return readFileSync(join(ROOT, file), 'utf8')
    .split('\n')
    .flatMap((line, i) => {
      const text = plain(line)
      return TERMS.flatMap(([instead, use]) => {
        const found = instead.exec(text)?.[0]
        if (found === undefined || kept.includes(found)) return []
        return [`${file}:${i + 1}: "${found}", say ${use}: ${line.trim().slice(0, 100)}`]
      })
    })
}

const files = globSync(
  ['src/**/*.{ts,md}', 'docs/**/*', 'bench/**/*.{ts,md}', 'support/**/*.ts', 'examples/**/*', 'mosquitto/*', '*.md'],
  { cwd: ROOT },
)
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file !== 'CHANGELOG.md' && /\.\w+$/.test(file))
  .sort()

describe('the vocabulary', () => {
  it('is checked word by word, also inside names', () => {
    expect(plain('readonly #farSide = IN_FLIGHT_MAX')).toContain('far side = in flight max')
    expect(files).toContain('src/main.ts')
    expect(files).toContain('README.md')
  })

  it('has the terms of the field only', () => {
    expect(files.flatMap(hitsIn)).toEqual([])
  })
})
