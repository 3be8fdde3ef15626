import type { Database, Statement } from 'better-sqlite3'

/** A QoS 2 publish that is stored and that its sender has not released (PUBREL) yet. */
export interface IncomingId {
  readonly client: string
  readonly messageId: number
}

/**
 * The QoS 2 packet identifiers that a sender may still repeat (MQTT 3.1.1 §4.3.3). They are written in the transaction
 * that stores their reading and removed before PUBCOMP is sent, so that a crash neither duplicates nor loses a message.
 */
export class Incoming {
  readonly #add: Statement<[string, number]>
  readonly #remove: Statement<[string, number]>
  readonly #removeClient: Statement<[string]>
  readonly #all: Statement<[]>

  constructor(database: Database) {
    this.#add = database.prepare('INSERT OR IGNORE INTO incoming (client, message_id) VALUES (?, ?)')
    this.#remove = database.prepare('DELETE FROM incoming WHERE client = ? AND message_id = ?')
    this.#removeClient = database.prepare('DELETE FROM incoming WHERE client = ?')
    this.#all = database.prepare('SELECT client, message_id AS messageId FROM incoming')
  }

  add({ client, messageId }: IncomingId): void {
    this.#add.run(client, messageId)
  }

  remove({ client, messageId }: IncomingId): void {
    this.#remove.run(client, messageId)
  }

  removeClient(client: string): void {
    this.#removeClient.run(client)
  }

  all(): IncomingId[] {
    return this.#all.all() as IncomingId[]
  }
}
