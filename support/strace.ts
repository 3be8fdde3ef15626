import { spawnSync } from 'node:child_process'
import { findFirst } from './find.ts'

let allowed: boolean | undefined

/** Containers often forbid tracing; an strace without the permission counts as missing. */
export function findStrace(): string | undefined {
  const strace = findFirst('strace')
  if (strace === undefined) return undefined
  allowed ??= spawnSync(strace, ['-o', '/dev/null', 'true']).status === 0
  return allowed ? strace : undefined
}
