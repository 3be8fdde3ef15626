import { connect, createServer } from 'node:net'
import { until } from './wait.ts'

/**
 * Below the range from which the kernel takes the ports of outgoing connections, so that none of them takes our
 * port.
 */
const PORT_MIN = 12_000
const PORT_MAX = 32_000
const TRIES_MAX = 200
const given = new Set<number>()

/** A TCP port without a listener; one process never gets the same port twice. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    if (given.has(port) || !(await canListen(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`no free TCP port between ${PORT_MIN} and ${PORT_MAX} after ${TRIES_MAX} tries`)
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Whether a server accepts TCP connections on the port of the loopback interface. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Waits until a server listens on the port. @throws Error when none does by the deadline. */
export async function untilAccepts(port: number, deadlineMs?: number): Promise<void> {
  await until(() => accepts(port), {
    what: `a listener on port ${port}`,
    ...(deadlineMs !== undefined && { deadlineMs }),
  })
}
