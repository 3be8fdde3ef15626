import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { onStop } from '../../support/started.ts'

export interface TerminatorOptions {
  /** Certificate and key of the server: PEM files. */
  readonly cert: string
  readonly key: string
  /** Clients need a certificate of this authority. */
  readonly clientCa?: string
  /** Only connections that name this protocol (ALPN) are forwarded; all others are closed. */
  readonly alpn?: string
}

/** TLS in front of a plain server, like the load balancer of a cloud: checks the handshake and forwards bytes. */
export class Terminator {
  readonly port: number
  /** The ALPN protocol and server name (SNI) that clients requested, one entry per handshake. */
  readonly requested: { alpn: string | false; name: string | false }[] = []

  private constructor(port: number) {
    this.port = port
  }

  static async start(to: number, { cert, key, clientCa, alpn }: TerminatorOptions): Promise<Terminator> {
    const server = createServer({
      cert: readFileSync(cert),
      key: readFileSync(key),
      ...(clientCa !== undefined && { ca: readFileSync(clientCa), requestCert: true }),
      ...(alpn !== undefined && { ALPNProtocols: [alpn] }),
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const terminator = new Terminator((server.address() as AddressInfo).port)
    const open = new Set<TLSSocket>()
    server.on('secureConnection', (client) => {
      const { alpnProtocol, servername } = client as TLSSocket & { servername?: string | false }
      terminator.requested.push({ alpn: alpnProtocol ?? false, name: servername ?? false })
      open.add(client)
      client.on('error', () => {}).on('close', () => open.delete(client))
      if (alpn !== undefined && alpnProtocol !== alpn) return client.destroy()
      const broker = connect({ port: to, host: '127.0.0.1' })
      broker.on('error', () => {}).on('close', () => client.destroySoon())
      client.on('close', () => broker.destroy())
      return client.pipe(broker).pipe(client)
    })
    server.on('tlsClientError', () => {})
    onStop(() => {
      server.close()
      for (const client of open) client.destroy()
    })
    return terminator
  }
}
