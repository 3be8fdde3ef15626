import type { AuthorityEnv } from '../../config/authority.ts'
import { differences } from '../../config/changes.ts'
import { type Json, type JsonObject, MISSING } from '../../config/json.ts'
import { formatRev, type Rev, sameRev } from '../../config/revision.ts'
import type { SchemaCheck } from '../../config/schema-check.ts'
import type { Edit } from '../../config/wire.ts'
import {
  CONFIG_LIMITS,
  type ConfigLimits,
  type ConfigStore,
  type DeviceQuestion,
  type DeviceRecord,
  type KeptRevision,
  type LoggedChange,
} from './config-store.ts'
import { type DeviceEvent, type WriteResult, workOn } from './device.ts'
import type { DeviceKey } from './device-key.ts'
import { keyProblem } from './message.ts'
import { edgesChoice } from './resolution.ts'

export interface CloudConfigOptions {
  readonly store: ConfigStore
  /** UTC milliseconds; default: the clock of the machine. */
  readonly now?: () => number
  /** Returns the objections of a device's schema to a config; default: nothing is checked. */
  readonly check?: SchemaCheck
  readonly limits?: ConfigLimits
}

export interface WriteOptions {
  /** Who makes the change: `user:alice`; at most 128 characters. */
  readonly by: string
  /** The write is refused (409) if another revision is in force. */
  readonly ifRev?: Rev
}

/** How a conflict ends: with the cloud's config, with the edge's, or with another config. */
export type Take = 'cloud' | 'edge' | { readonly config: Json }

/** One path where two revisions differ; an absent field means that the value is missing there. */
export interface Difference {
  /** JSON pointer (RFC 6901); '' is the whole config. */
  readonly path: string
  readonly before?: Json
  readonly after?: Json
}

/**
 * The device configs as the cloud has them, for operators and programs. It works on the database of a receiver, in
 * the receiver's process or in another one: a running receiver publishes changes within half a second, a stopped one
 * after its next start. A refusal is returned as a value: 400 it is not a config, or the schema refuses it; 409
 * another revision is in force, or the conflict is not open; 413 it exceeds a limit.
 */
export class CloudConfig {
  readonly #store: ConfigStore
  readonly #now: () => number
  readonly #check: SchemaCheck
  readonly #limits: ConfigLimits

  constructor({ store, now = Date.now, check = () => [], limits = CONFIG_LIMITS }: CloudConfigOptions) {
    this.#store = store
    this.#now = now
    this.#check = check
    this.#limits = limits
  }

  /** Replaces the config of a device, patches it (JSON Merge Patch, RFC 7396), or deletes it. */
  write(key: DeviceKey, edit: Edit, options: WriteOptions): Promise<WriteResult> {
    return this.#do(key, () => write(edit, options))
  }

  set(key: DeviceKey, config: Json, options: WriteOptions): Promise<WriteResult> {
    return this.write(key, { config }, options)
  }

  patch(key: DeviceKey, patch: Json, options: WriteOptions): Promise<WriteResult> {
    return this.write(key, { patch }, options)
  }

  delete(key: DeviceKey, options: WriteOptions): Promise<WriteResult> {
    return this.write(key, { delete: true }, options)
  }

  /** Closes the open conflict of that `cid` with a revision that records it. */
  resolve(key: DeviceKey, cid: string, take: Take, { by }: Pick<WriteOptions, 'by'>): Promise<WriteResult> {
    return this.#do(key, (record) => {
      const open = record?.conflict?.status === 'open' ? record.conflict : undefined
      if (record === undefined || open?.cid !== cid) {
        const now = open === undefined ? 'it has no open conflict' : `its open conflict is ${open.cid}`
        return refusal(409, `conflict ${cid} of ${nameOf(key)} is not open (${now}): read it again`)
      }
      const config =
        take === 'cloud' ? record.state.cur?.config : take === 'edge' ? edgesChoice(record, open) : take.config
      if (config === MISSING) {
        return refusal(
          409,
          `the cloud does not have the edge's whole config for conflict ${cid}: pass the config itself`,
        )
      }
      return write(config === null ? { delete: true } : { config }, { by, resolves: cid })
    })
  }

  /**
   * Makes the config of an earlier revision the newest one.
   * @param rev one of `history`; default: the one before the present one
   */
  async rollback(key: DeviceKey, rev: Rev | undefined, { by }: Pick<WriteOptions, 'by'>): Promise<WriteResult> {
    const kept = await this.#store.revisions(key)
    const found = rev === undefined ? kept[1] : kept.find(({ revision }) => sameRev(revision.rev, rev))
    if (found === undefined) {
      const which = rev === undefined ? 'an earlier revision' : formatRev(rev)
      return {
        code: 409,
        rev: kept[0]?.revision.rev ?? null,
        message: `${which} of ${nameOf(key)} is not kept: see its history`,
      }
    }
    const { config } = found.revision
    const edit: Edit = config === null ? { delete: true } : { config }
    return this.#do(key, (record) => {
      // Another process may have made a revision between reading the history and this transaction.
      if (rev === undefined && !sameRev(record?.state.cur?.rev, kept[0]?.revision.rev)) {
        return refusal(409, `the config of ${nameOf(key)} has just changed: read it again`)
      }
      return write(edit, { by })
    })
  }

  async show(key: DeviceKey): Promise<DeviceRecord | undefined> {
    return this.#store.one(key)
  }

  /** In the order of edge and device. */
  async list(question: DeviceQuestion): Promise<readonly DeviceRecord[]> {
    return this.#store.list(question)
  }

  /** Devices with an open conflict. */
  async conflicts({ after, limit }: Omit<DeviceQuestion, 'conflicts'>): Promise<readonly DeviceRecord[]> {
    return this.#store.list({ after, limit, conflicts: true })
  }

  /** The kept revisions, newest first. */
  async history(key: DeviceKey): Promise<readonly KeptRevision[]> {
    return this.#store.revisions(key)
  }

  /** The change log, newest first. */
  async changes(of: DeviceKey | undefined, limit: number): Promise<readonly LoggedChange[]> {
    return this.#store.changes(of, limit)
  }

  /** Where two kept revisions differ; undefined: one of them is not kept. */
  async diff(key: DeviceKey, from: Rev, to: Rev): Promise<readonly Difference[] | undefined> {
    const kept = await this.#store.revisions(key)
    const [before, after] = [from, to].map((rev) => kept.find(({ revision }) => sameRev(revision.rev, rev))?.revision)
    if (before === undefined || after === undefined) return undefined
    return differences('', before.config ?? MISSING, after.config ?? MISSING).map(({ path, before, after }) => ({
      path,
      ...(before !== MISSING && { before }),
      ...(after !== MISSING && { after }),
    }))
  }

  async #do(key: DeviceKey, decide: (record: DeviceRecord | undefined) => DeviceEvent | Refused): Promise<WriteResult> {
    const problem = keyProblem(key)
    if (problem !== undefined) return { code: 400, rev: null, message: problem }
    return this.#store.change([key], this.#limits, ([known], room) => {
      const event = decide(known)
      const rev = known?.state.cur?.rev ?? null
      if (event.kind === 'refused') return { writes: [], result: { code: event.code, rev, message: event.message } }
      const { write, result } = workOn(known, key, [event], this.#env(key))
      if (known === undefined && write !== undefined && room <= 0) return { writes: [], result: this.#full() }
      return { writes: write === undefined ? [] : [write], result: result! }
    })
  }

  #env({ device }: DeviceKey): AuthorityEnv {
    return { now: this.#now(), check: (config: JsonObject) => this.#check(device, config) }
  }

  #full(): WriteResult {
    const { devicesMax } = this.#limits
    const message = `there are already configs for ${devicesMax} devices: raise \`config.devicesMax\``
    return { code: 413, rev: null, message }
  }
}

/** UTF-16 units of `by` in the message: edges refuse longer names. */
const BY_CHARS_MAX = 128

function write(edit: Edit, { by, ...more }: WriteOptions & { readonly resolves?: string }): DeviceEvent {
  return { kind: 'write', edit, by: by.slice(0, BY_CHARS_MAX).toWellFormed(), ...more }
}

interface Refused {
  readonly kind: 'refused'
  readonly code: 409
  readonly message: string
}

function refusal(code: 409, message: string): Refused {
  return { kind: 'refused', code, message }
}

export function nameOf({ edge, device }: DeviceKey): string {
  return `${edge}/${device}`
}
