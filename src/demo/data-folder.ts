import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where the demo keeps its databases: a folder that a person named, or a temporary one. */
export class DataFolder {
  readonly path: string
  readonly temporary: boolean
  readonly #onExit = (): void => this.#remove()

  constructor(named: string | undefined) {
    this.temporary = named === undefined
    this.path = named === undefined ? mkdtempSync(join(tmpdir(), 'tidegate-demo-')) : resolve(named)
    if (this.temporary) process.once('exit', this.#onExit)
  }

  /** Removes it if it is temporary; never what a person named. */
  release(): void {
    process.off('exit', this.#onExit)
    this.#remove()
  }

  /** Leaves it for whoever wants to look. */
  keep(): void {
    process.off('exit', this.#onExit)
  }

  #remove(): void {
    if (this.temporary) rmSync(this.path, { recursive: true, force: true, maxRetries: 3 })
  }
}
