import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onStop } from './started.ts'

/** A new empty folder, removed after the test file. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-test-'))
  onStop(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}
