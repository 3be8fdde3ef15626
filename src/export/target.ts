import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { codeOf, Exit, messageOf, OperatorError } from '../base/errors.ts'
import { syncFolder } from '../base/fsync.ts'

/** Destination of the bytes of one file. */
export interface ExportTarget {
  /** Resolves when the target has taken the bytes. A caller that awaits it holds only these bytes in memory. */
  write(bytes: Uint8Array): void | Promise<void>
  /** Everything was written: the file appears under its name. */
  complete(): void
  /** Something failed: removes the incomplete file. Never throws. */
  discard(): void
}

/** The reader has closed the stream, as `head` does when it has enough lines. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone'
}

/** A stream that the caller owns; it is not ended. */
export class StreamTarget implements ExportTarget {
  readonly #stream: Writable

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** @throws ReaderGone, or OperatorError when the stream fails for another reason. */
  async write(bytes: Uint8Array): Promise<void> {
    const trouble = await new Promise<Error | null | undefined>((resolve) => this.#stream.write(bytes, resolve))
    if (!trouble) return
    const code = codeOf(trouble)
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') throw new ReaderGone()
    throw new OperatorError(`cannot write the export to standard output: ${messageOf(trouble)}`, {
      remedy: 'check what standard output is connected to, or name a file with -o',
      cause: trouble,
    })
  }

  complete(): void {}

  discard(): void {}
}

/**
 * A file that is written under a temporary name in the same folder (`.NAME.….partial`) and renamed when it is complete
 * and on disk: under its name there is either the complete file or nothing. If the process is killed, the temporary
 * file can stay.
 */
export class FileTarget implements ExportTarget {
  readonly #file: string
  readonly #partial: string
  readonly #overwrite: boolean
  #descriptor: number | undefined

  /**
   * Creates missing folders. @throws OperatorError when the file exists and may not be overwritten, or cannot be
   * created.
   */
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

  /** @throws OperatorError; the incomplete file is removed then. */
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
      // It was renamed already, or the disk is gone: either way no incomplete file has the final name.
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
    remedy: 'replace it with --force, or choose another name with -o',
    exitCode: Exit.CANNOT_CREATE,
  })
}

function attempt<T>(file: string, act: () => T): T {
  try {
    return act()
  } catch (trouble) {
    if (codeOf(trouble) === undefined) throw trouble
    throw new OperatorError(`cannot write ${file}: ${messageOf(trouble)}`, {
      remedy: 'check that its folder is writable and that the disk has space',
      exitCode: Exit.CANNOT_CREATE,
      cause: trouble,
    })
  }
}
