import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { codeOf, messageOf } from '../errors.ts'

/** Windows has no such flag. */
const { O_RDONLY, O_NONBLOCK = 0 } = constants

/**
 * Reads a file that a person names: settings, a secret, a certificate, a config. Never blocks: a FIFO, a device or a
 * folder is refused before it is read, and so is a file of more than `bytesMax` bytes, whatever size it claims.
 * @throws Error with a message for operators, without the name of the file
 */
export function readRegularFile(file: string, bytesMax: number): { readonly bytes: Buffer; readonly stats: Stats } {
  let descriptor: number | undefined
  try {
    // Before it is opened: opening some devices has an effect.
    requireRegular(statSync(file))
    descriptor = openSync(file, O_RDONLY | O_NONBLOCK)
    const stats = fstatSync(descriptor)
    requireRegular(stats)
    if (stats.size > bytesMax) throw new Error(`it has ${stats.size} bytes, the limit is ${bytesMax}`)
    return { bytes: readUpTo(descriptor, bytesMax), stats }
  } catch (trouble) {
    throw new Error(reasonOf(trouble), { cause: trouble })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function requireRegular(stats: Stats): void {
  if (stats.isFile()) return
  const kind = stats.isDirectory()
    ? 'a folder'
    : stats.isFIFO()
      ? 'a pipe (FIFO)'
      : stats.isSocket()
        ? 'a socket'
        : 'a device'
  throw new Error(`it is ${kind}, not a regular file`)
}

/** A file can be larger than its size says: files in /proc have the size 0, and a file may grow. */
function readUpTo(descriptor: number, bytesMax: number): Buffer {
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(Math.min(65_536, bytesMax + 1 - total))
    const count = readSync(descriptor, chunk)
    if (count === 0) return Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, count))
    total += count
    if (total > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`)
  }
}

function reasonOf(trouble: unknown): string {
  const code = codeOf(trouble)
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'this user may not read it'
  return messageOf(trouble)
}
