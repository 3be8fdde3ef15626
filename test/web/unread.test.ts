import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { edgeSettings } from '../../src/settings/edge.ts'
import { StatusServer } from '../../src/web/status-server.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'

/** Far more than the system buffers for a connection. */
const ANSWER_BYTES = 25_000_000

async function serve(): Promise<number> {
  const server = await StatusServer.start(
    { ...edgeSettings.parse({ edge: 'e' }).web, port: 0 },
    {
      status: async () => ({ healthy: true, problems: [] }),
      history: { ask: async () => ({ kind: 'answer', json: new Uint8Array(ANSWER_BYTES).fill(0x20) }) },
      clock: systemClock,
    },
  )
  onStop(() => server.stop())
  return server.address.port
}

/** Asks for an answer and reads only its beginning. */
async function askWithoutReading(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write('GET /api/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await once(socket, 'readable')
  return socket
}

async function statusOf(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/latest`)
  await answer.arrayBuffer()
  return answer.status
}

it('an answer is refused with 503 while clients have not read too many bytes, and no longer when they are gone', async () => {
  const port = await serve()
  expect(await statusOf(port)).toBe(200)
  const slow = await askWithoutReading(port)
  expect(await statusOf(port)).toBe(503)
  slow.destroy()
  await until(async () => (await statusOf(port)) === 200)
})
