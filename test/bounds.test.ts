import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { edgeSettings } from '../src/settings/edge.ts'
import { type Outline, outlineOf } from '../src/settings/outline.ts'
import { receiverSettings } from '../src/settings/receiver.ts'

const PAGE = 'docs/guarantees.md'
const HEADER = ['structure', 'bound', 'setting', 'counter', 'when it is full']
/** A column that does not apply. */
const NONE = '–'

/**
 * A setting is a bound if its last name has one of these as a part: `seriesMax`, `maxBytes`, `windowBytes`,
 * `sessionExpiryS`. A maximum of a time, such as `backoffMaxMs`, is none: nothing fills up.
 */
const BOUND_PARTS = ['max', 'window', 'expiry', 'ttl']
const TIME_UNITS = ['ms', 's', 'days', 'hours']

/** Bounds by that rule of which nothing can be full, each with what it is instead. */
const NO_STRUCTURE: Readonly<Record<string, string>> = {
  'quality[].attenuated.windowS': 'a time that a rule of quality considers',
}

function isBound(path: string): boolean {
  const parts = (path.split('.').at(-1) ?? '')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(' ')
  const isTime = parts.includes('max') && TIME_UNITS.includes(parts.at(-1) ?? '')
  return parts.some((part) => BOUND_PARTS.includes(part)) && !isTime
}

/** The paths of all settings as in docs/settings.md: `uplinks[].window`. */
function* pathsOf(outline: Outline, path = ''): Generator<string> {
  if (path !== '') yield path
  const variants = [outline, ...(outline.anyOf ?? [])]
  for (const { properties = {}, items } of variants) {
    for (const [key, child] of Object.entries(properties)) yield* pathsOf(child, path === '' ? key : `${path}.${key}`)
    if (items) for (const child of pathsOf(items, `${path}[]`)) if (child !== `${path}[]`) yield child
  }
}

/** The rows of the table in the section "Bounds", header and line below it included. */
function tableIn(page: string): string[][] {
  const [, section = ''] = page.split(/^## Bounds$/m)
  const lines = section.split(/^## /m)[0]!.split('\n')
  return lines
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

/** What is written as code in a cell. */
function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)
}

const settings = new Set([edgeSettings, receiverSettings].flatMap((schema) => [...pathsOf(outlineOf(schema, ''))]))
const [header, , ...rows] = tableIn(readFileSync(join(import.meta.dirname, '..', PAGE), 'utf8'))

describe(`the table of bounds in ${PAGE}`, () => {
  it('is compared with the settings by a rule that knows a bound by its name', () => {
    expect([...settings].filter((path) => path === 'broker.tcp.port' || path === 'uplinks[].window')).toHaveLength(2)
    expect(
      ['store.maxBytes', 'broker.pendingBytesMax', 'cloud.sessionExpiryS', 'uplinks[].windowBytes'].filter(isBound),
    ).toHaveLength(4)
    expect(['uplinks[].backoffMaxMs', 'quality[].maxGapS', 'store.freeBytesMin', 'edge'].filter(isBound)).toEqual([])
    expect(tableIn('## Bounds\n\n| a | b |\n|---|---|\n| c | `d` |\n\n## Next\n\n| e |')).toEqual([
      ['a', 'b'],
      ['---', '---'],
      ['c', '`d`'],
    ])
  })

  it('says for each structure how large it can get, and what happens then', () => {
    expect(header).toEqual(HEADER)
    const incomplete = rows.filter((row) => row.length !== HEADER.length || row.some((cell) => cell === ''))
    expect(incomplete).toEqual([])
    const silent = rows.filter(([, bound, , , consequence]) => bound === NONE || consequence === NONE)
    expect(silent).toEqual([])
    const names = rows.map(([structure]) => structure)
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  })

  it('names only settings that exist', () => {
    expect(rows.flatMap(([, , setting = '']) => codesIn(setting)).filter((path) => !settings.has(path))).toEqual([])
  })

  it('names every setting that is a bound', () => {
    const named = new Set(rows.flatMap(([, , setting = '']) => codesIn(setting)))
    const missing = [...settings].filter((path) => isBound(path) && !named.has(path) && !(path in NO_STRUCTURE))
    expect(missing).toEqual([])
    expect(Object.keys(NO_STRUCTURE).filter((path) => !settings.has(path) || !isBound(path))).toEqual([])
  })
})
