import { describe, expect, it } from 'vitest'
import { canonical, hashOf } from '../../src/config/canonical.ts'
import { BOUNDS, checkConfig, parseJson } from '../../src/config/document.ts'
import type { Json } from '../../src/config/json.ts'

function nested(depth: number): Json {
  return depth === 0 ? 1 : { a: nested(depth - 1) }
}

function codeOfConfig(config: Json): number {
  const checked = checkConfig(config)
  return checked.ok ? 200 : checked.code
}

function codeOfText(text: string | Uint8Array): number {
  const json = parseJson(text)
  return json.ok ? codeOfConfig(json.value) : json.code
}

describe('a config', () => {
  const filler = (bytes: number): Json =>
    Object.fromEntries(Array.from({ length: Math.floor(bytes / 1024) }, (_, i) => [`k${i}`, 'x'.repeat(1013)]))

  it.each<[string, Json, number]>([
    ['of 31 KiB', filler(31 * 1024), 200],
    ['of 33 KiB', filler(33 * 1024), 413],
    ['10 levels deep', nested(10), 200],
    ['11 levels deep', nested(11), 413],
    ['of 2,000 values', { a: Array.from({ length: 1998 }, () => 0) }, 200],
    ['of 2,001 values', { a: Array.from({ length: 1999 }, () => 0) }, 413],
    ['with a key of 128 bytes', { ['é'.repeat(64)]: 1 }, 200],
    ['with a key of 130 bytes', { ['é'.repeat(65)]: 1 }, 413],
    ['with a text of 4 KiB', { a: 'x'.repeat(4096) }, 200],
    ['with a longer text', { a: 'x'.repeat(4097) }, 413],
    ['with a lone surrogate', { a: '\ud800' }, 400],
    ['that is an array', [], 400],
    ['that is null', null, 400],
  ])('%s is answered with the right code', (_name, config, code) => {
    expect(codeOfConfig(config)).toBe(code)
  })

  it.each<[string, string | Uint8Array, number]>([
    ['__proto__', '{"a":{"__proto__":{"x":1}}}', 400],
    ['constructor', '{"constructor":1}', 400],
    ['prototype', '[{"prototype":1}]', 400],
    ['a number beyond doubles', '{"a":1e999}', 400],
    ['a duplicate member', '{"a":1,"b":{":":"\\":","c":1,"c":2}}', 400],
    ['colons in strings', '{"a":":\\\\","b":{":":"\\":"}}', 200],
    ['invalid JSON', '{', 400],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400],
    ['200 KB of brackets', '['.repeat(100_000) + ']'.repeat(100_000), 413],
    ['100 KB of brackets', '['.repeat(50_000) + ']'.repeat(50_000), 400],
    ['deep objects', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, 413],
  ])('from a text with %s is answered with the right code', (_name, text, code) => {
    expect(codeOfText(text)).toBe(code)
  })

  it('has one canonical text and hash, independent of the order of its members and the sign of zero', () => {
    const one = checkConfig({ b: -0, a: [1e21, 'é'] })
    const other = checkConfig({ a: [1e21, 'é'], b: 0 })
    if (!one.ok || !other.ok) throw new Error('both are configs')
    expect(canonical(one.value)).toBe('{"a":[1e+21,"é"],"b":0}')
    expect(hashOf(one.value)).toBe(hashOf(other.value))
    expect(hashOf(one.value)).toMatch(/^[A-Za-z0-9_-]{43}$/)
  })

  it('is refused with the limit that it exceeds', () => {
    const checked = checkConfig(nested(11))
    expect(checked.ok ? '' : checked.reason).toContain(`${BOUNDS.depthMax} levels`)
  })
})
