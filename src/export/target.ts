import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'
import { syncFolder } from '../base/fsync.ts'

/** Where the bytes of one file go. */
export interface Target {
  /** Resolves when the target has taken the bytes: whoever waits for it keeps no more than these. */
  write(bytes: Uint8Array): void | Promise<void>
  /** All was written: the file appears under its name. */
  complete(): void
  /** Something failed: nothing of the file stays. Never throws. */
  discard(): void
}

/** The reader of a stream went away, as `head` does when it has seen enough. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone'
}

/** A stream that somebody else owns; it is not ended. */
export class StreamTarget implements Target {
  readonly #stream: Writable

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** @throws ReaderGone, or OperatorError when the stream failed otherwise. */
  async write(bytes: Uint8Array): Promise<void> {
    const trouble = await new Promise<Error | null | undefined>((resolve) => this.#stream.write(bytes, resolve))
    if (!trouble) return
    const code = codeOf(trouble)
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') throw new ReaderGone()
    throw new OperatorError(`cannot write the export to standard output: ${messageOf(trouble)}`, {
      remedy: 'see what standard output is connected to, or name a file with -o',
      cause: trouble,
    })
  }

  complete(): void {}

  discard(): void {}
}

/**
 * A file that is written under a temporary name beside its own (`.NAME.….partial`) and renamed when it is whole and
 * on the disk: under its name there is all of it or nothing, whatever happens. A kill can leave the temporary file.
 */
export class FileTarget implements Target {
  readonly #file: string
  readonly #partial: string
  readonly #overwrite: boolean
  #descriptor: number | undefined

  /** Makes missing folders. @throws OperatorError when the file is there and may not be overwritten, or cannot be made. */
  static open(file: string, overwrite: boolean): FileTarget {
    refuseExisting(file, overwrite)
    return attempt(file, () => new FileTarget(file, overwrite))
  }

  private constructor(file: string, overwrite: boolean) {
    this.#file = file
    this.#overwrite = overwrite
    this.#partial = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.partial`)
    mkdirSync(dirname(file), { recursive: true })
    this.#descriptor = openSync(this.#partial, 'wx')
  }

  /** @throws OperatorError */
  write(bytes: Uint8Array): void {
    attempt(this.#file, () => writeFileSync(this.#open, bytes))
  }

  /** @throws OperatorError, and then nothing of it stays. */
  complete(): void {
    try {
      attempt(this.#file, () => {
        fsyncSync(this.#open)
        this.#close()
      })
      refuseExisting(this.#file, this.#overwrite)
      attempt(this.#file, () => {
        renameSync(this.#partial, this.#file)
        syncFolder(dirname(this.#file))
      })
    } catch (trouble) {
      this.discard()
      throw trouble
    }
  }

  discard(): void {
    try {
      this.#close()
      unlinkSync(this.#partial)
    } catch {
      // It was renamed, or the disk is gone: what matters is that nothing half is under the name.
    }
  }

  get #open(): number {
    if (this.#descriptor === undefined) throw new Error(`broken promise: ${this.#file} is written before it is closed`)
    return this.#descriptor
  }

  #close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function refuseExisting(file: string, overwrite: boolean): void {
  if (overwrite || !existsSync(file)) return
  throw new OperatorError(`${file} exists and is not overwritten`, {
    remedy: 'give --force to replace it, or another name with -o',
    exitCode: Exit.CANNOT_CREATE,
  })
}

function attempt<T>(file: string, act: () => T): T {
  try {
    return act()
  } catch (trouble) {
    if (codeOf(trouble) === undefined) throw trouble
    throw new OperatorError(`cannot write ${file}: ${messageOf(trouble)}`, {
      remedy: 'see that its folder may be written and that the disk has room',
      exitCode: Exit.CANNOT_CREATE,
      cause: trouble,
    })
  }
}
