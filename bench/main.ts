/** `npm run bench -- NAME …`: one script per question, each in its own process, so that none leaves its heap to the next. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { BENCHES, missingPeers } from './support/benches.ts'
import { usage } from './support/options.ts'

const [name = '', ...args] = process.argv.slice(2)
if (!Object.hasOwn(BENCHES, name)) {
  const lines = Object.entries(BENCHES).map(([one, { question }]) => `  ${one.padEnd(10)}${question}`)
  usage(`usage: npm run bench -- NAME [--small] [--json] [--runs N] …\n\n${lines.join('\n')}`)
}
const missing = missingPeers(BENCHES[name]!)
if (missing.length > 0) usage(`${name} needs ${missing.join(', ')}: not installed`)
const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...args], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
