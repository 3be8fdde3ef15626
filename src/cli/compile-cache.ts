import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/tidegate')

/**
 * Node.js keeps the code that it has compiled: the next command, and the next edge, need less CPU time to start. If the user
 * may not write to the folder, nothing is kept, and nothing else changes. NODE_COMPILE_CACHE names another folder, for a
 * service whose user does not own the program.
 */
export function keepCompiledCode(): void {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return
  process.env.NODE_COMPILE_CACHE = FOLDER // threads read it when they start
  enableCompileCache(FOLDER)
}
