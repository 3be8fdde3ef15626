import { existsSync, readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { accepts, freePort } from '../../support/port.ts'
import { startProcess } from '../../support/process.ts'
import { startProxy } from '../../support/proxy.ts'
import { onStop, stopStarted } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

describe('waiting', () => {
  it('returns the value of the condition, and names the condition in its timeout error', async () => {
    let calls = 0
    expect(await until(() => (++calls > 2 ? 'there' : ''))).toBe('there')
    await expect(until(() => false, { deadlineMs: 20, what: 'the tide' })).rejects.toThrow('the tide')
  })
})

describe('a test cleanup', () => {
  it('stops everything that the test started, newest first, even when one part fails to stop', async () => {
    const order: number[] = []
    onStop(() => void order.push(1))
    onStop(() => Promise.reject(new Error('stuck')))
    onStop(() => void order.push(3))
    await expect(stopStarted()).rejects.toThrow(AggregateError)
    expect(order).toEqual([3, 1])
  })

  it('leaves no process and no folder', async () => {
    const folder = tempFolder()
    const { pid } = startProcess('sleep', ['60'])
    await stopStarted()
    expect(existsSync(folder)).toBe(false)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })
})

describe('a process that a script started', () => {
  it('ends with the script, even when a signal ends the script', async () => {
    const started = JSON.stringify(join(import.meta.dirname, '../../support/process.ts'))
    const code = `const { startProcess } = await import(${started}); console.log('child', startProcess('sleep', ['60']).pid)`
    const script = startProcess(process.execPath, ['--input-type=module', '-e', code])
    const [, pid] = await script.waitFor(/child (\d+)/)
    script.kill('SIGTERM')
    expect(await script.exit).toBe(143)
    await until(() => !isRunning(Number(pid)), { what: 'the end of the child' })
  })
})

/** Whether the process runs; a zombie, which has ended but has not been reaped, does not count. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a process', () => {
  it('has the exit code that a shell would report', async () => {
    expect(await startProcess('sh', ['-c', 'exit 3']).exit).toBe(3)
    const killed = startProcess('sleep', ['60'])
    killed.kill('SIGKILL')
    expect(await killed.exit).toBe(137)
    expect(await startProcess('no-such-program-anywhere', []).exit).toBe(127)
  })

  it('is watched on both streams, and a wait for output fails as soon as the process has ended', async () => {
    const running = startProcess('sh', ['-c', 'echo one; echo two >&2'])
    expect((await running.waitFor(/o(n)e/))[1]).toBe('n')
    await running.waitFor(/two/)
    await expect(running.waitFor(/three/, 20_000)).rejects.toThrow('ended without printing')
  })
})

/** Starts a server that returns every byte. @returns its port. */
async function startEcho(): Promise<number> {
  const port = await freePort()
  const server = createServer((socket) => socket.pipe(socket))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onStop(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return port
}

interface Talk {
  readonly socket: Socket
  text: string
  ended: boolean
}

function talkTo(port: number): Talk {
  const talk: Talk = { socket: connect({ port, host: '127.0.0.1', noDelay: true }), text: '', ended: false }
  onStop(() => void talk.socket.destroy())
  talk.socket.setEncoding('utf8').on('data', (text: string) => {
    talk.text += text
  })
  talk.socket.on('error', () => {})
  talk.socket.on('close', () => {
    talk.ended = true
  })
  return talk
}

/** Waits, without a timer of its own, until a timer runs. */
async function untilTimer(): Promise<void> {
  while (vi.getTimerCount() === 0) await new Promise(setImmediate)
}

describe('the proxy', () => {
  it('forwards bytes in order and counts them in both directions', async () => {
    const proxy = await startProxy({ to: await startEcho() })
    const talk = talkTo(proxy.port)
    proxy.dial.latencyMs = 200
    for (const [i, letter] of [...'abcdefghij'].entries()) {
      talk.socket.write(letter)
      await until(() => proxy.bytesUp === i + 1, { what: 'the byte in the proxy' })
      if (letter === 'c') proxy.dial.latencyMs = 0
    }
    await until(() => talk.text.length === 10, { what: 'the echo' })
    expect(talk.text).toBe('abcdefghij')
    expect([proxy.bytesUp, proxy.bytesDown]).toEqual([10, 10])
  })

  it('delays each direction by its latency', async () => {
    const proxy = await startProxy({ to: await startEcho() })
    const talk = talkTo(proxy.port)
    await until(() => proxy.open === 1, { what: 'a connection' })
    proxy.dial.latencyMs = 100
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    talk.socket.write('x')
    await untilTimer()
    vi.advanceTimersByTime(99)
    expect([vi.getTimerCount(), proxy.bytesUp, proxy.bytesDown]).toEqual([1, 1, 0])
    vi.advanceTimersByTime(1)
    await untilTimer()
    vi.advanceTimersByTime(99)
    expect([vi.getTimerCount(), proxy.bytesDown, talk.text]).toEqual([1, 1, ''])
    vi.advanceTimersByTime(1)
    while (talk.text !== 'x') await new Promise(setImmediate)
  })

  it('swallows bytes silently when it is frozen, permanently on that connection', async () => {
    const proxy = await startProxy({ to: await startEcho() })
    const talk = talkTo(proxy.port)
    talk.socket.write('a')
    await until(() => talk.text === 'a', { what: 'the echo' })
    proxy.dial.freeze = true
    talk.socket.write('b')
    await until(() => proxy.bytesUp === 2, { what: 'the byte in the proxy' })
    proxy.dial.freeze = false
    talk.socket.write('c')
    await until(() => proxy.bytesUp === 3, { what: 'the byte in the proxy' })
    const next = talkTo(proxy.port)
    next.socket.write('d')
    await until(() => next.text === 'd', { what: 'the echo of a new connection' })
    expect([talk.text, talk.ended]).toEqual(['a', false])
  })

  it('cuts open connections, refuses new ones, and drops connections by its percentage', async () => {
    const proxy = await startProxy({ to: await startEcho() })
    const first = talkTo(proxy.port)
    await until(() => proxy.open === 1, { what: 'a connection' })
    proxy.dial.refuse = true
    proxy.cut()
    await until(() => first.ended && proxy.open === 0, { what: 'the cut' })
    const second = talkTo(proxy.port)
    await until(() => second.ended, { what: 'the refusal' })
    proxy.dial.refuse = false
    proxy.dial.dropPercent = 100
    const third = talkTo(proxy.port)
    third.socket.write('x')
    await until(() => third.ended, { what: 'the drop' })
    expect(third.text).toBe('')
  })

  it('forwards the end of the server to the client, after its last bytes', async () => {
    const port = await freePort()
    const server = createServer((socket) => socket.end('goodbye'))
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    onStop(() => void server.close())
    const proxy = await startProxy({ to: port })
    proxy.dial.latencyMs = 20
    const talk = talkTo(proxy.port)
    await until(() => talk.ended, { what: 'the end' })
    expect(talk.text).toBe('goodbye')
    await until(() => proxy.open === 0, { what: 'no connection left in the proxy' })
  })
})

describePeer('mosquitto', 'a real Mosquitto', () => {
  it('accepts connections after its start, none after a kill, and again on the same port after a restart', async () => {
    const mosquitto = await startMosquitto({ persistenceFolder: tempFolder() })
    expect(await accepts(mosquitto.port)).toBe(true)
    await mosquitto.kill()
    expect(await accepts(mosquitto.port)).toBe(false)
    await mosquitto.restart()
    expect(await accepts(mosquitto.port)).toBe(true)
    await mosquitto.stop()
    expect(await accepts(mosquitto.port)).toBe(false)
  })

  it('fails to start with the reason', async () => {
    await expect(startMosquitto({ config: 'nonsense yes' })).rejects.toThrow('nonsense')
  })
})
