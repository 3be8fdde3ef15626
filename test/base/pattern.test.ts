import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pattern } from '../../src/base/pattern.ts'

describe('the pattern of a rule', () => {
  it.each([
    ['*/temperature', 'pump-7/temperature', true],
    ['*/temperature', 'pump-7/temperature2', false],
    ['pump-*/temp*', 'pump-7/temperature', true],
    ['pump-*/temp*', 'pump-/temp', true],
    ['pump-*/*', 'valve-1/temperature', false],
    ['*a*b*/x', '--a-b--/x', true],
    ['*a*b*/x', '--b-a--/x', false],
    ['aba*aba/x', 'aba/x', false],
    ['a*ba*a/x', 'aba/x', false],
    ['*', 'pump/temperature', false],
    ['*/*', 'pump/engine/temperature', false],
    ['p.mp/*', 'pump/x', false],
  ])('%s matches %s: %s', (text, name, expected) => {
    expect(pattern(text)(name)).toBe(expected)
  })

  it('matches the same names as the corresponding regular expression', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*', '/'), maxLength: 8 })
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 })
    fc.assert(
      fc.property(word, name, (text, candidate) => {
        const regExp = new RegExp(`^${text.replaceAll('*', '[^/]*')}$`)
        expect(pattern(text)(candidate)).toBe(regExp.test(candidate))
      }),
      { numRuns: 2000 },
    )
  })
})
