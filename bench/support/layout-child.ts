/** One layout in a process of its own, so that the kernel's account of its writes is that of the layout. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../../test/support/folder.ts'
import { stopStarted } from '../../test/support/started.ts'
import { type Commit, LAYOUTS } from './layouts.ts'
import { writtenBytes } from './written.ts'

const [name, total, perCommit, series] = process.argv.slice(2)
const [rows, commitRows, seriesCount] = [Number(total), Number(perCommit), Number(series)]

/** Readings of all series in turn, a second apart, with two decimals. */
function commitAt(first: number): Commit {
  return Array.from({ length: Math.min(commitRows, rows - first) }, (_, i) => {
    const n = first + i
    return [
      n % seriesCount,
      1_750_000_000_000 + Math.floor(n / seriesCount) * 1_000,
      Math.round(Math.sin(n / 1e4) * 5_000) / 100,
    ]
  })
}

const folder = tempFolder()
const layout = LAYOUTS[name!]!(folder)
const writtenBefore = writtenBytes()
let busyMs = 0
for (let first = 0; first < rows; first += commitRows) {
  const commit = commitAt(first)
  const start = performance.now()
  layout.commit(commit)
  busyMs += performance.now() - start
}
layout.close()
const written = writtenBytes() - writtenBefore
const onDisk = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
console.log(
  JSON.stringify({ perSecond: (rows / busyMs) * 1_000, bytesOnDisk: onDisk / rows, bytesWritten: written / rows }),
)
await stopStarted()
