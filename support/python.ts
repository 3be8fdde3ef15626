import { execFileSync } from 'node:child_process'
import { findAll } from './find.ts'

let found: string | undefined

/** Path of a python3 that has the modules cbor2 and zstandard, or undefined. */
export function findPython(): string | undefined {
  found ??= findAll('python3').find(hasModules)
  return found
}

function hasModules(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import cbor2, zstandard'], { stdio: 'ignore', timeout: 10_000 })
    return true
  } catch {
    return false
  }
}
