import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { tempFolder } from '../../support/folder.ts'
import { freePort } from '../../support/port.ts'
import { type RunningProcess, startScript } from '../../support/process.ts'
import { until } from '../../support/wait.ts'
import { deviceName, NUMBER_FIRST } from './packets.ts'

const READY_MS = 20_000
/** The disk is taken to be at rest after so long without a write. */
const REST_MS = 1_000
const REST_DEADLINE_MS = 30_000

/** A real edge in a folder of its own, as it is installed: the build, which `npm run bench` makes first. */
export class BenchEdge {
  readonly port: number
  readonly folder: string
  readonly process: RunningProcess

  private constructor(port: number, folder: string, process: RunningProcess) {
    this.port = port
    this.folder = folder
    this.process = process
  }

  /** @param more Settings beside or instead of: no page, no uplink, the loopback interface. */
  static async start(more: Readonly<Record<string, unknown>> = {}): Promise<BenchEdge> {
    const folder = tempFolder()
    const port = await freePort()
    const settings = {
      edge: 'bench',
      data: folder,
      broker: { tcp: { host: '127.0.0.1', port } },
      web: { enabled: false },
      log: { level: 'error' },
      ...more,
    }
    const file = join(folder, 'edge.yaml')
    writeFileSync(file, JSON.stringify(settings)) // JSON is YAML
    const running = startScript('dist/main.js', ['run', '-s', file])
    await running.waitFor(/is ready/, READY_MS)
    return new BenchEdge(port, folder, running)
  }

  /** Largest resident memory so far, bytes. */
  peakRssBytes(): number {
    return 1024 * numberAfter('VmHWM:', readFileSync(`/proc/${this.process.pid}/status`, 'utf8'))
  }

  /** Bytes that the process has had written to the disk, WAL and checkpoints included, once it writes no more. */
  async writtenBytes(): Promise<number> {
    const now = (): number => numberAfter('write_bytes:', readFileSync(`/proc/${this.process.pid}/io`, 'utf8'))
    let last = now()
    let since = performance.now()
    return await until(
      () => {
        if (now() !== last) {
          last = now()
          since = performance.now()
        }
        return performance.now() - since > REST_MS ? last : undefined
      },
      { deadlineMs: REST_DEADLINE_MS, what: 'a disk at rest' },
    )
  }

  stop(): Promise<void> {
    return this.process.stop()
  }
}

function numberAfter(word: string, text: string): number {
  return Number(new RegExp(`^${word}\\s*(\\d+)`, 'm').exec(text)?.[1])
}

/**
 * Compares the database of a stopped edge with what the load generator sent: every message of every connection once.
 * @throws Error that tells how many readings each wrong device has.
 */
export function verifyStored(folder: string, sent: { connections: number; messages: number }): void {
  const database = new SQLite(join(folder, 'tidegate.db'), { readonly: true })
  const rows = database
    .prepare(`
      SELECT devices.name AS name, count(*) AS readings, count(DISTINCT number) AS numbers,
             min(number) AS low, max(number) AS high
      FROM (SELECT series, CAST(round(value * 100) AS INTEGER) AS number FROM log)
      JOIN series ON series.id = series JOIN devices ON devices.id = series.device
      GROUP BY devices.name`)
    .all() as { name: string; readings: number; numbers: number; low: number; high: number }[]
  database.close()
  const byName = new Map(rows.map((row) => [row.name, row]))
  for (let connection = 0; connection < sent.connections; connection++) {
    const row = byName.get(deviceName(connection))
    const whole =
      row?.readings === sent.messages &&
      row.numbers === sent.messages &&
      row.low === NUMBER_FIRST &&
      row.high === NUMBER_FIRST + sent.messages - 1
    if (!whole) {
      throw new Error(`${deviceName(connection)}: ${sent.messages} acknowledged, stored: ${JSON.stringify(row ?? 0)}`)
    }
  }
  if (rows.length !== sent.connections) throw new Error(`${rows.length} devices instead of ${sent.connections}`)
}
