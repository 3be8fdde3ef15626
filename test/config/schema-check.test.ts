import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/config/json.ts'
import { loadSchemas } from '../../src/config/schema-check.ts'
import { tempFolder } from '../../support/folder.ts'

const folder = tempFolder()
let files = 0

function schemaFile(text: string | object): string {
  const file = join(folder, `${++files}.json`)
  writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text))
  return file
}

const PUMP = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://example.com/pump',
  properties: { interval_s: { type: 'integer', minimum: 1 }, mode: { enum: ['eco', 'full'] } },
  unknownKeyword: true,
  additionalProperties: false,
}

describe('JSON Schemas of devices', () => {
  it('report every violation with its place, and nothing for a valid config', () => {
    const check = loadSchemas([{ match: 'pump-*', file: schemaFile(PUMP) }])
    expect(check('pump-1', { interval_s: 5, mode: 'eco' })).toEqual([])
    expect(check('pump-1', { interval_s: 0, mode: 'off', speed: 1 })).toEqual([
      'the config must NOT have additional properties: "speed"',
      '/interval_s must be >= 1',
      '/mode must be equal to one of the allowed values: ["eco","full"]',
    ])
  })

  it('apply by the first pattern that matches the device; a device without a match may have any config', () => {
    const no = schemaFile('false')
    const check = loadSchemas([
      { match: 'pump-7', file: schemaFile('true') },
      { match: 'pump-*', file: no },
      { match: 'p*', file: schemaFile(PUMP) },
    ])
    expect(check('pump-7', { speed: 1 })).toEqual([])
    expect(check('pump-8', {})).toHaveLength(1)
    expect(check('press', { speed: 1 })).toHaveLength(1)
    expect(check('valve', { speed: 1 })).toEqual([])
  })

  it('are read by the draft that they name, may share an id, and treat formats as annotations', () => {
    const tuple = { type: 'array', items: [{ type: 'number' }], additionalItems: false }
    const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#', $id: PUMP.$id, properties: { a: tuple } }
    const newer = { properties: { a: { prefixItems: [{ type: 'number' }], items: false, format: 'no-such' } } }
    const check = loadSchemas([
      { match: 'old', file: schemaFile(draft7) },
      { match: 'new', file: schemaFile(newer) },
      { match: 'pump', file: schemaFile(PUMP) },
    ])
    for (const device of ['old', 'new']) {
      expect(check(device, { a: [1] })).toEqual([])
      expect(check(device, { a: [1, 2] })).toEqual(['/a must NOT have more than 1 items'])
    }
  })

  it('report at most eight violations of one config, and the number of further ones', () => {
    const check = loadSchemas([{ match: '*', file: schemaFile({ additionalProperties: { type: 'number' } }) }])
    const config = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'text']))
    expect(check('x', config)).toHaveLength(9)
    expect(check('x', config).at(-1)).toBe('and 12 more')
  })

  it('are refused with their file and the reason when they are missing, invalid or incomplete', () => {
    const missing = join(folder, 'nowhere.json')
    const elsewhere = { $ref: 'other.json' }
    for (const [file, reason] of [
      [missing, 'there is no such file'],
      [schemaFile('{'), 'JSON'],
      [schemaFile('[]'), 'not an object, true or false'],
      [schemaFile({ type: 'nonsense' }), 'schema is invalid'],
      [schemaFile(elsewhere), 'other.json'],
    ] as const) {
      const load = () => loadSchemas([{ match: '*', file }])
      expect(load).toThrow(file)
      expect(load).toThrow(reason)
      expect(load).toThrow(expect.objectContaining({ name: 'OperatorError', exitCode: 78 }))
    }
  })

  it('check patterns of schemas in time that is in proportion to the text', () => {
    const text = { type: 'string', pattern: '^(a+)+$' }
    const file = schemaFile({ properties: { name: text }, patternProperties: { '^(b|b)+$': text } })
    const check = loadSchemas([{ match: '*', file }])
    expect(check('x', { name: 'aaa', bb: 'a' })).toEqual([])
    const slow = 'a'.repeat(10_000)
    expect(check('x', { name: `${slow}!` })).toEqual(['/name must match pattern "^(a+)+$"'])
    expect(check('x', { [`${'b'.repeat(10_000)}!`]: 1 })).toEqual([])
  })

  it('are refused when a pattern needs an engine whose time has no bound', () => {
    const file = schemaFile({ properties: { name: { pattern: '^(?!no)[a-z]+$' } } })
    expect(() => loadSchemas([{ match: '*', file }])).toThrow('"^(?!no)[a-z]+$"')
  })

  it('treat patterns as JavaScript does: Unicode classes, code points, and matches anywhere in the text', () => {
    const patterns = [
      '\\p{Lu}',
      '^.$',
      '\\d{2}',
      '^[^\\s/]+$',
      '\\u00e9',
      '[\\w.-]+@x',
      '(?<year>\\d{4})-',
      'a|b$',
      '\\bend\\b',
    ]
    const texts = ['É', 'é', '😀', 'a1', 'a12', 'a b', 'me@x', '2026-11', 'ab', 'the end', 'bend', '', '\n']
    for (const pattern of patterns) {
      const check = loadSchemas([{ match: '*', file: schemaFile({ properties: { t: { pattern } } }) }])
      const expected = new RegExp(pattern, 'u')
      for (const t of texts)
        expect([pattern, t, check('x', { t }).length === 0]).toEqual([pattern, t, expected.test(t)])
    }
  })

  it('find equal items in time that is in proportion to the array', () => {
    const file = schemaFile({ properties: { items: { uniqueItems: true } } })
    const check = loadSchemas([{ match: '*', file }])
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 12 }), (generated) => {
        const items = JSON.parse(JSON.stringify(generated)) as Json[] // JSON Schema has one zero: -0 becomes 0.
        const equal = items.some((one, i) => items.slice(i + 1).some((other) => isDeepStrictEqual(one, other)))
        expect(check('x', { items })).toEqual(equal ? ['/items must NOT have equal items'] : [])
      }),
    )
    const many = Array.from({ length: 100_000 }, (_, i) => ({ i, list: [i] }))
    expect(check('x', { items: many })).toEqual([])
  })
})
