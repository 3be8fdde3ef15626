import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The folder with the databases of the demo: a named one, or a temporary one. */
export class DataFolder {
  readonly path: string
  readonly temporary: boolean
  readonly #onExit = (): void => this.#remove()

  constructor(named: string | undefined) {
    this.temporary = named === undefined
    this.path = named === undefined ? mkdtempSync(join(tmpdir(), 'tidegate-demo-')) : resolve(named)
    if (this.temporary) process.once('exit', this.#onExit)
  }

  /** Removes the folder if it is temporary; a named folder is never removed. */
  release(): void {
    process.off('exit', this.#onExit)
    this.#remove()
  }

  /** Keeps the folder for inspection, even if it is temporary. */
  keep(): void {
    process.off('exit', this.#onExit)
  }

  #remove(): void {
    if (this.temporary) rmSync(this.path, { recursive: true, force: true, maxRetries: 3 })
  }
}
