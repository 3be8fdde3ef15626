import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './folder.ts'

/** The library for processes with threads, where Debian and other distributions install it. */
export function findFaketime(): string | undefined {
  return globSync('/usr/lib{,64}{,/*-linux-gnu*}/faketime/libfaketimeMT.so.1')[0]
}

/**
 * The wall clock of processes that are started with its `env`, for all their threads. Their monotonic clock is
 * unchanged.
 */
export class MovableClock {
  readonly env: Readonly<Record<string, string>>
  readonly #file = join(tempFolder(), 'clock')

  constructor(library: string) {
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    this.shift(0)
  }

  /** Sets the clock to the true time plus this many seconds (negative: before it), at once. */
  shift(seconds: number): void {
    const whole = `${this.#file}.new`
    writeFileSync(whole, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    renameSync(whole, this.#file)
  }
}
