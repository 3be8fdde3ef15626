import { readFileSync, statSync } from 'node:fs'
import type { LatencySummary } from '../store-thread/latency.ts'

/** A commit that takes longer than this (ms) is slow: most of it is the sync of the disk. */
export const COMMIT_MS_SLOW = 1_000
/** An acknowledgement that takes longer than this (ms) is slow: a device may time out and send again. */
export const ACK_MS_SLOW = 2_000
/** This number of slow ones in a minute is a problem; fewer are, if they are most of all. A single one is not. */
const SLOW_MIN = 3

/** Problems with the time that commits and acknowledgements take. */
export function latencyProblems({
  commits,
  acks,
  disk,
}: {
  readonly commits: LatencySummary
  readonly acks: LatencySummary
  /** Names the disk; called only when there is a problem. */
  readonly disk: () => string
}): string[] {
  if (isSlow(commits)) {
    return [
      `the disk is slow: commits to ${disk()} take ${timesOf(commits)}, acknowledgements ${timesOf(acks)}; devices may ` +
        'time out and send again. Check the disk for errors and wear (`dmesg`, `smartctl -a`) and for other programs ' +
        'that write to it (`iotop`), or move `data` to a faster disk',
    ]
  }
  if (!isSlow(acks)) return []
  return [
    `acknowledgements take ${timesOf(acks)}, although commits to ${disk()} take ${timesOf(commits)}: more is published ` +
      'than the edge can store. Check the processor (`top`) and the rate of the devices, and `ingest.commitDelayMs`',
  ]
}

function isSlow({ p50Ms, slow, slowMs }: LatencySummary): boolean {
  return p50Ms > slowMs || slow >= SLOW_MIN
}

function timesOf({ p50Ms, p99Ms, maxMs }: LatencySummary): string {
  return `up to ${seconds(maxMs)} s (median ${seconds(p50Ms)} s, 99 % within ${seconds(p99Ms)} s)`
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1)
}

/** The folder, and on Linux the device and the mount point that it is on. */
export function diskOf(folder: string): string {
  try {
    const { dev } = statSync(folder)
    // The encoding of glibc: 12 bits of the major number, 20 bits of the minor one, interleaved.
    const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)]
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
      const [, , id, , mount, ...rest] = line.split(' ')
      if (id !== `${major}:${minor}`) continue
      const [type, source] = rest.slice(rest.indexOf('-') + 1)
      return `${folder} (${source}, ${type}, mounted at ${mount})`
    }
  } catch {
    // Not Linux, or the folder is gone: the folder alone must do.
  }
  return folder
}
