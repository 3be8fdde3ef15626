import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearest, suggestion } from '../../src/base/nearest.ts'

const KNOWN = ['edge', 'data', 'broker', 'routes', 'quality', 'packetBytesMax', 'connectTimeoutMs']

describe('the search for the nearest known name', () => {
  it('finds a name with one letter that is wrong, missing, extra or swapped with its neighbour', () => {
    const slip = fc.constantFrom(...KNOWN).chain((name) =>
      fc.nat(name.length - 2).map((at) => {
        const [before, letter, next, after] = [name.slice(0, at), name[at], name[at + 1], name.slice(at + 2)]
        return {
          name,
          slips: [
            `${before}~${next}${after}`,
            `${before}${next}${after}`,
            `${before}${letter}~${next}${after}`,
            `${before}${next}${letter}${after}`,
          ],
        }
      }),
    )
    fc.assert(fc.property(slip, ({ name, slips }) => slips.every((one) => nearest(one, KNOWN) === name)))
  })

  it('ignores letter case, hyphens and underscores', () => {
    expect(nearest('PACKET_BYTES_MAX', KNOWN)).toBe('packetBytesMax')
    expect(nearest('packet-bytes-max', KNOWN)).toBe('packetBytesMax')
  })

  it('finds nothing when no known name is near', () => {
    expect(nearest('colour', KNOWN)).toBeUndefined()
    expect(nearest('', KNOWN)).toBeUndefined()
    expect(suggestion('x', KNOWN)).toBe('')
    expect(suggestion('qualty', KNOWN)).toBe('; did you mean "quality"?')
  })

  it('returns at once for a name of any length', () => {
    expect(nearest('x'.repeat(1_000_000), ['x'.repeat(900_000)])).toBeDefined()
  })
})
