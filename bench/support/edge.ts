import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../../support/folder.ts'
import { freePort } from '../../support/port.ts'
import { type RunningProcess, startScript } from '../../support/process.ts'
import { until } from '../../support/wait.ts'
import { endInOrder, HANG_MS } from './patience.ts'
import { writtenBytes } from './written.ts'

/** The disk counts as idle after this time without a write. */
const IDLE_MS = 1_000

/** A real edge in its own folder, from the build that `npm run bench` makes first. */
export class BenchEdge {
  readonly port: number
  /** Its data folder. */
  readonly folder: string
  readonly process: RunningProcess

  private constructor(port: number, folder: string, process: RunningProcess) {
    this.port = port
    this.folder = folder
    this.process = process
  }

  /** @param more Settings in addition to the defaults here: no web page, no uplink, the loopback interface. */
  static async start({
    data = tempFolder(),
    ...more
  }: {
    data?: string
    edge?: string
    uplinks?: object[]
  } = {}): Promise<BenchEdge> {
    const port = await freePort()
    const settings = {
      edge: 'bench',
      data,
      broker: { tcp: { host: '127.0.0.1', port } },
      web: { enabled: false },
      log: { level: 'error' },
      ...more,
    }
    const file = join(tempFolder(), 'edge.yaml')
    writeFileSync(file, JSON.stringify(settings)) // JSON is YAML
    const running = startScript('dist/main.js', ['run', '-s', file])
    await running.waitFor(/is ready/, HANG_MS)
    return new BenchEdge(port, data, running)
  }

  /** Largest resident memory so far, bytes. */
  peakRssBytes(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8')
    return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1])
  }

  /** Bytes that the process has written to the disk, WAL and checkpoints included; waits until it writes no more. */
  async writtenBytes(): Promise<number> {
    let last = -1
    let since = 0
    return await until(
      () => {
        const now = writtenBytes(this.process.pid)
        if (now !== last) [last, since] = [now, performance.now()]
        return performance.now() - since > IDLE_MS ? { bytes: last } : undefined
      },
      { deadlineMs: HANG_MS, what: 'an idle disk' },
    ).then(({ bytes }) => bytes)
  }

  stop(): Promise<void> {
    return endInOrder(this.process)
  }
}
