/** `npm run bench -- NAME …`: one script a question, each in a process of its own so that none leaves its heap to the next. */

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const SCRIPTS: Readonly<Record<string, string>> = {
  ingest: 'How many readings a second are acknowledged, each on disk, beside Mosquitto that keeps nothing?',
  wire: 'How many bytes does a reading cost between site and cloud, beside a Mosquitto bridge?',
  drain: 'How fast does a backlog leave when the cloud is back, beside a Mosquitto bridge?',
  store: 'What does a reading cost on the disk, written and kept, beside two tables and RocksDB?',
  postgres: 'How fast do batches get into PostgreSQL, beside INSERT … ON CONFLICT?',
  configs: 'How long does an edge with very many configs take to be quiet after a cold start?',
  history: 'How fast is history read, beside a table with an index and DuckDB?',
}

const [name = '', ...args] = process.argv.slice(2)
const script = join(import.meta.dirname, `${name}.ts`)
if (!Object.hasOwn(SCRIPTS, name) || !existsSync(script)) {
  const lines = Object.entries(SCRIPTS).map(([one, question]) => `  ${one.padEnd(8)}${question}`)
  console.error(`usage: npm run bench -- NAME [--json] [--runs N] …\n\n${lines.join('\n')}`)
  process.exit(64)
}
const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
