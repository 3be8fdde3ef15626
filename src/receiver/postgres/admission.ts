import { type EdgeLimits, tooManyEdges, tooManyEpochs, tooManySeries } from '../edge-limits.ts'
import type { Delivery } from '../sink.ts'
import type { Connection } from './connection.ts'
import { type Identities, keyOf } from './identities.ts'
import { arrayOf } from './literals.ts'
import { fitNames } from './unfit.ts'

/** Quoted table names. */
interface AdmissionTables {
  readonly logs: string
  readonly edgeSeries: string
}

/** A delivery that the database can store. */
export type Storable = Exclude<Delivery, { readonly kind: 'reject' }>

/** The edge and the epoch that a delivery names. */
export function logNameOf(delivery: Storable): readonly [edge: string, epoch: string] {
  const { edge, epoch } = delivery.kind === 'batch' ? delivery.batch : delivery.amendments
  return [edge, epoch]
}

/**
 * Refuses deliveries that would create more than an edge may create. Several receivers may count at the same time, so
 * a limit can be exceeded by what one commit of each creates.
 */
export class Admission {
  readonly #limits: EdgeLimits
  readonly #tables: AdmissionTables
  readonly #logs: Identities
  readonly #series: Identities

  constructor(
    limits: EdgeLimits,
    tables: AdmissionTables,
    ids: { readonly logs: Identities; readonly series: Identities },
  ) {
    this.#limits = limits
    this.#tables = tables
    this.#logs = ids.logs
    this.#series = ids.series
  }

  /** Why each delivery cannot be admitted; undefined: it can. */
  async refusals(deliveries: readonly Storable[], connection: Connection): Promise<(string | undefined)[]> {
    const logs = await this.#admitLogs(deliveries, connection)
    return this.#admitSeries(deliveries, logs, connection)
  }

  async #admitLogs(deliveries: readonly Storable[], connection: Connection): Promise<(string | undefined)[]> {
    const missing = await this.#logs.missing(deliveries.map(logNameOf), connection)
    if (missing.size === 0) return deliveries.map(() => undefined)
    const edges = [...new Set([...missing.values()].map(([edge]) => edge!))]
    const [[edgeCount] = [0]] = await connection.rows<[number]>(
      `SELECT count(*) FROM (SELECT DISTINCT edge FROM ${this.#tables.logs}) AS known`,
    )
    const counted = await connection.rows<[string, number]>(
      `SELECT edge, count(*) FROM ${this.#tables.logs} WHERE edge = ANY ($1::text[]) GROUP BY edge`,
      [edges],
    )
    const epochs = new Map(counted)
    let edgesNow = edgeCount
    const refused = new Map<string, string>()
    for (const [key, [edge]] of missing) {
      const before = epochs.get(edge!) ?? 0
      if (before === 0 && edgesNow >= this.#limits.edgesMax) refused.set(key, tooManyEdges(this.#limits))
      else if (before >= this.#limits.epochsPerEdgeMax) refused.set(key, tooManyEpochs(this.#limits))
      else {
        if (before === 0) edgesNow++
        epochs.set(edge!, before + 1)
      }
    }
    return deliveries.map((delivery) => refused.get(keyOf(logNameOf(delivery))))
  }

  async #admitSeries(
    deliveries: readonly Storable[],
    refusals: (string | undefined)[],
    connection: Connection,
  ): Promise<(string | undefined)[]> {
    const names = deliveries.map((delivery, i) => {
      return delivery.kind === 'batch' && refusals[i] === undefined ? delivery.batch.series.map(fitNames) : []
    })
    const missing = new Set((await this.#series.missing(names.flat(), connection)).keys())
    if (missing.size === 0) return refusals
    const edges = deliveries.map((delivery) => logNameOf(delivery)[0])
    const counted = await connection.rows<[string, number]>(
      `SELECT edge, made FROM ${this.#tables.edgeSeries} WHERE edge = ANY ($1::text[])`,
      [[...new Set(edges)]],
    )
    const made = new Map(counted)
    const changed = new Set<string>()
    const result = refusals.map((refusal, i) => {
      const more = new Set(names[i]!.map(keyOf).filter((key) => missing.has(key)))
      if (refusal !== undefined || more.size === 0) return refusal
      const edge = edges[i]!
      const count = (made.get(edge) ?? 0) + more.size
      if (count > this.#limits.seriesPerEdgeMax) return tooManySeries(this.#limits)
      made.set(edge, count)
      changed.add(edge)
      for (const key of more) missing.delete(key)
      return undefined
    })
    if (changed.size > 0) await this.#count([...changed], made, connection)
    return result
  }

  async #count(edges: readonly string[], made: ReadonlyMap<string, number>, connection: Connection): Promise<void> {
    const values = [edges, arrayOf(edges.map((edge) => made.get(edge)!))]
    await connection.transaction(() => {
      return connection.rows(
        `INSERT INTO ${this.#tables.edgeSeries} SELECT * FROM unnest($1::text[], $2::bigint[])
         ON CONFLICT (edge) DO UPDATE SET made = excluded.made`,
        values,
      )
    })
  }
}
