import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasCredentials, shownUrl } from '../../../src/base/text/shown-url.ts'

describe('the address of a broker as it is shown', () => {
  it('never has a user name or password, however they are written', () => {
    const scheme = fc.constantFrom('mqtt', 'mqtts', 'ws', 'wss')
    const rest = fc.constantFrom('', ':1883', '/mqtt', ':443/mqtt?x=1', '?a@b', '#a')
    const secret = fc
      .string({ unit: fc.constantFrom('/', '@', ':', '?', '#', '%', '1', ' ', '\\') })
      .map((odd) => `sekret${odd}`)
    fc.assert(
      fc.property(scheme, rest, secret, fc.boolean(), (before, after, password, encoded) => {
        const login = encoded ? encodeURIComponent(password) : password
        const url = `${before}://joe:${login}@cloud.example${after}`
        fc.pre(encoded || !/^sekret.*[?#\\]/.test(password))
        expect(shownUrl(url)).not.toContain('sekret')
        expect(hasCredentials(url)).toBe(true)
      }),
    )
  })

  it.each([
    ['mqtt://cloud.example:1883', 'mqtt://cloud.example:1883'],
    ['mqtts://joe:sekret@cloud.example', 'mqtts://cloud.example'],
    ['wss://cloud.example/mqtt?token=sekret', 'wss://cloud.example/mqtt?…'],
    ['mqtt://joe:12/sekret@cloud.example', 'mqtt://joe:12/…'],
    ['not a url sekret', 'an address that is not a URL'],
  ])('has scheme, host and port: %s', (url, shown) => expect(shownUrl(url)).toBe(shown))

  it('has no credentials where an address only has host, port and path', () => {
    for (const url of ['mqtt://a:1', 'mqtts://[::1]:8883', 'wss://a.example/mqtt?x=1']) {
      expect(hasCredentials(url)).toBe(false)
    }
  })
})
