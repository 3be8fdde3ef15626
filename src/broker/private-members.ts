import { Duplex } from 'node:stream'
import type { Aedes, Client } from 'aedes'
import { incompatiblePackage, type PinnedPackage } from '../base/pinned-package.ts'
import { limitPackets } from './packet-limit.ts'
import { requireUtf8 } from './utf8-strings.ts'

type Kind = 'function' | 'object' | 'string' | 'number' | 'boolean'
type Members = readonly (readonly [path: string, kind: Kind])[]

/** Members of the broker object (delivery.ts, guards/takeovers.ts). */
const BROKER: Readonly<Partial<Record<PinnedPackage, Members>>> = {
  aedes: [
    ['id', 'string'],
    ['publish', 'function'],
    ['clients', 'object'],
    ['registerClient', 'function'],
  ],
}

/** Members of one client (socket-reader.ts, packet-limit.ts, utf8-strings.ts, own-messages.ts). */
const CLIENT: Readonly<Partial<Record<PinnedPackage, Members>>> = {
  aedes: [
    ['closed', 'boolean'],
    ['connecting', 'boolean'],
    ['connected', 'boolean'],
    ['connackSent', 'boolean'],
    ['_keepaliveTimer', 'object'],
    ['_nextBatch', 'function'],
    ['deliver0', 'function'],
    ['subscriptions', 'object'],
    ['_parsingBatch', 'number'],
    ['_nextId', 'number'],
  ],
  'mqtt-packet': [
    ['_parser.parse', 'function'],
    ['_parser.packet.length', 'number'],
    ['_parser._list.slice', 'function'],
    ['_parser._parseString', 'function'],
    ['_parser._parseLength', 'function'],
    ['_parser._parseSubscribe', 'function'],
    ['_parser._parseUnsubscribe', 'function'],
    ['_parser._emitError', 'function'],
  ],
}

/**
 * Checks that the installed packages have every private member that the broker uses, before a device can connect. A
 * release that renames one would otherwise switch off a bound, such as the packet limit, without a sign.
 * @throws OperatorError that names package, installed version and missing member
 */
export function assertPrivateMembers(broker: Aedes): void {
  assertAll(broker, BROKER)
  const connection = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const client = broker.handle(connection)
  try {
    assertAll(client, CLIENT)
    if (!connection.listeners('readable').includes(member(client, '_nextBatch') as () => void)) {
      throw incompatiblePackage('aedes', 'a client no longer reads its socket in its `_nextBatch`')
    }
    assertPacketLimit(client)
    assertUtf8(client)
  } finally {
    connection.destroy()
  }
}

function assertAll(owner: object, packages: Readonly<Partial<Record<PinnedPackage, Members>>>): void {
  for (const [name, members] of Object.entries(packages)) assertMembers(name as PinnedPackage, owner, members)
}

/** @throws OperatorError for the first member that is missing or of another type */
export function assertMembers(name: PinnedPackage, owner: object, members: Members): void {
  for (const [path, kind] of members) {
    const found = member(owner, path)
    if (typeof found !== kind) throw incompatiblePackage(name, `\`${path}\` is ${typeof found} instead of ${kind}`)
  }
}

interface Parser {
  parse(bytes: Buffer): unknown
  once(event: 'error', listener: () => void): unknown
  removeAllListeners(event: 'error'): unknown
}

/** Whether a client's parser refuses these bytes. */
function refuses(client: Client, bytes: readonly number[]): boolean {
  const parser = member(client, '_parser') as Parser
  let isRefused = false
  parser.removeAllListeners('error')
  parser.once('error', () => {
    isRefused = true
  })
  parser.parse(Buffer.from(bytes))
  return isRefused
}

/** A parser that checks UTF-8 refuses an ill-formed topic. */
function assertUtf8(client: Client): void {
  requireUtf8(client)
  const isRefused = refuses(client, [0x30, 3, 0, 1, 0xff]) // PUBLISH with the topic 0xff
  if (!isRefused) throw incompatiblePackage('mqtt-packet', 'its parser does not call `_parseString` any more')
}

/** A limited parser refuses a packet whose length field is above the limit. */
function assertPacketLimit(client: Client): void {
  limitPackets(client, 1)
  const isRefused = refuses(client, [0x30, 2]) // PUBLISH with a remaining length of 2
  if (!isRefused) throw incompatiblePackage('mqtt-packet', 'its parser does not call `_parseLength` any more')
}

function member(owner: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], owner)
}
