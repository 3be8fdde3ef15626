import type { Database, Statement } from 'better-sqlite3'

/** Messages of one uplink that are parked; with more it holds all messages back, and a person has to look. */
export const PARKED_MESSAGES_MAX = 10_000

/**
 * Messages that the far side of one uplink refuses for good, each with the reason: out of the way of all others, kept
 * until a person sends them again or drops them. Everything that writes runs in its owner's transaction.
 */
export class ParkedMessages {
  readonly #uplink: number
  readonly #all: Statement<[number]>
  readonly #replays: Statement<[number]>
  readonly #statements
  /** Messages, as the disk has them. */
  #ids = new Set<number>()
  /** Of those the ones that a person wants to be sent again, in order of arrival. */
  #wanted: number[] = []

  constructor(database: Database, uplink: number) {
    this.#uplink = uplink
    this.#all = database.prepare<[number]>('SELECT message FROM parked_messages WHERE uplink = ?').pluck()
    this.#replays = database
      .prepare<[number]>('SELECT message FROM parked_messages WHERE uplink = ? AND replay = 1 ORDER BY message')
      .pluck()
    const one = 'WHERE uplink = ? AND message = ?'
    this.#statements = {
      park: database.prepare<[number, number, number, string]>(
        `INSERT INTO parked_messages (uplink, message, parked_at, reason) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET parked_at = excluded.parked_at, reason = excluded.reason, replay = 0`,
      ),
      remove: database.prepare<[number, number]>(`DELETE FROM parked_messages ${one}`),
      replay: database.prepare<[number, number]>(`UPDATE parked_messages SET replay = 1 ${one}`),
      messageOf: database
        .prepare<[number, number]>('SELECT message FROM parked_messages WHERE uplink = ? AND id = ?')
        .pluck(),
    }
    this.reload()
  }

  get count(): number {
    return this.#ids.size
  }

  has(message: number): boolean {
    return this.#ids.has(message)
  }

  /** Reads again what is parked: at the start, and after a transaction that failed. */
  reload(): void {
    this.#ids = new Set(this.#all.all(this.#uplink) as number[])
    this.#wanted = this.#replays.all(this.#uplink) as number[]
  }

  /** Also one that is refused again. `at`: UTC ms. */
  park(message: number, reason: string, at: number): void {
    this.#statements.park.run(this.#uplink, message, at, reason)
    this.#ids.add(message)
    this.#wanted = this.#wanted.filter((one) => one !== message)
  }

  /** The first one that is to be sent again and is not on its way. */
  next(isOnItsWay: (message: number) => boolean): number | undefined {
    return this.#wanted.find((one) => !isOnItsWay(one))
  }

  /** The message under the id that people see; undefined: there is none. */
  messageOf(id: number): number | undefined {
    return this.#statements.messageOf.get(this.#uplink, id) as number | undefined
  }

  replay(message: number): void {
    this.#statements.replay.run(this.#uplink, message)
    if (!this.#wanted.includes(message)) this.#wanted = [...this.#wanted, message].sort((a, b) => a - b)
  }

  remove(message: number): void {
    this.#statements.remove.run(this.#uplink, message)
    this.#ids.delete(message)
    this.#wanted = this.#wanted.filter((one) => one !== message)
  }
}
