import { describe, expect, it } from 'vitest'
import { parsePostgresUrl, withPostgresPassword } from '../../../src/base/text/postgres-url.ts'

describe('an address of PostgreSQL', () => {
  it.each([
    ['postgres://tidegate@db.example:5433/plants', 'db.example:5433'],
    ['postgresql://db.example/plants', 'db.example'],
    ['postgres://tidegate@/plants?host=/var/run/postgresql', '/var/run/postgresql'],
    ['postgres:///plants?host=/var/run/postgresql', '/var/run/postgresql'],
    ['postgres://tidegate@/plants', 'localhost'],
    ['postgres://tidegate@', 'localhost'],
  ])('may have no host, or the folder of a socket: %s', (text, host) => {
    expect(parsePostgresUrl(text)?.host).toBe(host)
  })

  it.each(['plants', 'mysql://db.example/plants', 'http://db.example', ''])('"%s" is none', (text) => {
    expect(parsePostgresUrl(text)).toBeNull()
  })

  it('gets a password without a change of its host', () => {
    const url = withPostgresPassword('postgres://tidegate@/plants?host=/run/pg', 'a&b c')
    expect(url).toMatch(/^postgres:\/\/tidegate@\/plants\?/)
    expect(parsePostgresUrl(url)?.url.searchParams.get('password')).toBe('a&b c')
    expect(parsePostgresUrl(url)?.host).toBe('/run/pg')
  })
})
