import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Duplex } from 'node:stream'
import type { Aedes, Client } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import { Exit, OperatorError } from '../base/errors.ts'
import { limitPackets } from './packet-limit.ts'

/** Packages whose private members the broker uses. package.json pins each of them to one version. */
type PinnedPackage = 'aedes' | 'aedes-persistence' | 'mqemitter' | 'mqtt-packet'
type Kind = 'function' | 'object' | 'string' | 'number' | 'boolean'
type Members = readonly (readonly [path: string, kind: Kind])[]

/** Members of the broker object (delivery.ts). */
const BROKER: Readonly<Partial<Record<PinnedPackage, Members>>> = {
  aedes: [
    ['id', 'string'],
    ['publish', 'function'],
    ['mq', 'object'],
  ],
  mqemitter: [
    ['mq.on', 'function'],
    ['mq.emit', 'function'],
    ['mq._matcher.match', 'function'],
  ],
}

/** Members of one client (socket-reader.ts, packet-limit.ts). */
const CLIENT: Readonly<Partial<Record<PinnedPackage, Members>>> = {
  aedes: [
    ['closed', 'boolean'],
    ['connecting', 'boolean'],
    ['connected', 'boolean'],
    ['connackSent', 'boolean'],
    ['_keepaliveTimer', 'object'],
    ['_nextBatch', 'function'],
    ['_parsingBatch', 'number'],
  ],
  'mqtt-packet': [
    ['_parser.parse', 'function'],
    ['_parser.packet.length', 'number'],
    ['_parser._list.length', 'number'],
    ['_parser._parseLength', 'function'],
    ['_parser._emitError', 'function'],
  ],
}

/** Methods of the in-memory persistence that persistence.ts replaces or builds on. */
const PERSISTENCE: Members = [
  'setup',
  'storeRetained',
  'addSubscriptions',
  'removeSubscriptions',
  'cleanSubscriptions',
  'outgoingEnqueue',
  'outgoingEnqueueCombi',
  'outgoingUpdate',
  'outgoingClearMessageId',
  'outgoingStream',
  'incomingGetPacket',
  'incomingStorePacket',
  'incomingDelPacket',
  'cleanIncoming',
].map((name) => [name, 'function'])

/**
 * Checks that the installed packages have every private member that the broker uses, before a device can connect. A
 * release that renames one would otherwise switch off a bound, such as the packet limit, without a sign.
 * @throws OperatorError that names package, installed version and missing member
 */
export function assertPrivateMembers(broker: Aedes): void {
  assertMembers('aedes-persistence', MemoryPersistence.prototype, PERSISTENCE)
  assertAll(broker, BROKER)
  const connection = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const client = broker.handle(connection)
  try {
    assertAll(client, CLIENT)
    if (!connection.listeners('readable').includes(member(client, '_nextBatch') as () => void)) {
      throw incompatible('aedes', 'a client no longer reads its socket in its `_nextBatch`')
    }
    assertPacketLimit(client)
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
    if (typeof found !== kind) throw incompatible(name, `\`${path}\` is ${typeof found} instead of ${kind}`)
  }
}

/** A limited parser refuses a packet whose length field is above the limit. */
function assertPacketLimit(client: Client): void {
  const parser = member(client, '_parser') as {
    parse(bytes: Buffer): unknown
    once(event: 'error', listener: () => void): unknown
    removeAllListeners(event: 'error'): unknown
  }
  let isRefused = false
  parser.removeAllListeners('error')
  parser.once('error', () => {
    isRefused = true
  })
  limitPackets(client, 1)
  parser.parse(Buffer.from([0x30, 2])) // PUBLISH with a remaining length of 2
  if (!isRefused) throw incompatible('mqtt-packet', 'its parser does not call `_parseLength` any more')
}

function member(owner: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], owner)
}

function incompatible(name: PinnedPackage, problem: string): OperatorError {
  const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<PinnedPackage, string>
  }
  return new OperatorError(
    `${name} ${installedVersion(name)} does not fit: ${problem}; Tidegate needs ${name} ${dependencies[name]}`,
    { remedy: `install that version: \`npm install ${name}@${dependencies[name]}\``, exitCode: Exit.UNAVAILABLE },
  )
}

/** Read from the package's folder, since not every package exports its package.json. */
function installedVersion(name: PinnedPackage): string {
  for (let folder = dirname(createRequire(import.meta.url).resolve(name)); ; folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name?: string
        version?: string
      }
      if (found.name === name) return found.version ?? 'of an unknown version'
    } catch {
      // The main file lies deeper in the package.
    }
    if (folder === dirname(folder)) return 'of an unknown version'
  }
}
