#!/usr/bin/env node
import { Exit, messageOf } from './base/errors.ts'
import { createPrivately } from './base/files/private-files.ts'
import { keepCompiledCode } from './cli/compile-cache.ts'
import { boundHeap } from './cli/heap.ts'
import { ProcessOutput } from './cli/output.ts'

const output = new ProcessOutput()

/** Older versions crash in the binary of better-sqlite3, without a message. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  output.note(`error: Tidegate needs Node.js 22.15 or later; this is ${process.versions.node}`)
  process.exit(Exit.UNAVAILABLE)
}

createPrivately()
keepCompiledCode()

/** May start the edge again with other flags: must run before the other modules are loaded, or they load twice. */
if (process.argv[2] === 'run') boundHeap()
const { report, runCommandLine } = await import('./cli/command-line.ts')

/** After an uncaught error the state of the process is unknown: it ends, and the data on disk stays consistent. */
process.on('uncaughtException', (trouble) => process.exit(report(trouble, output)))

const code = await runCommandLine(process.argv.slice(2), output)
const failure = await output.flushed()
if (failure !== undefined) output.note(`error: the output is incomplete: ${messageOf(failure)}`)
process.exit(code === Exit.OK && failure !== undefined ? Exit.FAILED : code)
