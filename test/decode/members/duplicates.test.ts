import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decoded } from '../../../src/decode/decode.ts'
import { CBOR_DEPTH_MAX, PARTIALS_LISTED_MAX, READINGS_PER_MESSAGE_MAX } from '../../../src/decode/limits.ts'
import { onDevice, onlyValue, onMetric, partialOf, readingsOf, reasonOf } from '../support.ts'

const WHY = 'replaced by a later member of the same name'

type Shape = 'leaf' | { readonly items: readonly Shape[] } | { readonly members: readonly (readonly [string, Shape])[] }

/** Few names, so that most objects have one of them several times; none has a meaning of its own. */
const name = fc.constantFrom('aa_', 'bb_', 'cc_', '__proto__')
const shape = fc.letrec<{ node: Shape }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'large', withCrossShrink: true },
    fc.constant<Shape>('leaf'),
    fc.array(tie('node'), { maxLength: 3 }).map((items) => ({ items })),
    fc.array(fc.tuple(name, tie('node')), { maxLength: 4 }).map((members) => ({ members })),
  ),
})).node

interface Message {
  readonly json: string
  readonly cbor: Uint8Array
  /** The same object without the members that are replaced. */
  readonly last: string
  readonly leaves: readonly { readonly path: string; readonly value: number }[]
  readonly replaced: readonly string[]
}

/** A message with a value of its own in each leaf, every other name of which is written with an escape. */
function messageOf(root: readonly (readonly [string, Shape])[]): Message {
  const leaves: { path: string; value: number }[] = []
  let names = 0
  const written = (text: string): string =>
    names++ % 2 === 0 ? JSON.stringify(text) : `"\\u00${text.charCodeAt(0).toString(16)}${text.slice(1)}"`
  const visit = (node: Shape, path: string): Omit<Message, 'leaves'> => {
    if (node === 'leaf') {
      const value = 1_000_001 + leaves.length
      leaves.push({ path, value })
      return { json: `${value}`, cbor: encode(value), last: `${value}`, replaced: [] }
    }
    if ('items' in node) {
      const items = node.items.map((item, i) => visit(item, `${path}[${i}]`))
      return {
        json: `[${items.map(({ json }) => json).join(' , ')}]`,
        cbor: Buffer.concat([Uint8Array.of(0x80 + items.length), ...items.map(({ cbor }) => cbor)]),
        last: `[${items.map(({ last }) => last).join()}]`,
        replaced: items.flatMap(({ replaced }) => replaced),
      }
    }
    const members = node.members.map(([key, child]) => ({
      key,
      at: `${path}.${key}`,
      ...visit(child, `${path}.${key}`),
    }))
    const isLast = (key: string, i: number): boolean => !members.some((other, j) => j > i && other.key === key)
    // A member has the place of the first one of its name.
    const kept = [...new Set(members.map(({ key }) => key))].map((key) => members.findLast((one) => one.key === key)!)
    return {
      json: `{${members.map(({ key, json }) => `${written(key)} : ${json}`).join(' , ')}}`,
      cbor: Buffer.concat([
        Uint8Array.of(0xa0 + members.length),
        ...members.flatMap(({ key, cbor }) => [encode(key), cbor]),
      ]),
      last: `{${kept.map(({ key, last }) => `${JSON.stringify(key)}:${last}`).join()}}`,
      replaced: members.flatMap(({ key, at, replaced }, i) => (isLast(key, i) ? replaced : [at])),
    }
  }
  return { ...visit({ members: [...root, ['ok_', 'leaf']] }, '$'), leaves }
}

function replacedIn(decoded: Decoded): string[] {
  return partialOf(decoded)
    .filter((field) => field.endsWith(`: ${WHY}`))
    .map((field) => field.slice(0, -WHY.length - 2))
}

describe('a member whose name occurs again in its object', () => {
  it('is a partial reject with its path, and changes nothing else, at any depth, in JSON and CBOR', () => {
    const root = fc.array(fc.tuple(name, shape), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(root, (members) => {
        const { json, cbor, last, leaves, replaced } = messageOf(members)
        const decoded = onDevice(json)
        expect(readingsOf(decoded)).toEqual(readingsOf(onDevice(last)))
        expect(onDevice(cbor)).toEqual(decoded)
        const count = decoded.ok ? (decoded.partial?.count ?? 0) : 0
        if (count > PARTIALS_LISTED_MAX) return
        expect(replacedIn(decoded).sort()).toEqual([...replaced].sort())
        const stored = new Set(readingsOf(decoded).map(({ value }) => value))
        const named = partialOf(decoded).map((field) => field.split(': ')[0]!)
        const isNamed = (path: string): boolean => named.some((one) => path.startsWith(one))
        expect(leaves.filter(({ path, value }) => !stored.has(value) && !isNamed(path))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('is never found in a message whose names differ, whatever its texts are', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', '}', ',', '1', 'é', '\n') })
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.double(),
        fc.array(tie('node')),
        fc.dictionary(text, tie('node')),
      ),
    })).node
    fc.assert(
      fc.property(fc.dictionary(text, tree), (message) => {
        const json = onDevice(JSON.stringify({ ...message, ok_: 1 }, null, 1))
        expect(replacedIn(json)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it.each<[string, string, unknown, string[]]>([
    ['twice', '{"a":1,"a":2}', 2, ['$.a']],
    ['three times', '{"a":1,"a":2,"a":3}', 3, ['$.a', '$.a']],
    ['with an equal value', '{"a":1,"a":1}', 1, ['$.a']],
    ['with an escape', '{"a":1,"\\u0061":2}', 2, ['$.a']],
    ['with an object, which stands for all inside', '{"a":{"x":1,"x":{"y":1,"y":2}},"a":2}', 2, ['$.a']],
    ['with an integer beyond 2^53', '{"a":12345678901234567891,"a":2}', 2, ['$.a']],
    ['before an integer beyond 2^53', '{"a":2,"a":12345678901234567891}', '12345678901234567891', ['$.a']],
    ['in text that is nearly JSON', `{a:1,'a':+2,"a":3,}`, 3, ['$.a', '$.a']],
    ['in Python', `{'a': 1, '\\x61': np.float64(2.5)}`, 2.5, ['$.a']],
    ['named __proto__', '{"__proto__":1,"__proto__":2}', 2, ['$.__proto__']],
  ])('is found %s', (_how, json, value, paths) => {
    expect(onlyValue(onDevice(json))).toBe(value)
    expect(replacedIn(onDevice(json))).toEqual(paths)
  })

  it('is found next to a value and its time, in either of them', () => {
    const time = 1_767_323_000_000
    for (const json of [
      `{"value":1,"value":21.5,"ts":${time}}`,
      `{"value":21.5,"ts":1,"ts":${time}}`,
      `{"value":1,"ts":${time},"\\u0076alue":21.5}`,
    ]) {
      expect(readingsOf(onMetric(json))).toEqual([{ metric: 'm', value: 21.5, ts: time }])
      expect(replacedIn(onMetric(json))).toHaveLength(1)
    }
  })

  it('is found on each line of several', () => {
    const lines = onDevice('{"a":1,"ts":1767323000}\n\n{"a":2,"a":3,"ts":1767323001}\n{a:4,"a":5,"ts":1767323002}\n')
    expect(readingsOf(lines).map(({ value }) => value)).toEqual([1, 3, 5])
    expect(replacedIn(lines)).toEqual(['$[1].a', '$[2].a'])
  })

  it('is found in a record of SenML, also when the label has two forms', () => {
    const json = onDevice('[{"n":"t","v":1,"v":2}]')
    expect(onlyValue(json)).toBe(2)
    expect(replacedIn(json)).toEqual(['$[0].v'])
    const cbor = onDevice(Buffer.from('81a3 00 6174 02 01 6176 02'.replaceAll(' ', ''), 'hex'))
    expect(onlyValue(cbor)).toBe(2)
    expect(replacedIn(cbor)).toEqual(['$[0].v'])
  })

  it('is found in CBOR of unknown length, and when a number and a text are the same name', () => {
    const payload = Buffer.from('bf 61 61 9f a2 61 62 01 61 62 02 ff 01 03 61 31 04 ff'.replaceAll(' ', ''), 'hex')
    expect(readingsOf(onDevice(payload))).toEqual([
      { metric: '1', value: 4 },
      { metric: 'a.0.b', value: 2 },
    ])
    expect(replacedIn(onDevice(payload))).toEqual(['$.a[0].b', '$["1"]'])
  })

  it('is the reason of the reject when the message has nothing else', () => {
    expect(reasonOf(onDevice('{"ts":1795941000,"ts":1795941001}'))).toBe(`$.ts: ${WHY}`)
  })

  it('causes the message to be refused only if there are more than a message may have readings', () => {
    const repeated = (count: number): Decoded => onDevice(`{${'"a":1,'.repeat(count)}"a":2}`)
    const most = repeated(READINGS_PER_MESSAGE_MAX - 1)
    expect(onlyValue(most)).toBe(2)
    expect(most).toMatchObject({ partial: { count: READINGS_PER_MESSAGE_MAX - 1 } })
    expect(reasonOf(repeated(READINGS_PER_MESSAGE_MAX))).toMatch(/more than 10000 readings/)
  })

  it('is not searched below the maximum depth: it is part of the field that is nested too deeply', () => {
    const nested = (depth: number): Decoded =>
      onDevice(`{"ok":1,"d":${'['.repeat(depth)}{"a":1,"a":2}${']'.repeat(depth)}}`)
    expect(replacedIn(nested(CBOR_DEPTH_MAX - 2))).toHaveLength(1)
    for (const depth of [CBOR_DEPTH_MAX - 1, 100_000]) {
      expect(onlyValue(nested(depth))).toBe(1)
      expect(partialOf(nested(depth))).toEqual([expect.stringMatching(/nested deeper than 12 names$/)])
    }
  })
})
