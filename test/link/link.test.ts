import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { CLOSE_MS, type Link, LinkError, type LinkOptions, MESSAGES_OPEN_MAX } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { startProxy, type TcpProxy } from '../../support/proxy.ts'
import { until } from '../../support/wait.ts'
import { listen, startAedes } from './brokers.ts'

let clients = 0
const HELLO = Buffer.from('hello')

async function open(url: string, more: Partial<LinkOptions> = {}): Promise<Link> {
  const clientId = `client-${++clients}`
  return await openLink({ url, clientId, session: false, keepaliveS: 30, connectTimeoutMs: 5_000, ...more })
}

/** A promise that the test settles by hand. */
function gate(): { opened: Promise<void>; open: () => void; fail: (cause: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve, fail: reject }
}

function describeLink(name: string, start: () => Promise<{ port: number }>): void {
  let proxy: TcpProxy

  describe(name, () => {
    beforeAll(async () => {
      proxy = await startProxy({ to: (await start()).port })
    })

    it('delivers a message with its exact bytes to the subscribers', async () => {
      const heard: [string, string][] = []
      const link = await open(proxy.url, { onMessage: (topic, payload) => void heard.push([topic, String(payload)]) })
      await link.subscribe('a/#', 1)
      const pool = Buffer.from('...hello...')
      await link.publish('a/b', pool.subarray(3, 8), { qos: 1 })
      await link.publish('a/c', new Uint8Array(pool.buffer, pool.byteOffset + 3, 5), { qos: 0 })
      await until(() => heard.length === 2)
      expect(heard).toEqual([
        ['a/b', 'hello'],
        ['a/c', 'hello'],
      ])
      await link.close()
    })

    it('acknowledges a message only after its handler has settled', async () => {
      const clientId = `holder-${++clients}`
      const never = gate()
      let calls = 0
      const onMessage = (): Promise<void> => {
        calls++
        return never.opened
      }
      const first = await open(proxy.url, { clientId, session: true, onMessage })
      await first.subscribe('hold', 1)
      const other = await open(proxy.url)
      await other.publish('hold', HELLO, { qos: 1 })
      await until(() => calls === 1)
      first.destroy()
      never.open()
      const second = await open(proxy.url, { clientId, session: true, onMessage: () => void calls++ })
      await until(() => calls === 2)
      await second.close()
      const third = await open(proxy.url, { clientId, session: true, onMessage: () => void calls++ })
      await third.publish('elsewhere', HELLO, { qos: 1 })
      await third.close()
      expect(calls).toBe(2)
      await other.close()
    })

    it('ends with the message unacknowledged when its handler fails', async () => {
      const clientId = `failer-${++clients}`
      const failing = await open(proxy.url, {
        clientId,
        session: true,
        onMessage: () => Promise.reject(new Error('disk full')),
      })
      await failing.subscribe('fail', 1)
      const other = await open(proxy.url)
      await other.publish('fail', HELLO, { qos: 1 })
      expect(await failing.closed).toBeInstanceOf(LinkError)
      let calls = 0
      const next = await open(proxy.url, { clientId, session: true, onMessage: () => void calls++ })
      await until(() => calls === 1)
      await next.close()
      await other.close()
    })

    it('receives the acknowledgement of a publish while a handler is still running', async () => {
      let answered = 0
      const link: Link = await open(proxy.url, {
        onMessage: async (topic) => {
          if (topic === 'ask') answered += 1 + (await link.publish('answer', HELLO, { qos: 1 })).reasonCode
        },
      })
      await link.subscribe('ask', 1)
      await link.publish('ask', HELLO, { qos: 1 })
      await until(() => answered > 0)
      await link.close()
    })

    it('hands over at most MESSAGES_OPEN_MAX messages at once, and delivers all of them in order', async () => {
      const started: number[] = []
      const go = gate()
      const link = await open(proxy.url, {
        onMessage: (_topic, payload) => {
          started.push(Number(String(payload)))
          return go.opened
        },
      })
      await link.subscribe('many', 1)
      const other = await open(proxy.url)
      const numbers = Array.from({ length: 3 * MESSAGES_OPEN_MAX }, (_, i) => i)
      await Promise.all(numbers.map((i) => other.publish('many', Buffer.from(String(i)), { qos: 1 })))
      await until(() => started.length >= MESSAGES_OPEN_MAX)
      expect(started).toHaveLength(MESSAGES_OPEN_MAX)
      go.open()
      await until(() => started.length >= numbers.length)
      expect(started).toEqual(numbers)
      await Promise.all([link.close(), other.close()])
    })

    it('rejects the messages in flight when it ends, and reports the reason', async () => {
      const link = await open(proxy.url)
      proxy.dial.freeze = true
      const sent = link.publish('into/the/void', HELLO, { qos: 1 })
      const asked = link.subscribe('from/the/void', 1)
      await until(() => proxy.bytesUp > 0)
      proxy.dial.freeze = false
      proxy.cut()
      await expect(sent).rejects.toMatchObject({ kind: 'lost' })
      await expect(asked).rejects.toMatchObject({ kind: 'lost' })
      expect(await link.closed).toMatchObject({ kind: 'lost' })
      await expect(link.publish('too/late', HELLO, { qos: 1 })).rejects.toMatchObject({ kind: 'lost' })
    })

    it('notices a dead connection by its keepalive and rejects the messages in flight', async () => {
      const link = await open(proxy.url, { keepaliveS: 1 })
      proxy.dial.freeze = true
      const sent = link.publish('into/the/void', HELLO, { qos: 1 })
      await expect(sent).rejects.toMatchObject({ kind: 'lost' })
      expect(await link.closed).toBeInstanceOf(LinkError)
      proxy.dial.freeze = false
    })

    it('publishes the will when it is destroyed, and not when it is closed', async () => {
      const heard: string[] = []
      const watcher = await open(proxy.url, { onMessage: (topic) => void heard.push(topic) })
      await watcher.subscribe('will/#', 1)
      const ends = { closed: (link: Link) => link.close(), destroyed: (link: Link) => link.destroy() }
      for (const [how, end] of Object.entries(ends)) {
        const link = await open(proxy.url, { will: { topic: `will/${how}`, payload: HELLO, qos: 1, retain: false } })
        await end(link)
        expect(await link.closed).toBeUndefined()
      }
      await until(() => heard.length > 0)
      expect(heard).toEqual(['will/destroyed'])
      await watcher.close()
    })
  })
}

describePeer('mosquitto', 'a link over Mosquitto, MQTT 5', () => {
  describeLink('keeps the promises of a link', () => startMosquitto())

  it('returns the reason code when there are no subscribers or a publish is refused', async () => {
    const acl = join(tempFolder(), 'acl')
    writeFileSync(acl, 'topic read #\ntopic write open/#\n', { mode: 0o700 })
    const broker = await startMosquitto({ config: `acl_file ${acl}` })
    const link = await open(broker.url)
    expect(await link.publish('open/unread', HELLO, { qos: 1 })).toEqual({ reasonCode: 16 })
    expect(await link.publish('shut', HELLO, { qos: 1 })).toEqual({ reasonCode: 0x87 })
    await link.subscribe('open/#', 1)
    expect(await link.publish('open/read', HELLO, { qos: 1 })).toEqual({ reasonCode: 0 })
    await link.close()
  })

  it('reports the reason code when the broker ends the connection', async () => {
    const broker = await startMosquitto({ config: 'max_packet_size 1000' })
    const link = await open(broker.url)
    const sent = link.publish('large', Buffer.alloc(1_001), { qos: 1 })
    await expect(sent).rejects.toMatchObject({ kind: 'lost', reasonCode: 0x95 })
    expect(await link.closed).toMatchObject({ kind: 'lost', reasonCode: 0x95 })
  })
})

describe('a link over Aedes, MQTT 3.1.1', () => {
  describeLink('keeps the promises of a link', startAedes)
})

describe('a link whose peer no longer responds', () => {
  it('closes after CLOSE_MS, and not before', async () => {
    const port = await listen(
      (socket) => {
        socket.once('data', () => {
          socket.write(Buffer.from([0x20, 0x03, 0x00, 0x00, 0x00]))
          socket.pause()
        })
      },
      { allowHalfOpen: true },
    )
    const link = await open(`mqtt://127.0.0.1:${port}`)
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let isClosed = false
    const closing = link.close().then(() => {
      isClosed = true
    })
    await vi.advanceTimersByTimeAsync(CLOSE_MS - 1)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(isClosed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await closing
  })
})
