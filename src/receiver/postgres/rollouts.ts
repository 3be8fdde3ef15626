import type { DeviceKey } from '../config/device-key.ts'
import { DRIVER_MS, ROLLOUTS_KEPT, type Rollout, type RolloutDevice, type Rollouts } from '../config/rollout/rollout.ts'
import { bodyOf, deviceBodyOf, deviceOf, isOver, rolloutOf, UNTOUCHED } from '../config/rollout/rollout-rows.ts'
import type { Transact } from './schema.ts'

type Row = (number | string | null)[]

export class PostgresRollouts implements Rollouts {
  readonly #rollouts: string
  readonly #devices: string
  readonly #transact: Transact

  /** @param schema its quoted name */
  constructor(schema: string, transact: Transact) {
    this.#rollouts = `${schema}.config_rollouts`
    this.#devices = `${schema}.config_rollout_devices`
    this.#transact = transact
  }

  create(rollout: Omit<Rollout, 'id'>, devices: readonly DeviceKey[]): Promise<number> {
    return this.#transact(async (connection) => {
      const insert = `INSERT INTO ${this.#rollouts} (body, over) VALUES ($1, $2) RETURNING id`
      const [row] = await connection.rows<[number]>(insert, [bodyOf(rollout), isOver(rollout)])
      const id = row![0]
      await connection.rows(
        `INSERT INTO ${this.#devices} (rollout, place, edge, device, status, body)
         SELECT $1, place - 1, edge, device, 'waiting', $2
         FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS given (edge, device, place)`,
        [id, UNTOUCHED, devices.map(({ edge }) => edge), devices.map(({ device }) => device)],
      )
      const old = `SELECT id FROM ${this.#rollouts} WHERE over ORDER BY id DESC OFFSET $1`
      await connection.rows(`DELETE FROM ${this.#devices} WHERE rollout IN (${old})`, [ROLLOUTS_KEPT])
      await connection.rows(`DELETE FROM ${this.#rollouts} WHERE id IN (${old})`, [ROLLOUTS_KEPT])
      return id
    })
  }

  async one(id: number): Promise<Rollout | undefined> {
    const row = (await this.#rows(`SELECT id, body FROM ${this.#rollouts} WHERE id = $1`, [id]))[0]
    return row && rolloutOf(row)
  }

  async list(): Promise<Rollout[]> {
    return (await this.#rows(`SELECT id, body FROM ${this.#rollouts} ORDER BY id DESC`, [])).map(rolloutOf)
  }

  async devices(id: number, first: number, limit: number): Promise<RolloutDevice[]> {
    const sql = `SELECT place, edge, device, status, body FROM ${this.#devices} WHERE rollout = $1 AND place >= $2
      ORDER BY place LIMIT $3`
    return (await this.#rows(sql, [id, first, limit])).map(deviceOf)
  }

  async tally(id: number): Promise<Partial<Record<RolloutDevice['status'], number>>> {
    const rows = await this.#rows(`SELECT status, count(*) FROM ${this.#devices} WHERE rollout = $1 GROUP BY status`, [
      id,
    ])
    return Object.fromEntries(rows.map(([status, count]) => [String(status), Number(count)]))
  }

  async save(rollout: Rollout): Promise<void> {
    const sql = `UPDATE ${this.#rollouts} SET body = $1, over = $2 WHERE id = $3`
    await this.#rows(sql, [bodyOf(rollout), isOver(rollout), rollout.id])
  }

  async saveDevices(id: number, devices: readonly RolloutDevice[]): Promise<void> {
    await this.#rows(
      `UPDATE ${this.#devices} AS old SET status = given.status, body = given.body
       FROM unnest($2::int[], $3::text[], $4::text[]) AS given (place, status, body)
       WHERE rollout = $1 AND old.place = given.place`,
      [id, devices.map(({ place }) => place), devices.map(({ status }) => status), devices.map(deviceBodyOf)],
    )
  }

  /** Uses the clock of the database. */
  async drive(id: number, driver: string, _at: number): Promise<boolean> {
    const sql = `UPDATE ${this.#rollouts} SET driver = $2, driven_until = now() + $3 * interval '1 ms'
      WHERE id = $1 AND (driver = $2 OR driven_until <= now()) RETURNING 1`
    return (await this.#rows(sql, [id, driver, DRIVER_MS])).length > 0
  }

  async leave(id: number, driver: string): Promise<void> {
    const sql = `UPDATE ${this.#rollouts} SET driven_until = '-infinity' WHERE id = $1 AND driver = $2`
    await this.#rows(sql, [id, driver])
  }

  #rows(sql: string, values: readonly unknown[]): Promise<Row[]> {
    return this.#transact((connection) => connection.rows<Row>(sql, values))
  }
}
