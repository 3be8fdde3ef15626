import fc from 'fast-check'
import suite from 'json-patch-test-suite/tests.json' with { type: 'json' }
import { describe, expect, it } from 'vitest'
import { equal, type Json, type JsonObject, type Maybe, MISSING } from '../../src/config/json.ts'
import { type Collision, type Decision, merge } from '../../src/config/merge.ts'
import { applyMergePatch } from '../../src/config/patch.ts'
import { type ConflictRules, decider, type OnConflict } from '../../src/config/policies.ts'

const cloudWins = { decide: ({ cloud }: Collision): Decision => ({ manual: false, value: cloud, why: '' }) }
const edgeWins = { decide: ({ edge }: Collision): Decision => ({ manual: false, value: edge, why: '' }) }
const key = fc.constantFrom('a', 'b', 'c')
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<Json>(null, false, 0, 1, 2, '', 'x'),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Json>,
  ),
}))
const side: fc.Arbitrary<Maybe> = fc.oneof(
  { weight: 9, arbitrary: value },
  { weight: 1, arbitrary: fc.constant(MISSING) },
)

describe('a merge patch', () => {
  // RFC 7396, appendix A: original, patch, result
  it.each<[Json, Json, Json]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('changes %j with %j to %j', (original, patch, result) => {
    expect(applyMergePatch(original, patch)).toEqual(result)
  })
})

describe('the three-way merge', () => {
  it('is mirror-symmetric', () => {
    fc.assert(
      fc.property(side, side, side, fc.boolean(), (base, left, right, twoWay) => {
        const one = merge(base, left, right, { ...cloudWins, twoWay })
        const other = merge(base, right, left, { ...edgeWins, twoWay })
        expect(equal(one.value, other.value)).toBe(true)
        expect(one.collisions.map(({ path }) => path).sort()).toEqual(other.collisions.map(({ path }) => path).sort())
      }),
    )
  })

  it('satisfies merge(B,L,B) = L, merge(B,B,R) = R and merge(B,X,X) = X without collisions', () => {
    fc.assert(fc.property(side, side, (base, one) => expectIdentities(base, one)))
    const documents = (suite as { doc?: Json; expected?: Json }[]).filter(({ expected }) => expected !== undefined)
    expect(documents.length).toBeGreaterThan(50)
    for (const { doc, expected } of documents) expectIdentities(doc, expected)
  })

  it('produces only values from base, edge and cloud', () => {
    fc.assert(
      fc.property(side, side, side, (base, edge, cloud) => {
        const { value } = merge(base, edge, cloud, cloudWins)
        const known = new Set([base, edge, cloud].flatMap((one) => leaves(one, '')))
        for (const found of leaves(value, '')) {
          // an object may be empty after the removal of its members
          expect(known.has(found) || found.endsWith(' {}')).toBe(true)
        }
      }),
    )
  })

  it.each<[Maybe, Json, Json, Json, string[]]>([
    [{ hello: 1, world: 2 }, { hello: 1 }, { hello: 1, world: 3 }, { hello: 1, world: 3 }, ['/world']],
    [{ hello: 1, world: 2 }, { hello: 1, world: 2, there: 2 }, { hello: 1 }, { hello: 1, there: 2 }, []],
    [MISSING, { hello: 1, there: 3 }, { hello: 1, here: 4 }, { hello: 1, there: 3, here: 4 }, []],
    [{ a: 0 }, { a: -0 }, { a: 1 }, { a: 1 }, []],
    [{ a: null }, {}, { a: null }, {}, []],
    [{ a: [1] }, { a: [1, 2] }, { a: [1, 3] }, { a: [1, 3] }, ['/a']],
    [{ a: 1 }, { a: { b: 1 } }, { a: { c: 1 } }, { a: { c: 1 } }, ['/a']],
    [{ 'x/y~z': 1 }, { 'x/y~z': 2 }, { 'x/y~z': 3 }, { 'x/y~z': 3 }, ['/x~1y~0z']],
  ])('of base %j, edge %j, cloud %j gives %j with collisions at %j', (base, edge, cloud, result, paths) => {
    const merged = merge(base, edge, cloud, cloudWins)
    expect(merged.value).toEqual(result)
    expect(merged.collisions.map(({ path }) => path)).toEqual(paths)
  })

  it('combines two configs without a known ancestor into their union, by the usual policies', () => {
    const rules: ConflictRules = { policies: [], deleteModify: 'keep', keyedArrays: [] }
    const { value } = merge({ hello: 9 }, { hello: 1, there: 3 }, { hello: 1, here: 4 }, { twoWay: true, ...by(rules) })
    expect(value).toEqual({ hello: 1, there: 3, here: 4 })
  })

  it('merges a keyed array item by item, in the same order from both sides', () => {
    const keyedArrays = [{ path: '/p', key: 'id' }]
    const base = {
      p: [
        { id: 'b', x: 1 },
        { id: 'a', x: 1 },
      ],
    }
    const edge = { p: [{ id: 'b', x: 2 }, { id: 'a', x: 1 }, { id: 'z' }] }
    const cloud = { p: [{ id: 'a', x: 3 }, { id: 'c' }, { id: 'b', x: 1 }] }
    const expected = { p: [{ id: 'b', x: 2 }, { id: 'a', x: 3 }, { id: 'c' }, { id: 'z' }] }
    expect(merge(base, edge, cloud, { ...cloudWins, keyedArrays }).value).toEqual(expected)
    expect(merge(base, cloud, edge, { ...edgeWins, keyedArrays }).value).toEqual(expected)
    const [outer, inner] = [(value: Json) => ({ line: { one: value } }), [{ path: '/line/*/p', key: 'id' }]]
    const merged = merge(outer(base), outer(edge), outer(cloud), { ...cloudWins, keyedArrays: inner })
    expect(merged.value).toEqual(outer(expected))
  })

  it('reads the rules once, however many places collide', () => {
    const places = fc.integer({ min: 1, max: 300 })
    fc.assert(
      fc.property(places, places, (collisions, rules) => {
        const read = { count: 0 }
        const counted = <T extends object>(others: T) => ({
          ...others,
          get path() {
            read.count++
            return '/other/**'
          },
        })
        const of = (value: number): Json =>
          Object.fromEntries(Array.from({ length: collisions }, (_, i) => [`k${i}`, [value]]))
        const policies = Array.from({ length: rules }, () => counted({ onConflict: 'edge' as const }))
        const keyedArrays = Array.from({ length: rules }, () => counted({ key: 'id' }))
        const given = { ...by({ policies, deleteModify: 'keep', keyedArrays }), keyedArrays }
        expect(merge(of(0), of(1), of(2), given).collisions).toHaveLength(collisions)
        expect(read.count).toBe(2 * rules)
      }),
      { numRuns: 20 },
    )
  })

  it('takes the choices of the cloud where they are, and its rules elsewhere', () => {
    const side = (v: number): Json => ({ a: { b: v, c: v }, ab: v, d: v === 2 ? 0 : v })
    const [base, edge, cloud] = [side(0), side(1), side(2)]
    const merged = merge(base, edge, cloud, { ...edgeWins, cloudsChoice: ['/a/b', '/d'] })
    expect(merged.value).toEqual({ a: { b: 2, c: 1 }, ab: 1, d: 0 })
    expect(merge(base, edge, cloud, { ...edgeWins, cloudsChoice: [''] }).value).toEqual(cloud)
    const unchanged = merge(base, edge, base, { ...edgeWins, cloudsChoice: ['/a/b'] })
    expect(unchanged.value).toEqual({ a: { b: 0, c: 1 }, ab: 1, d: 1 })
  })
})

describe('policies', () => {
  it.each<[OnConflict, Json, Json, Maybe]>([
    ['cloud', 1, 2, 2],
    ['edge', 1, 2, 1],
    ['custom:min', 1, 2, 1],
    ['custom:max', 1, 2, 2],
    ['custom:union', ['b', 'a'], ['c', 'a'], ['a', 'b', 'c']],
    ['custom:intersect', ['b', 'a'], ['c', 'a'], ['a']],
  ])('%s of edge %j and cloud %j is %j', (onConflict, edge, cloud, result) => {
    const rules: ConflictRules = { policies: [{ path: '/**', onConflict }], deleteModify: 'keep', keyedArrays: [] }
    expect(merge({ a: 0 }, { a: edge }, { a: cloud }, by(rules)).value).toEqual({ a: result })
  })

  it.each<OnConflict>(['manual', 'custom:min', 'custom:absent'])(
    '%s leaves a collision that it cannot decide to a person',
    (onConflict) => {
      const rules: ConflictRules = { policies: [{ path: '/a', onConflict }], deleteModify: 'keep', keyedArrays: [] }
      const { value, collisions } = merge({ a: 'x' }, { a: 'y' }, { a: 'z' }, by(rules))
      expect(collisions[0]?.decision.manual).toBe(true)
      expect(value).toEqual({ a: 'y' })
    },
  )

  it.each([
    ['keep', { a: 2 }],
    ['delete', {}],
  ] as const)('deleteModify %s decides between a deletion and a change', (deleteModify, result) => {
    const rules: ConflictRules = { policies: [], deleteModify, keyedArrays: [] }
    expect(merge({ a: 1 }, {}, { a: 2 }, by(rules)).value).toEqual(result)
    expect(merge({ a: 1 }, { a: 2 }, {}, by(rules)).value).toEqual(result)
  })
})

function by(rules: ConflictRules): { decide(collision: Collision): Decision } {
  const judges = {
    newer: () => ({ side: 'cloud', why: '' }) as const,
    custom: () => ({ ok: false, reason: 'there is none' }) as const,
  }
  return { decide: decider(rules, judges) }
}

function expectIdentities(base: Maybe, one: Maybe): void {
  for (const { value, collisions } of [
    merge(base, one, base, cloudWins),
    merge(base, base, one, cloudWins),
    merge(base, one, one, cloudWins),
  ]) {
    expect(equal(value, one)).toBe(true)
    expect(collisions).toEqual([])
  }
}

/** Every value that is not an object, with its path; of an empty object, the object. */
function leaves(value: Maybe, path: string): string[] {
  if (value === MISSING) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} ${JSON.stringify(value)}`]
  const members = Object.entries(value as JsonObject)
  return members.length === 0 ? [`${path} {}`] : members.flatMap(([name, child]) => leaves(child, `${path}/${name}`))
}
