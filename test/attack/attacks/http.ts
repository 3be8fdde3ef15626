import { connect, type Socket } from 'node:net'
import { pause } from '../../../src/base/clock.ts'
import type { DeviceAttack } from '../attack.ts'
import type { Field } from '../field.ts'

const CONNECTIONS = 2_000
const GET = 'GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\n'
const PIPELINED = 200
const UNSENT_BYTES_MAX = 1_000_000

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  return socket
}

async function pipeline(field: Field, port: number): Promise<number> {
  const requests = `${GET}\r\n`.repeat(PIPELINED)
  let sent = 0
  while (!field.isOver) {
    const socket = open(port)
    while (!field.isOver && !socket.destroyed && !socket.closed) {
      if (socket.writableLength < UNSENT_BYTES_MAX) {
        socket.write(requests)
        sent += PIPELINED
      }
      await pause(2)
    }
    socket.destroy()
    await pause(20)
  }
  return sent
}

export const HTTP: readonly DeviceAttack[] = [
  {
    key: 'http-connections',
    title: '2,000 HTTP connections, half of them with half a request',
    victim: 'edge',
    async run(field, edge) {
      const sockets: Socket[] = []
      for (let n = 0; n < CONNECTIONS && !field.isOver; n++) {
        const socket = open(edge.webPort)
        socket.write(n % 2 === 0 ? GET : `${GET}\r\n`)
        sockets.push(socket)
        if (n % 100 === 99) await pause(20)
      }
      await field.until(() => false)
      field.remark = `${sockets.filter(({ destroyed }) => !destroyed).length} open at the end`
      for (const socket of sockets) socket.destroy()
    },
  },
  {
    key: 'http-pipeline',
    title: 'pipelined HTTP requests whose answers are not read',
    victim: 'edge',
    async run(field, edge) {
      const counts = await Promise.all(Array.from({ length: 4 }, () => pipeline(field, edge.webPort)))
      field.remark = `${counts.reduce((sum, count) => sum + count, 0)} requests`
    },
  },
]
