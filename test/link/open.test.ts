import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LinkError, type LinkOptions } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { tempFolder } from '../../support/folder.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { listen, startAedes } from './brokers.ts'

function optionsFor(url: string, more: Partial<LinkOptions> = {}): LinkOptions {
  return { url, clientId: 'opener', session: false, keepaliveS: 30, connectTimeoutMs: 5_000, ...more }
}

async function failureOf(opening: Promise<unknown>): Promise<LinkError> {
  const failure = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(failure).toBeInstanceOf(LinkError)
  return failure as LinkError
}

describePeer('mosquitto', 'opening a link to Mosquitto', () => {
  let broker: Mosquitto
  beforeAll(async () => {
    broker = await startMosquitto({ config: 'max_packet_size 50000' })
  })

  it('uses MQTT 5 and reports the limits of the broker', async () => {
    const link = await openLink(optionsFor(broker.url))
    expect([link.protocolVersion, link.receiveMaximum, link.packetBytesMax]).toEqual([5, 100, 50_000])
    await link.close()
  })

  it('resumes its session only when it asks for one', async () => {
    const present: boolean[] = []
    for (const session of [true, true, false, false]) {
      const link = await openLink(optionsFor(broker.url, { clientId: 'keeper', session }))
      present.push(link.sessionPresent)
      await link.close()
    }
    expect(present).toEqual([false, true, false, false])
  })

  it('reports the reason of the broker when it is refused, without trying the older protocol', async () => {
    const passwords = join(tempFolder(), 'passwords')
    writeFileSync(passwords, '', { mode: 0o700 })
    const strict = await startMosquitto({ config: `allow_anonymous false\npassword_file ${passwords}` })
    const failure = await failureOf(openLink(optionsFor(strict.url, { username: 'a', password: 'b' })))
    expect([failure.kind, failure.reasonCode]).toEqual(['refused', 0x87])
  })

  describe('with the proxy variable of MQTT.js set', () => {
    afterEach(() => {
      delete process.env.MQTTJS_SOCKS_PROXY
    })

    it('connects directly to the broker', async () => {
      process.env.MQTTJS_SOCKS_PROXY = `socks5://127.0.0.1:${await freePort()}`
      const link = await openLink(optionsFor(broker.url))
      await link.close()
    })
  })
})

describe('opening a link', () => {
  it('falls back to MQTT 3.1.1 when the broker refuses MQTT 5', async () => {
    const link = await openLink(optionsFor((await startAedes()).url))
    expect([link.protocolVersion, link.receiveMaximum]).toEqual([4, 65_535])
    await link.close()
  })

  it('falls back to MQTT 3.1.1 when the broker closes the connection on MQTT 5', async () => {
    const port = await listen((socket) => {
      socket.once('data', (connect) => {
        if (connect[8] === 4) socket.write(Buffer.from([0x20, 0x02, 0x00, 0x00]))
        else socket.destroy()
      })
    })
    const link = await openLink(optionsFor(`mqtt://127.0.0.1:${port}`))
    expect(link.protocolVersion).toBe(4)
    link.destroy()
  })

  it('fails as unreachable when no server listens, and when the server does not speak MQTT', async () => {
    const absent = await failureOf(openLink(optionsFor(`mqtt://127.0.0.1:${await freePort()}`)))
    const port = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const foreign = await failureOf(openLink(optionsFor(`mqtt://127.0.0.1:${port}`)))
    expect([absent.kind, foreign.kind]).toEqual(['unreachable', 'unreachable'])
  })

  it('fails after its timeout when the server does not answer', async () => {
    const port = await listen(() => {})
    const options = optionsFor(`mqtt://127.0.0.1:${port}`, { connectTimeoutMs: 100 })
    expect((await failureOf(openLink(options))).kind).toBe('timeout')
  })

  it('stops when its signal aborts before or while it connects', async () => {
    const port = await listen(() => {})
    const stop = new AbortController()
    const opening = failureOf(openLink(optionsFor(`mqtt://127.0.0.1:${port}`, { signal: stop.signal })))
    stop.abort()
    expect((await opening).kind).toBe('lost')
    const late = openLink(optionsFor(`mqtt://127.0.0.1:${port}`, { signal: stop.signal }))
    expect((await failureOf(late)).kind).toBe('lost')
  })
})
