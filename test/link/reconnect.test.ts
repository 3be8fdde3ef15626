import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { LinkError } from '../../src/link/link.ts'
import { untilBack } from '../../src/link/network-watch.ts'
import { Reconnect } from '../../src/link/reconnect.ts'
import { freePort } from '../../support/port.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { listen } from './brokers.ts'

const HOUR_MS = 3_600_000
const unreachable = new LinkError('unreachable', 'the test has ended it')

/** Pauses of an hour: a test that ends has seen one end early. */
function hourly(port: number): Reconnect {
  return new Reconnect({ url: `mqtt://127.0.0.1:${port}`, minMs: HOUR_MS, maxMs: HOUR_MS, random: () => 0.999 })
}

async function listenOn(port: number): Promise<void> {
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  onStop(() => void server.close())
}

describe('the pause before the next connection', () => {
  it('ends when a broker that was away accepts TCP connections again', async () => {
    const port = await freePort()
    const paused = hourly(port).pause(unreachable, new AbortController().signal)
    await listenOn(port)
    await paused
  })

  it('ends early once, and not again, for something that accepts connections and is no broker', async () => {
    const connections: number[] = []
    const port = await listen((socket) => {
      connections.push(1)
      socket.destroy()
    })
    const reconnect = hourly(port)
    const stop = new AbortController()
    await reconnect.pause(unreachable, stop.signal)
    expect(connections).toHaveLength(1)
    let ended = false
    const second = reconnect.pause(unreachable, stop.signal).then(() => {
      ended = true
    })
    await until(() => connections.length === 2)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toBe(false)
    stop.abort()
    await second
  })

  it('is short again after a connection that lasted, however many failures came before', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`
    const reconnect = new Reconnect({ url, minMs: 1, maxMs: HOUR_MS, random: () => 0.999 })
    for (let failure = 0; failure < 30; failure++) await reconnect.pause(undefined, AbortSignal.abort())
    reconnect.ended(10_000)
    await reconnect.pause(undefined, new AbortController().signal)
  })

  it('ends when the signal fires', async () => {
    const stop = new AbortController()
    const paused = hourly(await freePort()).pause(unreachable, stop.signal)
    stop.abort()
    await paused
  })
})

describe('the watch for the network', () => {
  it('reports a change of addresses or routes, although the broker accepts no connection yet', async () => {
    const states = ['eth0 10.0.0.7', 'eth0 10.0.0.7', 'eth0 10.0.0.7\nppp0 100.64.0.9']
    const back = await untilBack(`mqtt://127.0.0.1:${await freePort()}`, {
      accepted: undefined,
      signal: new AbortController().signal,
      random: () => 0,
      state: () => states.shift() ?? 'none',
    })
    expect([back, states]).toEqual(['network', []])
  })

  it('does not connect again and again to a broker that accepts connections', async () => {
    let connections = 0
    const port = await listen((socket) => {
      connections++
      socket.destroy()
    })
    const stop = new AbortController()
    let checks = 0
    const state = (): string => {
      if (++checks === 4) stop.abort()
      return ''
    }
    const options = { accepted: undefined, signal: stop.signal, random: () => 0, state }
    expect(await untilBack(`mqtt://127.0.0.1:${port}`, options)).toBeUndefined()
    expect(connections).toBe(1)
  })
})
