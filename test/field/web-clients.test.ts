import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { SiteEdge } from '../../support/site.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { append, openStore } from '../store/stores.ts'

const CONNECTIONS_MAX = 16
const READINGS = 9_000

/** A connection that sends what the test wants, and reads only when the test asks for it. */
async function open(port: number): Promise<Socket & { received: number }> {
  const socket = Object.assign(connect({ port, host: '127.0.0.1' }), { received: 0 })
  socket.on('error', () => undefined)
  onStop(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

function isClosed(socket: Socket): Promise<boolean> {
  return until(() => socket.closed || socket.readableEnded, { what: 'the edge closes the connection' })
}

describe('clients of the HTTP server', () => {
  let edge: SiteEdge

  /** The status code for a request with this host, on a connection of its own. */
  function codeFor(host: string, path = '/api/status'): Promise<number> {
    return new Promise((resolve, reject) => {
      const asking = request({ host: '127.0.0.1', port: edge.webPort, path, headers: { host }, agent: false })
      asking
        .once('response', (answer) => resolve(answer.resume().statusCode!))
        .once('error', reject)
        .end()
    })
  }

  beforeAll(async () => {
    const data = join(tempFolder(), 'data')
    const store = openStore(data, { uplinks: [] })
    const value = 'x'.repeat(1_000)
    store.write(() => {
      for (let i = 0; i < READINGS; i++) append(store, { device: 'press', metric: 'text', ts: 1e12 + i, value })
    })
    store.close()
    edge = await SiteEdge.create({
      data,
      web: {
        connectionsMax: CONNECTIONS_MAX,
        requestTimeoutMs: 1_000,
        answerTimeoutMs: 15_000,
        answerBytesMax: 10_000_000,
        hosts: ['edge.plant.example'],
      },
    })
    await edge.start()
  })

  afterAll(async () => {
    expect(await edge.stop()).toBe(0)
  })

  async function webStats() {
    return (await edge.status()).web!
  }

  it('are refused under a host name that is not one of the edge, whatever they ask', async () => {
    for (const path of ['/api/status', '/healthz', '/api/devices', '/api/history', '/none']) {
      expect(await codeFor('evil.example', path)).toBe(421)
      expect(await codeFor('evil.example:8080', path)).toBe(421)
    }
    for (const host of ['127.0.0.1', `localhost:${edge.webPort}`, 'edge.plant.example'])
      expect(await codeFor(host)).toBe(200)
    expect((await webStats()).foreignHosts).toBe(10)
  })

  it('that send nothing, or half a request, are disconnected', async () => {
    const sent = [
      '',
      'GET /api/sta',
      'GET /healthz HTTP/1.1\r\nHost: loc',
      'POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx',
    ]
    const sockets = await Promise.all(sent.map(() => open(edge.webPort)))
    for (const [i, socket] of sockets.entries()) socket.resume().write(sent[i]!)
    await Promise.all(sockets.map(isClosed))
  })

  it('that open many connections leave room for others, and for the next ones of their own', async () => {
    const sockets = await Promise.all(Array.from({ length: 3 * CONNECTIONS_MAX }, () => open(edge.webPort)))
    for (const socket of sockets) socket.resume()
    await until(() => sockets.filter(({ closed }) => closed).length >= 3 * CONNECTIONS_MAX - CONNECTIONS_MAX / 2)
    const { connections } = await new Promise<{ connections: number }>((resolve, reject) => {
      // From another address of the loopback interface: the first one has its half.
      const asking = request({
        host: '127.0.0.1',
        localAddress: '127.0.0.2',
        port: edge.webPort,
        path: '/api/status',
        agent: false,
      })
      asking.once('error', reject).end()
      asking.once('response', async (answer) => {
        const body = (await answer.toArray()).join('')
        resolve(JSON.parse(body).web)
      })
    })
    expect(connections).toBeLessThanOrEqual(CONNECTIONS_MAX / 2 + 1)
    await Promise.all(sockets.map(isClosed))
    expect((await webStats()).refused).toBeGreaterThanOrEqual((3 * CONNECTIONS_MAX) / 2)
  })

  it('that do not read large answers are disconnected, and get no more of them than fit', async () => {
    const ask =
      'GET /api/history?device=press&metric=text&from=2001-01-01&to=2002-01-01&limit=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const sockets = await Promise.all(Array.from({ length: 3 }, () => open(edge.webPort)))
    for (const socket of sockets) socket.pause().write(ask)
    await until(async () => (await webStats()).busy > 0, { deadlineMs: 60_000, what: 'an answer does not fit' })
    expect((await webStats()).answerBytes).toBeLessThanOrEqual(10_000_000)
    await until(async () => (await webStats()).answerBytes < 1_000_000, {
      deadlineMs: 60_000,
      what: 'their connections are closed',
    })
    expect((await webStats()).cut).toBeGreaterThanOrEqual(1)
    for (const socket of sockets) socket.destroy()
  })

  it('that send thousands of requests at once are disconnected, and others are answered', async () => {
    const before = (await webStats()).cut
    const socket = await open(edge.webPort)
    socket.resume().write('GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5_000))
    await isClosed(socket)
    expect((await webStats()).cut).toBe(before + 1)
    await until(async () => (await webStats()).connections === 1, { what: 'only the connection of this test is left' })
    expect((await webStats()).answerBytes).toBeLessThan(1_000_000)
  })
})
