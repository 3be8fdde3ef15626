#!/usr/bin/env node
import { Exit, messageOf } from './base/errors.ts'
import { boundHeap } from './cli/heap.ts'
import { ProcessOutput } from './cli/output.ts'

const output = new ProcessOutput()

/** SQLite's binary crashes older ones without a word. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  output.note(`error: Tidegate needs Node.js 22.15 or later; this is ${process.versions.node}`)
  process.exit(Exit.UNAVAILABLE)
}

/** Starts an edge anew with other flags: before the rest is loaded, which would be loaded twice. */
if (process.argv[2] === 'run') boundHeap()
const { report, runCommandLine } = await import('./cli/command-line.ts')

/** What nobody caught leaves us in a state that we do not know: it ends the process, and what is on disk stays true. */
process.on('uncaughtException', (trouble) => process.exit(report(trouble, output)))

const code = await runCommandLine(process.argv.slice(2), output)
const failure = await output.flushed()
if (failure !== undefined) output.note(`error: cannot print all: ${messageOf(failure)}`)
process.exit(code === Exit.OK && failure !== undefined ? Exit.FAILED : code)
