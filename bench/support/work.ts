import { writtenBytes } from './written.ts'

/** Work that takes more than this counts as long (ms). */
const LONG_MS = 20

/** The cost of one kind of work, with all threads of the process. */
export class Work {
  count = 0
  ms = 0
  cpuMs = 0
  longestMs = 0
  /** Handed to the disk. */
  writtenBytes = 0
  /** How often it took more than 20 ms. */
  long = 0

  async do<T>(work: () => T | Promise<T>): Promise<T> {
    const writtenBefore = writtenBytes()
    const cpu = process.cpuUsage()
    const start = performance.now()
    const result = work()
    const done = result instanceof Promise ? await result : result
    const ms = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    this.writtenBytes += writtenBytes() - writtenBefore
    this.count++
    this.ms += ms
    this.cpuMs += (user + system) / 1_000
    this.longestMs = Math.max(this.longestMs, ms)
    if (ms > LONG_MS) this.long++
    return done
  }
}
