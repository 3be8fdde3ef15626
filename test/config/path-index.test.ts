import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PathIndex } from '../../src/config/path-index.ts'

function firstOf(paths: readonly string[], pointer: string): string | undefined {
  return new PathIndex(paths.map((path) => ({ path }))).first(pointer)?.path
}

/** The same by definition, in time that grows with the number of ways to match. */
function covers(pattern: readonly string[], keys: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return keys.length === 0
  if (first === '**') return covers(rest, keys) || (keys.length > 0 && covers(pattern, keys.slice(1)))
  return keys.length > 0 && (first === '*' || first === keys[0]) && covers(rest, keys.slice(1))
}

describe('a list of paths with wildcards', () => {
  it.each([
    ['/safety/**', '/safety/a/b', true],
    ['/safety/**', '/safety', true],
    ['/safety/**', '/safetyX', false],
    ['/*/limit', '/a/limit', true],
    ['/*/limit', '/a/b/limit', false],
    ['/**/limit', '/a/b/limit', true],
    ['/a~1b', '/a~1b', true],
    ['', '', true],
    ['', '/a', false],
    ['/**', '', true],
  ])('matches literally, with * for one key and ** for any number of keys: %s, %s', (path, pointer, matches) =>
    expect(firstOf([path], pointer)).toBe(matches ? path : undefined),
  )

  it('gives the first entry that covers a path', () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const pattern = fc.array(fc.oneof(key, fc.constantFrom('*', '**')), { maxLength: 5 })
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 8 }), fc.array(key, { maxLength: 5 }), (patterns, keys) => {
        const place = new PathIndex(patterns.map((one, i) => ({ path: pathOf(one), i }))).first(pathOf(keys))?.i
        const expected = patterns.findIndex((one) => covers(one, keys))
        expect(place ?? -1).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
  })

  it('matches a path with hundreds of wildcards', () => {
    const path = `${'/**/*'.repeat(9)}${'/**'.repeat(300)}/end`
    expect(firstOf([path], '/a/b/c/d/e/f/g/h/i/end')).toBe(path)
    expect(firstOf([path], '/a/b/c/d/e/f/g/h/i/j')).toBeUndefined()
  })
})

function pathOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key}`).join('')
}
