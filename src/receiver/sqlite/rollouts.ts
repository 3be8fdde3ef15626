import type { DeviceKey } from '../config/device-key.ts'
import { DRIVER_MS, ROLLOUTS_KEPT, type Rollout, type RolloutDevice, type Rollouts } from '../config/rollout/rollout.ts'
import { bodyOf, deviceBodyOf, deviceOf, isOver, rolloutOf, UNTOUCHED } from '../config/rollout/rollout-rows.ts'
import type { Prepare, Transact } from './schema.ts'

export class SqliteRollouts implements Rollouts {
  readonly #transact: Transact
  readonly #statements

  constructor(prepare: Prepare, transact: Transact) {
    this.#transact = transact
    this.#statements = statementsOf(prepare)
  }

  create(rollout: Omit<Rollout, 'id'>, devices: readonly DeviceKey[]): number {
    return this.#transact(() => {
      const id = Number(this.#statements.create.get(bodyOf(rollout), Number(isOver(rollout)))![0])
      for (const [place, { edge, device }] of devices.entries()) {
        this.#statements.addDevice.run(id, place, edge, device, UNTOUCHED)
      }
      this.#statements.dropDevices.run(ROLLOUTS_KEPT)
      this.#statements.drop.run(ROLLOUTS_KEPT)
      return id
    })
  }

  one(id: number): Rollout | undefined {
    const row = this.#statements.one.get(id)
    return row && rolloutOf(row)
  }

  list(): Rollout[] {
    return this.#statements.list.all().map(rolloutOf)
  }

  devices(id: number, first: number, limit: number): RolloutDevice[] {
    return this.#statements.devices.all(id, first, limit).map(deviceOf)
  }

  tally(id: number): Partial<Record<RolloutDevice['status'], number>> {
    return Object.fromEntries(this.#statements.tally.all(id).map(([status, count]) => [String(status), Number(count)]))
  }

  save(rollout: Rollout): void {
    this.#statements.save.run(bodyOf(rollout), Number(isOver(rollout)), rollout.id)
  }

  saveDevices(id: number, devices: readonly RolloutDevice[]): void {
    this.#transact(() => {
      for (const one of devices) this.#statements.saveDevice.run(one.status, deviceBodyOf(one), id, one.place)
    })
  }

  drive(id: number, driver: string, at: number): boolean {
    return this.#statements.drive.get(driver, at + DRIVER_MS, id, driver, at, at + DRIVER_MS) !== undefined
  }

  leave(id: number, driver: string): void {
    this.#statements.leave.run(id, driver)
  }
}

function statementsOf(prepare: Prepare) {
  const old = 'SELECT id FROM config_rollouts WHERE over = 1 ORDER BY id DESC LIMIT -1 OFFSET ?'
  return {
    create: prepare("INSERT INTO config_rollouts (body, over, driver, driven_until) VALUES (?, ?, '', 0) RETURNING id"),
    addDevice: prepare(
      `INSERT INTO config_rollout_devices (rollout, place, edge, device, status, body) VALUES (?, ?, ?, ?, 'waiting', ?)`,
    ),
    dropDevices: prepare(`DELETE FROM config_rollout_devices WHERE rollout IN (${old})`),
    drop: prepare(`DELETE FROM config_rollouts WHERE id IN (${old})`),
    one: prepare('SELECT id, body FROM config_rollouts WHERE id = ?'),
    list: prepare('SELECT id, body FROM config_rollouts ORDER BY id DESC'),
    devices: prepare(
      `SELECT place, edge, device, status, body FROM config_rollout_devices WHERE rollout = ? AND place >= ?
       ORDER BY place LIMIT ?`,
    ),
    tally: prepare('SELECT status, count(*) FROM config_rollout_devices WHERE rollout = ? GROUP BY status'),
    save: prepare('UPDATE config_rollouts SET body = ?, over = ? WHERE id = ?'),
    saveDevice: prepare('UPDATE config_rollout_devices SET status = ?, body = ? WHERE rollout = ? AND place = ?'),
    drive: prepare(
      `UPDATE config_rollouts SET driver = ?, driven_until = ?
       WHERE id = ? AND (driver = ? OR driven_until <= ? OR driven_until > ?) RETURNING 1`,
    ),
    leave: prepare('UPDATE config_rollouts SET driven_until = 0 WHERE id = ? AND driver = ?'),
  }
}
