import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { OperatorError } from '../../../src/base/errors.ts'
import { readTlsFiles } from '../../../src/base/tls-files.ts'
import { loadEdgeSettings, loadReceiverSettings } from '../../../src/settings/load/load.ts'
import { Authority, derOf, encrypted, type Pair } from '../../../support/certificates.ts'
import { tempFolder } from '../../../support/folder.ts'
import { describePeer } from '../../../support/peers.ts'

const DAY_MS = 86_400_000

function write(folder: string, text: string): string {
  const file = join(folder, 'edge.yaml')
  writeFileSync(file, text)
  return file
}

/** Settings of an edge with one uplink; `tls` is in YAML's flow style. */
function edge(tls: string, url = 'mqtts://cloud.example:8883'): string {
  return `edge: a\nuplinks:\n  - url: ${url}\n    tls: ${tls}\n`
}

function problems(folder: string, text: string): string[] {
  const file = write(folder, text)
  try {
    loadEdgeSettings(file, {})
  } catch (refusal) {
    if (!(refusal instanceof OperatorError)) throw refusal
    return refusal.message.replaceAll(`${file}:`, '').replaceAll(`${folder}/`, '').split('\n').slice(1).map(trim)
  }
  return []
}

function trim(line: string): string {
  return line.trim()
}

describePeer('openssl', 'settings with certificates', () => {
  const folder = tempFolder()
  let authority: Authority
  let pair: Pair
  beforeAll(() => {
    authority = new Authority('ours')
    pair = authority.issue('plant-7')
    const other = authority.issue('other')
    mkdirSync(join(folder, 'certs'))
    const put = (from: string, to: string): void => copyFileSync(from, join(folder, 'certs', to))
    put(authority.cert, 'ca.pem')
    put(pair.cert, 'plant.pem')
    put(pair.key, 'plant.key')
    put(other.key, 'other.key')
    put(encrypted(pair, 'open sesame').key, 'locked.key')
    put(derOf(pair.cert), 'plant.der')
    writeFileSync(join(folder, 'certs/text'), 'hello')
    writeFileSync(join(folder, 'certs/pass'), 'open sesame\n')
  })

  it('resolve relative file names from the folder of the settings file', () => {
    const tls = '{ ca: certs/ca.pem, cert: certs/plant.pem, key: ./certs/plant.key }'
    expect(loadEdgeSettings(write(folder, edge(tls)), {}).uplinks[0]?.tls).toEqual({
      ca: join(folder, 'certs/ca.pem'),
      cert: join(folder, 'certs/plant.pem'),
      key: join(folder, 'certs/plant.key'),
      insecure: false,
    })
    const receiver = `cloud: { url: "wss://cloud.example", tls: { ca: certs/ca.pem } }`
    expect(loadReceiverSettings(write(folder, receiver), {}).cloud.tls?.ca).toBe(join(folder, 'certs/ca.pem'))
    const env = { TIDEGATE_UPLINKS__0__TLS__CA: 'certs/ca.pem' }
    expect(loadEdgeSettings(write(folder, edge('{}')), env).uplinks[0]?.tls?.ca).toBe(join(folder, 'certs/ca.pem'))
  })

  it('read the passphrase of a key from a file', () => {
    const tls = '{ cert: certs/plant.pem, key: certs/locked.key, keyPassphrase_file: certs/pass }'
    expect(loadEdgeSettings(write(folder, edge(tls)), {}).uplinks[0]?.tls?.keyPassphrase).toBe('open sesame')
  })

  it('are refused when a file cannot be used, with the place and the reason', () => {
    const cases: [tls: string, problem: RegExp][] = [
      ['{ ca: certs/none.pem }', /^4:12 uplinks\[0\]\.tls\.ca: cannot read certs\/none\.pem: there is no such file$/],
      ['{ ca: certs }', /tls\.ca: cannot read certs: /],
      ['{ ca: certs/text }', /tls\.ca: certs\/text holds no certificate in PEM form$/],
      ['{ ca: certs/plant.der }', /tls\.ca: .*DER/],
      ['{ cert: certs/plant.key, key: certs/plant.key }', /tls\.cert: certs\/plant\.key holds no certificate/],
      ['{ cert: certs/plant.pem, key: certs/plant.pem }', /tls\.key: certs\/plant\.pem holds no private key/],
      ['{ cert: certs/plant.pem, key: certs/other.key }', /^4:35 .*tls\.key: certs\/other\.key is not the private key/],
      ['{ cert: certs/plant.pem, key: certs/locked.key }', /tls\.key: .*encrypted.*keyPassphrase_file/],
      ['{ cert: certs/plant.pem, key: certs/locked.key, keyPassphrase: no }', /tls\.keyPassphrase: is not the pass/],
      ['{ cert: certs/plant.pem }', /tls\.key: is missing/],
      ['{ key: certs/plant.key }', /tls\.cert: is missing/],
      ['{ cret: certs/plant.pem }', /tls\.cret: unknown key "cret"; did you mean "cert"\?/],
      ['{ ca: 5 }', /tls\.ca: must be text, not a number/],
    ]
    for (const [tls, problem] of cases) {
      const found = problems(folder, edge(tls))
      expect([tls, found]).toEqual([tls, [expect.stringMatching(problem)]])
    }
  })

  it('are refused when the URL is not encrypted', () => {
    for (const url of ['mqtt://cloud.example', 'ws://cloud.example']) {
      expect(problems(folder, edge('{ ca: certs/ca.pem }', url))).toEqual([
        expect.stringMatching(/^4:5 uplinks\[0\]\.tls: has no effect with this `url`: write mqtts:\/\//),
      ])
    }
  })

  it('warn of a certificate outside its validity period but accept it, because the clock may be wrong', () => {
    const { cert, key } = pair
    const at = (days: number): readonly string[] => readTlsFiles({ cert, key }, Date.now() + days * DAY_MS).warnings
    expect(at(0)).toEqual([])
    expect(at(20)).toEqual([expect.stringContaining('expires on')])
    expect(at(40)).toEqual([expect.stringContaining('expired on')])
    expect(at(-2)).toEqual([expect.stringContaining('not valid before')])
  })

  it('warn of a key file that every user of the machine can read', () => {
    const { cert, key } = pair
    chmodSync(key, 0o604)
    expect(readTlsFiles({ cert, key }, Date.now()).warnings).toEqual([expect.stringContaining(key)])
    chmodSync(key, 0o640)
    expect(readTlsFiles({ cert, key }, Date.now()).warnings).toEqual([])
  })
})

describe('settings without certificates', () => {
  it('still allow TLS, with the authorities that Node.js knows', () => {
    const text = 'edge: a\nuplinks:\n  - { url: "mqtts://cloud.example" }\n'
    expect(loadEdgeSettings(write(tempFolder(), text), {}).uplinks[0]?.tls).toBeUndefined()
  })
})
