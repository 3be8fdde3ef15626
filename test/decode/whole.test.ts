import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/decode/decode.ts'
import {
  NESTING_MAX,
  PARTIALS_LISTED_MAX,
  READINGS_PER_MESSAGE_MAX,
  REASON_CHARS_MAX,
} from '../../src/decode/limits.ts'
import { bytes, NOW, onDevice, readingsOf } from './support.ts'

/** Names without a meaning of their own, and without a dot. */
const name = fc.stringMatching(/^[a-z]{2,5}_$/)
/** A scalar that no other of the same message equals, so that it can be found again. */
const NOT_UNDERSTOOD = ['\ud800', 'x'.repeat(5_000)]

interface Leaf {
  readonly leaf: string
}

type Shape = Leaf | readonly Shape[] | { readonly [name: string]: Shape }

const shape = fc.letrec<{ node: Shape }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'large', withCrossShrink: true },
    fc.constantFrom('number', 'text', 'long', 'surrogate').map((leaf) => ({ leaf })),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(name, tie('node'), { maxKeys: 4 }),
    fc.dictionary(
      fc.oneof(name, fc.constantFrom('', 'a.b', 'value', 'ts', 'unit', 'quality', 'id', 'name', 'time')),
      tie('node'),
      { maxKeys: 4 },
    ),
  ),
})).node

function isLeaf(node: Shape): node is Leaf {
  return !Array.isArray(node) && typeof (node as Leaf).leaf === 'string' && Object.keys(node).length === 1
}

/** Gives every leaf a value of its own. @returns the tree, and the path and value of each leaf. */
function grow(node: Shape): { tree: unknown; leaves: { path: string; value: unknown; inMeaning: boolean }[] } {
  const leaves: { path: string; value: unknown; inMeaning: boolean }[] = []
  const visit = (at: Shape, path: string, inMeaning: boolean): unknown => {
    if (isLeaf(at)) {
      const number = 1_000_001 + leaves.length
      const value = {
        number,
        text: `t${number}`,
        long: `${number}${NOT_UNDERSTOOD[1]}`,
        surrogate: `${number}${NOT_UNDERSTOOD[0]}`,
      }[at.leaf]
      leaves.push({ path, value, inMeaning })
      return value
    }
    if (Array.isArray(at)) return at.map((item: Shape, i) => visit(item, `${path}[${i}]`, inMeaning))
    return Object.fromEntries(
      Object.entries(at as Record<string, Shape>).map(([key, child]) => [
        key,
        visit(child, step(path, key), inMeaning || MEANING.has(key)),
      ]),
    )
  }
  const tree = visit(node, '$', false)
  return { tree, leaves }
}

/** Members that say something about other readings: their text is used, not stored. */
const MEANING: ReadonlySet<string> = new Set(['unit', 'quality', 'id', 'name', 'ts', 'time'])

function step(path: string, key: string): string {
  return /^[A-Za-z_][\w-]{0,39}$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}

const group = fc.dictionary(
  name,
  fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.dictionary(name, fc.integer(), { minKeys: 1, maxKeys: 3 }),
    fc.array(fc.integer(), { maxLength: 5 }),
  ),
  { minKeys: 1, maxKeys: 6 },
)

describe('of any message', () => {
  it('every leaf is stored, gives a reading its meaning, or is in a partial reject with its path', () => {
    fc.assert(
      fc.property(fc.dictionary(name, shape, { minKeys: 1, maxKeys: 5 }), (node) => {
        const { tree, leaves } = grow({ ...node, ok_: { leaf: 'number' } })
        {
          const payload = bytes(JSON.stringify(tree))
          const decoded = decode(payload, { device: 'd1', metric: undefined }, NOW, 'json')
          if (!decoded.ok) throw new Error(decoded.reason)
          const stored = new Set(decoded.readings.map(({ value }) => value))
          const paths = (decoded.partial?.fields ?? []).map(({ path }) => path)
          if ((decoded.partial?.count ?? 0) > PARTIALS_LISTED_MAX) return
          const lost = leaves.filter(({ path, value, inMeaning }) => {
            return !inMeaning && !stored.has(value as string) && !paths.some((prefix) => path.startsWith(prefix))
          })
          expect(lost).toEqual([])
        }
      }),
      { numRuns: 400 },
    )
  })

  it('other members, and their order, change no reading', () => {
    const odd = fc.constantFrom<unknown>(1, 'x', null, [], {}, [1, 2], { deep: { er: 1 } }, '\ud800', 'y'.repeat(5_000))
    fc.assert(
      fc.property(
        group,
        fc.dictionary(fc.stringMatching(/^[A-Z]{2,4}_$/), odd, { maxKeys: 3 }),
        fc.boolean(),
        fc.nat(),
        (own, extra, timed, seed) => {
          const time = timed ? { ts: 1_700_000_000 } : {}
          const before = readingsOf(onDevice(JSON.stringify({ ...own, ...time, first_: 1 })))
          const entries = Object.entries({ ...own, ...time, first_: 1, ...extra })
          const shuffled = Object.fromEntries(
            entries
              .map((entry, i) => [(seed * (i + 7)) % 101, i, entry] as const)
              .sort(([a, i], [b, j]) => a - b || i - j)
              .map(([, , entry]) => entry),
          )
          const after = readingsOf(onDevice(JSON.stringify(shuffled)))
          const text = (reading: unknown): string => JSON.stringify(reading)
          const given = new Set(after.map(text))
          expect(before.filter((one) => !given.has(text(one)))).toEqual([])
          const own_ = new Set(Object.keys(own).concat('first_'))
          const rest = after
            .filter(({ metric }) => own_.has(String(metric).split('.')[0]!))
            .map(text)
            .sort()
          expect(rest).toEqual(before.map(text).sort())
        },
      ),
      { numRuns: 400 },
    )
  })

  it('the result is bounded, whatever the bytes are', () => {
    const json = fc.json({ maxDepth: NESTING_MAX + 4 }).map(bytes)
    const cbor = fc.jsonValue({ maxDepth: 20 }).map((value) => encode(value))
    const broken = fc.tuple(json, fc.nat(), fc.nat(255)).map(([payload, at, byte]) => {
      const copy = Uint8Array.from(payload)
      if (copy.length > 0) copy[at % copy.length] = byte
      return copy
    })
    // Around each bound: the fields that are listed, the readings of a message, and the length of a place or a reason.
    const fields = fc.integer({ min: 0, max: PARTIALS_LISTED_MAX * 2 }).map((count) => {
      return bytes(`{"ok":1${Array.from({ length: count }, (_, i) => `,"${i}":1e999`).join('')}}`)
    })
    const many = fc
      .tuple(fc.integer({ min: -2, max: 2 }), fc.constantFrom('1', '1e999'))
      .map(([more, item]) => bytes(`{"a":1,"b":[${Array(READINGS_PER_MESSAGE_MAX + more).fill(item)}]}`))
    const long = fc
      .tuple(fc.integer({ min: 1, max: NESTING_MAX + 2 }), fc.constantFrom('é', '\u0001'))
      .map(([depth, char]) => {
        const key = JSON.stringify(char.repeat(300))
        return bytes(`{"ok":1,${`${key}:{`.repeat(depth)}${key}:1e999${'}'.repeat(depth)}}`)
      })
    const near = fc.oneof(
      { weight: 4, arbitrary: fields },
      { weight: 1, arbitrary: many },
      { weight: 4, arbitrary: long },
    )
    const payload = fc.oneof(
      { weight: 1, arbitrary: near },
      ...[fc.uint8Array({ maxLength: 200 }), json, cbor, broken].map((arbitrary) => ({ weight: 4, arbitrary })),
    )
    const format = fc.constantFrom('auto', 'json', 'cbor', 'senml', 'text')
    fc.assert(
      fc.property(payload, fc.option(fc.constant('m'), { nil: undefined }), format, (raw, metric, kind) => {
        const decoded = decode(raw, { device: 'd1', metric }, NOW, kind)
        if (!decoded.ok) {
          expect(decoded.reason.length).toBeLessThanOrEqual(REASON_CHARS_MAX)
          return
        }
        const { readings, partial } = decoded
        expect(readings.length).toBeGreaterThan(0)
        expect(readings.length + (partial?.count ?? 0)).toBeLessThanOrEqual(READINGS_PER_MESSAGE_MAX)
        expect(partial?.fields.length ?? 0).toBeLessThanOrEqual(PARTIALS_LISTED_MAX)
        for (const { path, reason } of partial?.fields ?? [])
          expect(Math.max(path.length, reason.length)).toBeLessThanOrEqual(REASON_CHARS_MAX)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a number with its time', () => {
  it('is the same reading with and without the general reader', () => {
    const number = fc.double()
    const time = fc.oneof(
      fc.double(),
      fc.double({ min: 9e11, max: 4e12, noNaN: true }),
      fc.integer({ min: 0, max: 5_000_000_000_000 }),
    )
    const property = fc.property(number, time, (value, ts) => {
      const short = decode(Buffer.from(JSON.stringify({ value, ts })), { device: 'pump', metric: 'm' }, NOW, 'auto')
      // Another member, which changes nothing: the general reader reads it.
      const long = decode(
        Buffer.from(JSON.stringify({ value, ts, unit: null })),
        { device: 'pump', metric: 'm' },
        NOW,
        'auto',
      )
      expect(short).toEqual(long)
    })
    fc.assert(property)
  })
})
