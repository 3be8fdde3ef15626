import type { Database, Statement } from 'better-sqlite3'

/** Maximum number of parked messages of one uplink; with more, it holds all messages back until an operator acts. */
export const PARKED_MESSAGES_MAX = 10_000

/**
 * Messages that the cloud broker of one uplink refuses permanently, each with the reason. They do not block other
 * messages, and are kept until an operator sends them again or drops them. All methods that write run in their owner's
 * transaction.
 */
export class ParkedMessages {
  readonly #uplink: number
  readonly #all: Statement<[number]>
  readonly #replays: Statement<[number]>
  readonly #statements
  /** Ids of parked messages, as on the disk. */
  #ids = new Set<number>()
  /** Those that an operator wants to send again, in order of arrival. */
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

  /** Reads the parked messages again: at the start, and after a failed transaction. */
  reload(): void {
    this.#ids = new Set(this.#all.all(this.#uplink) as number[])
    this.#wanted = this.#replays.all(this.#uplink) as number[]
  }

  /** Parks a message, also one that is refused again. `at`: UTC ms. */
  park(message: number, reason: string, at: number): void {
    this.#statements.park.run(this.#uplink, message, at, reason)
    this.#ids.add(message)
    this.#wanted = this.#wanted.filter((one) => one !== message)
  }

  /** The first one that is to be sent again and is not in flight. */
  next(isOnItsWay: (message: number) => boolean): number | undefined {
    return this.#wanted.find((one) => !isOnItsWay(one))
  }

  /** The message with the id that is shown to operators; undefined: there is none. */
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
