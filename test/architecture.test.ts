import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const LINES_MAX = 300

/** What each folder of src may import besides itself; `src` stands for main.ts at its top. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  settings: ['base'],
  codec: ['base'],
  link: ['base'],
  broker: ['base', 'settings'],
  decode: ['base', 'settings'],
  quality: ['base', 'settings'],
  config: ['base'], // pure: no clock, no socket, and of the disk only schemas that are read at start
  export: ['base'],
  store: ['base', 'settings', 'codec', 'config'],
  // Bytes to commit, on a thread of its own: the only place that knows decoding, judging and storing.
  'store-thread': ['base', 'settings', 'codec', 'config', 'decode', 'quality', 'store', 'export'],
  ingest: ['base', 'settings', 'config', 'store', 'store-thread'], // the broker thread's end of the spine
  query: ['base', 'store'], // queries of people, on a thread that can only read
  uplink: ['base', 'settings', 'codec', 'link', 'config'],
  receiver: ['base', 'settings', 'codec', 'link', 'config'],
  web: ['base'],
  edge: ['base', 'settings', 'broker', 'ingest', 'store-thread', 'query', 'store', 'uplink', 'web'], // wires an edge
  demo: ['base', 'settings', 'link', 'broker', 'receiver', 'store', 'edge'], // a whole plant and its cloud in one process
  cli: ['base', 'settings', 'link', 'config', 'receiver', 'store', 'export', 'demo', 'edge'],
  src: ['base', 'cli'],
}

/** The only places that may import a package: folders, or single files. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  aedes: ['src/broker/'],
  ajv: ['src/config/schema-check.ts'],
  canonicalize: ['src/config/'],
  'better-sqlite3': ['src/store/', 'src/receiver/sqlite/sqlite-sink.ts', 'src/receiver/sqlite/database.ts'],
  'cbor-x': ['src/codec/'],
  cborg: ['src/decode/', 'src/codec/'],
  fastify: ['src/web/'],
  'hyparquet-writer': ['src/export/'],
  mqtt: ['src/link/'],
  pg: ['src/receiver/postgres/'],
  'pg-copy-streams': ['src/receiver/postgres/'],
  pino: ['src/base/log.ts'],
  'sparkplug-payload': ['src/uplink/format/sparkplug/'],
}

const IMPORTS = [
  /^(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  /^import\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
]

function importsOf(text: string): string[] {
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((found) => found[1]!))
}

/** `src` for a file at the top of src, else the name of its folder. */
function folderOf(file: string): string {
  return file.split('/').length === 2 ? 'src' : file.split('/')[1]!
}

/** Why this file of src (path from the root) may not import that, or undefined. */
function breach(file: string, imported: string): string | undefined {
  if (imported.startsWith('.')) {
    const from = folderOf(file)
    const target = posix.join(dirname(file), imported)
    if (!target.startsWith('src/')) return `${file} imports ${target}, which is not in src`
    const to = folderOf(target)
    const may = MAY_IMPORT[from]
    if (to === from || may?.includes(to)) return undefined
    if (may === undefined) return `src/${from} has no place in the order of the folders`
    return `${file} imports ${target}, but src/${from} may import only itself${may.map((one) => `, ${one}`).join('')}`
  }
  const name = imported.startsWith('@') ? imported.split('/').slice(0, 2).join('/') : imported.split('/')[0]!
  const homes = HOMES[name]
  if (homes === undefined || homes.some((home) => file.startsWith(home))) return undefined
  return `${file} imports ${name}, whose only home is ${homes.join(' and ')}`
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

const files = globSync('{src,test,bench}/**/*.ts', { cwd: ROOT })
  .map((file) => file.replaceAll('\\', '/'))
  .sort()
const sources = files.filter((file) => file.startsWith('src/'))

describe('the shape of the whole', () => {
  it('is seen by these rules: every way to import, every kind of breach', () => {
    const text = [
      "import a from './a.ts'",
      "import type { B,\n  C } from '../b/b.ts'",
      "export * from 'd'",
      "import 'e'",
      "const f = await import('f')",
    ].join('\n')
    expect(importsOf(text).sort()).toEqual(['../b/b.ts', './a.ts', 'd', 'e', 'f'])
    expect(breach('src/base/x.ts', '../store/store.ts')).toContain('src/base may import only itself')
    expect(breach('src/broker/x.ts', '../codec/batch.ts')).toContain('src/broker may import only itself, base')
    expect(breach('src/store/x.ts', '../edge/edge.ts')).toBeDefined()
    expect(breach('src/store/x.ts', '../../support/wait.ts')).toContain('not in src')
    expect(breach('src/newcomer/x.ts', '../base/clock.ts')).toContain('no place')
    expect(breach('src/receiver/receiver.ts', 'better-sqlite3')).toContain('only home')
    expect(breach('src/edge/edge.ts', 'mqtt')).toContain('only home')
    expect(breach('src/edge/edge.ts', './broker/broker.ts')).toBeUndefined()
    expect(breach('src/receiver/sqlite/sqlite-sink.ts', 'better-sqlite3')).toBeUndefined()
  })

  it('lets a folder import only itself and what lies below it, and a package only in its home', () => {
    expect(sources.length).toBeGreaterThan(0)
    const breaches = sources.flatMap((file) => importsOf(read(file)).map((imported) => breach(file, imported)))
    expect(breaches.filter((one) => one !== undefined)).toEqual([])
  })

  it(`has no file over ${LINES_MAX} lines and none for odds and ends`, () => {
    const long = files.filter((file) => read(file).trimEnd().split('\n').length > LINES_MAX)
    const vague = files.filter((file) => /^(utils?|helpers?|common|misc)\.ts$/.test(basename(file)))
    expect({ long, vague }).toEqual({ long: [], vague: [] })
  })

  it('tests against real neighbours: no module is mocked', () => {
    expect(files.filter((file) => /\bvi\.(do)?mock\(/i.test(read(file)))).toEqual([])
  })
})
