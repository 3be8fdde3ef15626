import type { EventEmitter } from 'node:events'
import { Aedes } from 'aedes'
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../../src/base/errors.ts'
import { assertPrivateMembers } from '../../src/broker/private-members.ts'
import { onStop } from '../../support/started.ts'

type Inner = Record<string, unknown> & { handle(socket: unknown): Inner }

async function startAedes(): Promise<Inner> {
  const aedes = await Aedes.createBroker()
  onStop(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
  return aedes as unknown as Inner
}

function refusalOf(broker: Inner): OperatorError {
  try {
    assertPrivateMembers(broker as unknown as Aedes)
  } catch (failure) {
    if (failure instanceof OperatorError) return failure
    throw failure
  }
  throw new Error('nothing was refused')
}

/** The broker with every client changed, as a new release of the package might do. */
function withClients(broker: Inner, change: (client: Inner) => void): Inner {
  const handle = broker.handle.bind(broker)
  broker.handle = (socket) => {
    const client = handle(socket)
    change(client)
    return client
  }
  return broker
}

describe('the installed packages of the broker', () => {
  it('have every private member that the broker uses', async () => {
    const broker = await startAedes()
    expect(() => assertPrivateMembers(broker as unknown as Aedes)).not.toThrow()
  })

  it('are refused by name and version, with the remedy, when the broker no longer has a member', async () => {
    const broker = await startAedes()
    broker.publish = undefined
    const { message, remedy } = refusalOf(broker)
    expect(message).toMatch(/^aedes 1\.2\.0 is not compatible: `publish` is undefined/)
    expect(remedy).toContain('npm install aedes@1.2.0')
  })

  it('are refused when a client no longer has the member', async () => {
    const broker = withClients(await startAedes(), (client) => {
      delete client._parsingBatch
    })
    expect(refusalOf(broker).message).toMatch(/^aedes 1\.2\.0 is not compatible: `_parsingBatch`/)
  })

  it('are refused when a client no longer reads its socket in the expected way', async () => {
    const broker = withClients(await startAedes(), (client) => {
      const conn = client.conn as EventEmitter
      conn.removeAllListeners('readable')
    })
    expect(refusalOf(broker).message).toMatch(/^aedes 1\.2\.0 is not compatible: .*_nextBatch/)
  })

  it('are refused when the parser bypasses the packet limit', async () => {
    const broker = withClients(await startAedes(), ({ _parser }) => {
      const parser = _parser as Record<string, unknown> & { _states: string[] }
      parser._readLength = parser._parseLength
      parser._states = parser._states.map((state) => (state === '_parseLength' ? '_readLength' : state))
    })
    expect(refusalOf(broker).message).toMatch(/^mqtt-packet 9\.0\.2 is not compatible: .*_parseLength/)
  })
})
