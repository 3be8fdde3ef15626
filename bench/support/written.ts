import { readFileSync } from 'node:fs'

/** Bytes that a process has written to the disk since its start (proc(5), `write_bytes`); Linux only. */
export function writtenBytes(pid: number | 'self' = 'self'): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}
