import { once } from 'node:events'
import { type AddressInfo, createServer, type ServerOpts, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { onStop } from '../../support/started.ts'

/** Starts an Aedes broker on the loopback interface, which speaks only MQTT 3.1.1. */
export async function startAedes(): Promise<{ url: string; port: number }> {
  const broker = await Aedes.createBroker()
  const port = await listen((socket) => void broker.handle(socket))
  onStop(() => new Promise<void>((resolve) => broker.close(resolve)))
  return { url: `mqtt://127.0.0.1:${port}`, port }
}

/** Starts a TCP server that is closed after the test file. @returns its port. */
export async function listen(onSocket: (socket: Socket) => void, options: ServerOpts = {}): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer(options, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onStop(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}
