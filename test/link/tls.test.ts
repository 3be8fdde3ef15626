import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TlsSettings } from '../../src/base/tls-files.ts'
import { type Link, LinkError, type LinkOptions } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { Authority, encrypted, type Pair, replacePair } from '../../support/certificates.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort, untilAccepts } from '../../support/port.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/wait.ts'
import { startAedes } from './brokers.ts'
import { Terminator } from './terminator.ts'

const HELLO = Buffer.from('hello')
const HERE = ['IP:127.0.0.1', 'DNS:localhost']

function options(url: string, tls?: TlsSettings, more: Partial<LinkOptions> = {}): LinkOptions {
  return { url, clientId: 'secured', session: false, keepaliveS: 30, connectTimeoutMs: 5_000, tls, ...more }
}

async function failureOf(opening: Promise<Link>): Promise<LinkError> {
  const failure = await opening.then(
    (link) => link.destroy(),
    (thrown: unknown) => thrown,
  )
  expect(failure).toBeInstanceOf(LinkError)
  return failure as LinkError
}

/** Publishes a message through the broker. @returns its payload as it comes back. */
async function roundTrip(open: LinkOptions): Promise<string> {
  let heard = ''
  const onMessage = (_topic: string, payload: Uint8Array): void => {
    heard = String(payload)
  }
  const link = await openLink({ ...open, onMessage })
  await link.subscribe('round', 1)
  await link.publish('round', HELLO, { qos: 1 })
  await until(() => heard !== '')
  await link.close()
  return heard
}

function listener({ cert, key }: Pair, clientCa?: string): string {
  const clients = clientCa === undefined ? '' : `cafile ${clientCa}\nrequire_certificate true\n`
  return `certfile ${cert}\nkeyfile ${key}\n${clients}`
}

describePeer('openssl', 'a link with TLS', () => {
  let ours: Authority
  let others: Authority
  let server: Pair
  let client: Pair
  beforeAll(() => {
    ours = new Authority('ours')
    others = new Authority('others')
    server = ours.issue('broker', { names: HERE })
    client = ours.issue('plant-7')
  })

  describePeer('mosquitto', 'to a Mosquitto that requires client certificates', () => {
    let secured: TcpProxy
    let sockets: number
    let plain: TcpProxy
    const urlOf = ({ port }: { port: number }): string => `mqtts://127.0.0.1:${port}`
    beforeAll(async () => {
      const wanted = listener(server, ours.cert)
      sockets = await freePort()
      const broker = await startMosquitto({
        config: `${wanted}listener ${sockets} 127.0.0.1\nprotocol websockets\n${wanted}`,
      })
      await untilAccepts(sockets)
      secured = await startProxy({ to: broker.port })
      plain = await startProxy({ to: (await startMosquitto()).port })
    })

    it('transports a message over mqtts:// and over wss://', async () => {
      const tls = { ca: ours.cert, ...client }
      expect(await roundTrip(options(urlOf(secured), tls))).toBe('hello')
      expect(await roundTrip(options(`wss://127.0.0.1:${sockets}`, tls))).toBe('hello')
    })

    it('decrypts a key with its passphrase', async () => {
      const locked = encrypted(client, 'open sesame')
      const tls = { ca: ours.cert, ...locked, keyPassphrase: 'open sesame' }
      expect(await roundTrip(options(urlOf(secured), tls))).toBe('hello')
    })

    it('says which URL is right when a plain client connects to it', async () => {
      for (const url of [`mqtt://127.0.0.1:${secured.port}`, `ws://127.0.0.1:${sockets}`]) {
        const { kind, message } = await failureOf(openLink(options(url)))
        const right = url.startsWith('ws') ? 'wss://' : 'mqtts://'
        expect({ kind, message }).toEqual({ kind: 'tls', message: expect.stringContaining(`write ${right}`) })
      }
    })

    it('reports the cause when client and broker do not trust each other, after one attempt', async () => {
      const foreign = others.issue('plant-7')
      const late = ours.issue('plant-7', { days: -1 })
      const cases: [what: RegExp, url: string, tls: TlsSettings][] = [
        [/authority.*tls\.ca/, urlOf(secured), client],
        [/another name.*tls\.serverName/, urlOf(secured), { ca: ours.cert, ...client, serverName: 'else.example' }],
        [/tls\.cert/, urlOf(secured), { ca: ours.cert }],
        [/tls\.cert/, urlOf(secured), { ca: ours.cert, ...foreign }],
        [/tls\.cert.*expired/, urlOf(secured), { ca: ours.cert, ...late }],
        [/does not speak TLS/, urlOf(plain), { ca: ours.cert }],
      ]
      for (const [what, url, tls] of cases) {
        const before = secured.opened + plain.opened
        const { kind, message } = await failureOf(openLink(options(url, tls)))
        expect({ kind, message }).toEqual({ kind: 'tls', message: expect.stringMatching(what) })
        expect(secured.opened + plain.opened - before).toBe(1)
      }
    })

    it('reports the same causes over wss://', async () => {
      const url = `wss://127.0.0.1:${sockets}`
      const cases: [what: RegExp, tls: TlsSettings][] = [
        [/authority.*tls\.ca/, client],
        [/another name.*tls\.serverName/, { ca: ours.cert, ...client, serverName: 'else.example' }],
        [/tls\.cert/, { ca: ours.cert }],
      ]
      for (const [what, tls] of cases) {
        const { kind, message } = await failureOf(openLink(options(url, tls)))
        expect({ kind, message }).toEqual({ kind: 'tls', message: expect.stringMatching(what) })
      }
    })

    it('uses replaced certificates from the next connection on', async () => {
      const place = others.issue('plant-7')
      const always = options(urlOf(secured), { ca: ours.cert, ...place })
      expect((await failureOf(openLink(always))).kind).toBe('tls')
      replacePair(place, client)
      expect(await roundTrip(always)).toBe('hello')
    })

    it('does not connect without its certificate files, and names the wrong one', async () => {
      const before = secured.opened
      const gone = ours.issue('gone')
      rmSync(gone.key)
      const missing = await failureOf(openLink(options(urlOf(secured), { ca: ours.cert, ...gone })))
      const mixed = { ca: ours.cert, cert: client.cert, key: server.key }
      const other = await failureOf(openLink(options(urlOf(secured), mixed)))
      expect([missing.kind, other.kind, secured.opened - before]).toEqual(['tls', 'tls', 0])
      expect([missing.message, other.message]).toEqual([
        expect.stringContaining(gone.key),
        expect.stringContaining(server.key),
      ])
    })

    it('accepts any certificate when it is insecure, and warns at every connection', async () => {
      const warnings: string[] = []
      const tls = { ...client, insecure: true }
      const insecure = options(urlOf(secured), tls, { warn: (text) => warnings.push(text) })
      for (let i = 0; i < 2; i++) expect(await roundTrip(insecure)).toBe('hello')
      expect(warnings).toEqual([expect.stringContaining('tls.insecure'), expect.stringContaining('tls.insecure')])
    })

    it('warns of a certificate that expires soon, and of a key that every user can read', async () => {
      const soon = ours.issue('plant-7', { days: 3 })
      chmodSync(soon.key, 0o644)
      const warnings: string[] = []
      const tls = { ca: ours.cert, ...soon }
      await (await openLink(options(urlOf(secured), tls, { warn: (text) => warnings.push(text) }))).close()
      expect(warnings.map((text) => [text.includes(soon.cert), text.includes(soon.key)])).toEqual([
        [true, false],
        [false, true],
      ])
    })
  })

  describePeer('mosquitto', 'through a terminator that forwards by ALPN', () => {
    it('reaches the broker only when it names the right protocol', async () => {
      const broker = await startMosquitto()
      const alpn = 'x-amzn-mqtt-ca'
      const terminator = await Terminator.start(broker.port, { ...server, clientCa: ours.cert, alpn })
      const url = `mqtts://localhost:${terminator.port}`
      const tls = { ca: ours.cert, ...client }
      expect(await roundTrip(options(url, { ...tls, alpn: [alpn] }))).toBe('hello')
      expect((await failureOf(openLink(options(url, tls)))).kind).toBe('unreachable')
      const { kind, message } = await failureOf(openLink(options(url, { ...tls, alpn: ['mqtt'] })))
      expect({ kind, message }).toEqual({ kind: 'tls', message: expect.stringContaining('tls.alpn') })
      expect(terminator.requested[0]).toEqual({ alpn, name: 'localhost' })
    })

    it('requests the server name of its settings, and expects that name in the certificate', async () => {
      const broker = await startMosquitto()
      const named = ours.issue('cloud', { names: ['DNS:cloud.example'] })
      const terminator = await Terminator.start(broker.port, { ...named, alpn: 'mqtt' })
      const tls = { ca: ours.cert, serverName: 'cloud.example', alpn: ['other', 'mqtt'] }
      expect(await roundTrip(options(`mqtts://127.0.0.1:${terminator.port}`, tls))).toBe('hello')
      expect(terminator.requested).toEqual([{ alpn: 'mqtt', name: 'cloud.example' }])
      const { kind, message } = await failureOf(
        openLink(options(`mqtts://127.0.0.1:${terminator.port}`, { ...tls, serverName: undefined })),
      )
      expect({ kind, message }).toEqual({ kind: 'tls', message: expect.stringContaining('tls.serverName') })
    })

    it('names the protocol over wss:// as well', async () => {
      const port = await freePort()
      await startMosquitto({ config: `listener ${port} 127.0.0.1\nprotocol websockets` })
      await untilAccepts(port)
      const terminator = await Terminator.start(port, { ...server, alpn: 'http/1.1' })
      const tls = { ca: ours.cert, alpn: ['http/1.1'] }
      expect(await roundTrip(options(`wss://localhost:${terminator.port}`, tls))).toBe('hello')
      expect(terminator.requested).toEqual([{ alpn: 'http/1.1', name: 'localhost' }])
    })
  })

  it('refuses a broker whose certificate has expired', async () => {
    const late = ours.issue('broker', { names: HERE, days: -1 })
    const terminator = await Terminator.start((await startAedes()).port, late)
    const { kind, message } = await failureOf(
      openLink(options(`mqtts://127.0.0.1:${terminator.port}`, { ca: ours.cert })),
    )
    expect({ kind, message }).toEqual({ kind: 'tls', message: expect.stringContaining('expired') })
  })

  it('still falls back to MQTT 3.1.1 when the broker behind TLS does not speak MQTT 5', async () => {
    const terminator = await Terminator.start((await startAedes()).port, server)
    const link = await openLink(options(`mqtts://127.0.0.1:${terminator.port}`, { ca: ours.cert }))
    expect([link.protocolVersion, terminator.requested.length]).toEqual([4, 2])
    await link.close()
  })
})

describe('a link without TLS', () => {
  it('ignores certificate settings', async () => {
    const file = join(tempFolder(), 'not.pem')
    writeFileSync(file, 'nothing')
    const link = await openLink(options((await startAedes()).url, { ca: file, cert: file, key: file }))
    await link.close()
  })
})
