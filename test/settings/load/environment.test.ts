import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withEnvironment } from '../../../src/settings/load/environment.ts'
import { edgeOutline, receiverOutline } from '../../../src/settings/load/load.ts'
import { type Outline, outlineAt, type Path, valueAt } from '../../../src/settings/outline.ts'

/** Every setting that contains no other settings; a list is represented by its first entry. */
function leaves(node: Outline, path: Path = []): Path[] {
  if (node.prefixItems) return node.prefixItems.flatMap((item, index) => leaves(item, [...path, index]))
  if (node.items) return leaves(node.items, [...path, 0])
  if (node.properties === undefined) return [path]
  return Object.entries(node.properties).flatMap(([key, child]) => leaves(child, [...path, key]))
}

const outlines = [edgeOutline(), receiverOutline()]
const anyLeaf = fc.constantFrom(...outlines.flatMap((outline) => leaves(outline).map((path) => ({ outline, path }))))

/** The name of the variable for a path, in any of the allowed spellings. */
const spelling = (path: Path): fc.Arbitrary<string> =>
  fc.constantFrom(
    ...[
      (key: string) => key,
      (key: string) => key.toUpperCase(),
      (key: string) => key.toLowerCase(),
      (key: string) => key.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
    ].map((spell) => `TIDEGATE_${path.map((step) => spell(String(step))).join('__')}`),
  )

/** A value for a setting, and its text in a variable. */
function sample({ type, enum: known }: Outline): fc.Arbitrary<{ value: unknown; text: string }> {
  if (known) return fc.constantFrom(...known).map((value) => ({ value, text: value }))
  if (type === 'string') return fc.string().map((value) => ({ value, text: value }))
  if (type === 'boolean') return fc.boolean().map((value) => ({ value, text: String(value) }))
  const number = type === 'integer' ? fc.maxSafeInteger() : fc.double({ noNaN: true, noDefaultInfinity: true })
  return number.filter((value) => !Object.is(value, -0)).map((value) => ({ value, text: String(value) }))
}

const tidegate = (env: Record<string, string>, data: unknown = {}) => withEnvironment(data, outlines[0]!, env)
const problemsOf = (env: Record<string, string>, data?: unknown) => tidegate(env, data).problems.map(({ text }) => text)

describe('the environment', () => {
  it('can set any setting in any allowed spelling of its name, and changes no other setting', () => {
    const anyOverride = anyLeaf.chain(({ outline, path }) =>
      fc.record({
        outline: fc.constant(outline),
        path: fc.constant(path),
        variable: spelling(path),
        sample: sample(outlineAt(outline, path)!),
      }),
    )
    fc.assert(
      fc.property(anyOverride, ({ outline, path, variable, sample: { value, text } }) => {
        // A tuple is set from its beginning: its second number needs a first one.
        const before = path.at(-1) === 1 ? { [variable.replace(/1$/, '0')]: '0' } : {}
        const file = { edge: 'from-the-file', log: { level: 'warn' } }
        const { data, problems, origins } = withEnvironment(file, outline, {
          ...before,
          [variable]: text,
          PATH: '/bin',
        })
        expect(problems).toEqual([])
        expect(valueAt(data, path)).toEqual(value)
        expect(origins.at(-1)).toEqual({ path, variable })
        if (path[0] !== 'edge') expect(valueAt(data, ['edge'])).toBe('from-the-file')
        if (path[0] !== 'log') expect(valueAt(data, ['log'])).toEqual({ level: 'warn' })
        expect(file).toEqual({ edge: 'from-the-file', log: { level: 'warn' } })
      }),
      { numRuns: 500 },
    )
  })

  it('has a different variable name for every key of a mapping', () => {
    const visit = ({ properties = {}, items }: Outline): void => {
      const names = Object.keys(properties).map((key) => key.toLowerCase().replaceAll('_', ''))
      expect(new Set(names).size).toBe(names.length)
      for (const child of Object.values(properties)) visit(child)
      if (items) visit(items)
    }
    outlines.forEach(visit)
  })

  it('sets whole lists and mappings in flow style, which variables of inner settings refine', () => {
    const { data, problems } = tidegate({
      TIDEGATE_UPLINKS__1__URL: 'mqtt://b',
      TIDEGATE_UPLINKS: '[{ url: "mqtt://a" }]',
      TIDEGATE_QUALITY__0: '{ match: "*", range: { fail: [0, 1] } }',
    })
    expect(problems).toEqual([])
    expect(data).toEqual({
      uplinks: [{ url: 'mqtt://a' }, { url: 'mqtt://b' }],
      quality: [{ match: '*', range: { fail: [0, 1] } }],
    })
  })

  it('lets an inner setting override an outer one, whatever the order and spelling', () => {
    const env = { TIDEGATE_LO_G__LEVEL: 'debug', TIDEGATE_LOG: '{ level: warn }' }
    expect(tidegate(env).data).toEqual({ log: { level: 'debug' } })
  })

  it('changes one entry of a list that only the defaults define', () => {
    const { data } = tidegate({ TIDEGATE_ROUTES__1__FORMAT: 'json' })
    expect(valueAt(data, ['routes', 0])).toEqual({ topic: 'telemetry/{device}/{metric}' })
    expect(valueAt(data, ['routes', 1])).toEqual({ topic: 'telemetry/{device}', format: 'json' })
  })

  it('orders list entries by number: the eleventh follows the tenth', () => {
    const env = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`TIDEGATE_ROUTES__${i}__TOPIC`, `t${i}/{device}`]),
    )
    expect(tidegate(env).problems).toEqual([])
  })

  it('refuses a variable that names no setting, and suggests a near one', () => {
    expect(problemsOf({ TIDEGATE_BROKR__TCP__PORT: '1' })).toEqual([
      'names no setting: the file has no "BROKR"; did you mean TIDEGATE_BROKER__TCP__PORT?',
    ])
    expect(problemsOf({ TIDEGATE_BROKER_TCP_PORT: '1' })).toHaveLength(1)
    expect(problemsOf({ TIDEGATE_EDGE__X: '1' })).toEqual(['names no setting: edge has no "X"'])
    expect(problemsOf({ TIDEGATE_UPLINKS__FIRST__URL: 'x' })).toEqual(['names no setting: uplinks has no "FIRST"'])
    expect(problemsOf({ TIDEGATE_: '1' })).toHaveLength(1)
    expect(problemsOf({ TIDEGATE___PROTO__: '1' })).toHaveLength(1)
  })

  it('refuses a gap in a list, and invalid YAML', () => {
    expect(problemsOf({ TIDEGATE_UPLINKS__2__URL: 'x' })).toEqual(['would leave a gap: uplinks has only 0 so far'])
    expect(problemsOf({ TIDEGATE_UPLINKS__999999__URL: 'x' })).toHaveLength(1)
    expect(problemsOf({ TIDEGATE_WEB: '{ port: [' })).toEqual([expect.stringMatching(/^is not valid YAML/)])
  })

  it('does not hide a mistake in the file', () => {
    expect(tidegate({ TIDEGATE_BROKER__TCP__PORT: '1' }, { broker: 'oops' }).data).toEqual({ broker: 'oops' })
  })
})

describe('a variable that is not UTF-8', () => {
  it('is a problem: Node.js has replaced bytes of it', () => {
    expect(problemsOf({ TIDEGATE_DATA: 'K\ufffdhler' })).toEqual(['is not UTF-8'])
  })
})
