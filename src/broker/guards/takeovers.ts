import type { Aedes, Client } from 'aedes'
import type { Log } from '../../base/log.ts'
import { oneLine } from '../../base/text/one-line.ts'
import { type Guard, isLogged } from './guard.ts'

/** Clients with the same id fight when this number of takeovers occur within this time (ms). */
const FIGHT_MIN = 5
const FIGHT_MS = 120_000
/** A fight is reported for this time (ms) after its last takeover. */
const SHOWN_MS = 600_000
/** Client ids that are watched; beyond it, the one whose last takeover was first is forgotten. */
const WATCHED_MAX = 1_000
const FIGHTS_SHOWN = 5
const ADDRESSES_MAX = 4
const ID_CHARS_MAX = 100

export interface TakeoverStats {
  /** Connections that were closed because another one used their client id. */
  readonly count: number
  /** Client ids that several devices use at once, and where they connect from: the last ones. */
  readonly fights: readonly { readonly client: string; readonly takeovers: number; readonly addresses: string[] }[]
}

interface Watched {
  takeovers: number
  /** Monotonic ms of the last `FIGHT_MIN` takeovers. */
  readonly times: number[]
  readonly addresses: Set<string>
  foughtAt: number
}

/** Finds devices that have the same client id: each disconnects the other when it connects (MQTT 3.1.1 §3.1.4). */
export class Takeovers {
  readonly #log: Log
  readonly #watched = new Map<string, Watched>()
  #count = 0
  #fights = 0

  constructor(log: Log) {
    this.#log = log
  }

  get stats(): TakeoverStats {
    const now = performance.now()
    const fights = [...this.#watched].filter(([, { foughtAt }]) => now - foughtAt < SHOWN_MS)
    return {
      count: this.#count,
      fights: fights.slice(-FIGHTS_SHOWN).map(([client, { takeovers, addresses }]) => {
        return { client: oneLine(client, ID_CHARS_MAX), takeovers, addresses: [...addresses] }
      }),
    }
  }

  /** A client connects with the id of one that is connected. */
  note(client: string, addresses: readonly (string | undefined)[]): void {
    const now = performance.now()
    this.#count++
    const watched = this.#watch(client)
    watched.takeovers++
    for (const address of addresses) {
      if (address !== undefined && watched.addresses.size < ADDRESSES_MAX) watched.addresses.add(address)
    }
    watched.times.push(now)
    if (watched.times.length > FIGHT_MIN) watched.times.shift()
    if (watched.times.length < FIGHT_MIN || now - watched.times[0]! > FIGHT_MS) return
    watched.foughtAt = now
    if (!isLogged(++this.#fights)) return
    const facts = {
      client: oneLine(client, ID_CHARS_MAX),
      takeovers: watched.takeovers,
      addresses: [...watched.addresses],
    }
    this.#log.warn(facts, 'several devices use the same client id and disconnect each other')
  }

  /** The entry of a client id, the newest in the map. */
  #watch(client: string): Watched {
    const known = this.#watched.get(client)
    this.#watched.delete(client)
    const watched = known ?? {
      takeovers: 0,
      times: [],
      addresses: new Set<string>(),
      foughtAt: Number.NEGATIVE_INFINITY,
    }
    if (this.#watched.size >= WATCHED_MAX) this.#watched.delete(this.#watched.keys().next().value!)
    this.#watched.set(client, watched)
    return watched
  }
}

/** Private members of Aedes; private-members.ts checks them at start. */
interface Inner {
  readonly clients: Readonly<Record<string, Client | undefined>>
  registerClient(client: Client): void
}

const addressOf = ({ conn }: Client): string | undefined => (conn as { remoteAddress?: string }).remoteAddress

/** Notes each takeover. */
export function watchTakeovers(broker: Aedes, takeovers: Takeovers, guard: Guard): void {
  const inner = broker as unknown as Inner
  const register = inner.registerClient.bind(inner)
  inner.registerClient = (client) => {
    guard.run('registerClient', { cause: client, otherwise: undefined }, () => {
      const former = inner.clients[client.id]
      if (former !== undefined) takeovers.note(client.id, [addressOf(former), addressOf(client)])
      register(client)
    })
  }
}
