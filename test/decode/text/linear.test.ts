import { describe, expect, it } from 'vitest'
import { onDevice, readingsOf, reasonOf } from '../support.ts'

/** Work that grows with the square of this length takes longer than the time limit of a test. */
const LONG = 300_000

describe('the work for a text that is not JSON grows with its length, not with the square of it', () => {
  it.each([
    ['white space', `{"a":1${' '.repeat(LONG)}x`],
    ['NULs', `{"a":1}${'\0'.repeat(LONG)}x`],
    ['NULs and white space', `{"a":1}${'\0 '.repeat(LONG / 2)}x`],
    ['lines', `{"a":1}\n${'\n'.repeat(LONG)}{`],
  ])('with %s in a broken message', (_name, text) => {
    expect(reasonOf(onDevice(text))).toMatch(/^\$: not JSON/)
  })

  it('with white space in a message that is repaired', () => {
    expect(readingsOf(onDevice(`{a:${' '.repeat(LONG)}1}`))).toEqual([{ metric: 'a', value: 1 }])
  })

  it('with empty lines, and none of the other lines is lost', () => {
    expect(readingsOf(onDevice('{"a":1}\n\n\n'.repeat(9_000)))).toHaveLength(9_000)
  })

  it('with objects on many lines', () => {
    const line = `{"a":1${' '.repeat(1_000)}}\n`
    expect(readingsOf(onDevice(line.repeat(9_999)))).toHaveLength(9_999)
  })
})
