import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../src/base/errors.ts'
import { tempFolder } from './folder.ts'
import { onStop } from './started.ts'

/** A separate file system of a few MiB, which can be filled up and emptied. */
export class SmallDisk {
  readonly folder: string
  readonly #filler: string

  private constructor(folder: string) {
    this.folder = folder
    this.#filler = join(folder, 'filler')
  }

  /** Needs root and the right to mount: check `canMount` first. */
  static mount(sizeMiB: number): SmallDisk {
    const folder = tempFolder()
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tidegate-test', folder])
    onStop(() => void execFileSync('umount', ['--lazy', folder]))
    return new SmallDisk(folder)
  }

  /** Takes all the space that is left, to the last byte. */
  fill(): void {
    const file = openSync(this.#filler, 'a')
    try {
      for (const bytes of [65_536, 4_096, 1]) writeUntilFull(file, Buffer.alloc(bytes))
    } finally {
      closeSync(file)
    }
  }

  /** Frees the space that `fill` took. */
  free(): void {
    rmSync(this.#filler, { force: true })
  }
}

function writeUntilFull(file: number, chunk: Buffer): void {
  try {
    while (writeSync(file, chunk) === chunk.length);
  } catch (failure) {
    if (codeOf(failure) !== 'ENOSPC') throw failure
  }
}

/** Whether this process may mount a file system: usually root outside of containers. */
export function canMount(): boolean {
  if (process.getuid?.() !== 0) return false
  const folder = tempFolder()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tidegate-test', folder]).status === 0
  if (mounted) execFileSync('umount', [folder])
  return mounted
}
