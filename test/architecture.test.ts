import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const LINES_MAX = 300
const FILES_PER_FOLDER_MAX = 20

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

/**
 * What each subfolder may import within its own top folder, besides itself and below; `.` is the top folder itself.
 * A subfolder that is not listed may import `.` only.
 */
const MAY_IMPORT_INSIDE: Readonly<Record<string, readonly string[]>> = {
  'broker/sessions': ['.', 'broker/guards'],
  'cli/commands': ['.', 'cli/commands/*'],
  'cli/commands/cloud-config': ['.'],
  'config/edge': ['.'],
  'decode/array': ['.', 'decode/plain', 'decode/time'],
  'decode/plain': ['.', 'decode/array', 'decode/members', 'decode/quality'],
  'decode/quality': ['.', 'decode/time'],
  'receiver/config': ['.', 'receiver/config/rollout'],
  'receiver/config/rollout': ['.', 'receiver/config'],
  'receiver/fleet': ['.'],
  'receiver/postgres': ['.', 'receiver/config', 'receiver/config/rollout', 'receiver/fleet'],
  'receiver/sqlite': ['.', 'receiver/config', 'receiver/config/rollout', 'receiver/fleet'],
  'settings/load': ['.', 'settings/presets', 'settings/schema'],
  'settings/presets': ['.'],
  'settings/schema': ['.', 'settings/presets'],
  'store/backup': ['.', 'store/recovery', 'store/housekeeping'],
  'store/clock': ['.'],
  'store/config': ['.'],
  'store/delivery': ['.'],
  'store/down': ['.'],
  'store/forward': ['.', 'store/delivery'],
  'store/history': ['.', 'store/sealed'],
  'store/housekeeping': ['.', 'store/sealed'],
  'store/recovery': ['.', 'store/recovery/salvage', 'store/sealed'],
  'store/recovery/salvage': ['.', 'store/recovery', 'store/down', 'store/forward', 'store/kept', 'store/sealed'],
  'store/sealed': ['.'],
  'store/repeats': ['.'],
  'store/series': ['.', 'store/delivery', 'store/housekeeping', 'store/repeats', 'store/sealed'],
  'store-thread/commit': ['.'],
  'store-thread/config': ['.'],
  'store-thread/delivery': ['.'],
  'uplink/format': ['uplink/format/sparkplug'],
  'uplink/format/sparkplug': ['uplink/format'],
}

/** The only places that may import a package: folders, or single files. A package that is not listed here is refused. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  aedes: ['src/broker/'],
  ajv: ['src/config/schema-check.ts', 'src/config/schema-keywords.ts'],
  'better-sqlite3': ['src/store/', 'src/receiver/sqlite/'],
  canonicalize: ['src/config/'],
  'cbor-x': ['src/codec/'],
  cborg: ['src/decode/', 'src/codec/'],
  fastify: ['src/web/'],
  'hyparquet-writer': ['src/export/'],
  mqtt: ['src/link/'],
  'mqtt-packet': ['src/broker/', 'src/link/', 'src/demo/repeat.ts'],
  pg: ['src/receiver/postgres/'],
  'pg-copy-streams': ['src/receiver/postgres/'],
  pino: ['src/base/log.ts'],
  re2js: ['src/config/schema-keywords.ts'],
  yaml: ['src/settings/', 'src/cli/'],
  zod: ['src/settings/', 'src/store/orders.ts', 'src/config/wire.ts', 'src/receiver/'],
}

/** Who reads the wall clock: commands and the main file of each thread, and checks of certificates. Others are given a Clock. */
const CLOCK_READERS = [
  'src/base/clock.ts',
  'src/cli/',
  'src/demo/demo.ts',
  'src/link/tls.ts',
  'src/query/query-thread.ts',
  'src/receiver/index.ts',
  'src/settings/load/links.ts',
  'src/settings/schema/tls.ts',
  'src/store-thread/thread.ts',
  'src/store/store.ts',
]

const IMPORTS = [
  /^(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  /^import\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
]

function importsOf(text: string): string[] {
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((found) => found[1]!))
}

/** The folder of a file below src: `store/sealed`; `src` for a file at the top of src. */
function folderOf(file: string): string {
  return dirname(file).split('/').slice(1).join('/') || 'src'
}

function topOf(folder: string): string {
  return folder.split('/')[0]!
}

/** Why a file in one folder of src may not import from another, or undefined. */
function folderBreach(from: string, to: string): string | undefined {
  const top = topOf(from)
  if (top !== topOf(to)) {
    const may = MAY_IMPORT[top]
    if (may === undefined) return `src/${top} has no place in the order of the folders`
    if (may.includes(topOf(to))) return undefined
    return `src/${top} may import only itself${may.map((one) => `, ${one}`).join('')}`
  }
  if (from === to || from === top) return undefined
  const may = MAY_IMPORT_INSIDE[from] ?? ['.']
  if (may.includes(to === top ? '.' : to) || may.includes(`${posix.dirname(to)}/*`)) return undefined
  return `src/${from} may import inside src/${top} only ${may.join(', ')}`
}

/** Why this file of src (path from the root) may not import that, or undefined. */
function breach(file: string, imported: string): string | undefined {
  if (imported.startsWith('.')) {
    const target = posix.join(dirname(file), imported)
    if (!target.startsWith('src/')) return `${file} imports ${target}, which is not in src`
    const why = folderBreach(folderOf(file), folderOf(target))
    return why === undefined ? undefined : `${file} imports ${target}, but ${why}`
  }
  if (imported.startsWith('node:')) return undefined
  const name = imported.startsWith('@') ? imported.split('/').slice(0, 2).join('/') : imported.split('/')[0]!
  const homes = HOMES[name]
  if (homes?.some((home) => file.startsWith(home))) return undefined
  return `${file} imports ${name}, whose only home is ${homes?.join(' and ') ?? 'not listed'}`
}

/** Groups of files that import each other in a circle (Tarjan's strongly connected components). */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const path: string[] = []
  const circles: string[][] = []
  const visit = (file: string): void => {
    order.set(file, order.size)
    low.set(file, order.get(file)!)
    path.push(file)
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) visit(next)
      if (path.includes(next)) low.set(file, Math.min(low.get(file)!, low.get(next)!))
    }
    if (low.get(file) !== order.get(file)) return
    const circle = path.splice(path.indexOf(file))
    if (circle.length > 1) circles.push(circle.sort())
  }
  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return circles
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function linesOver(text: string): boolean {
  return text.trimEnd().split('\n').length > LINES_MAX
}

const files = globSync('{src,test,bench,support}/**/*.ts', { cwd: ROOT })
  .map((file) => file.replaceAll('\\', '/'))
  .sort()
const sources = files.filter((file) => file.startsWith('src/'))
const graph = new Map(
  sources.map((file) => {
    const local = importsOf(read(file)).filter((one) => one.startsWith('.'))
    return [file, local.map((one) => posix.join(dirname(file), one))]
  }),
)

describe('the structure of the code', () => {
  it('is checked by rules that see every way to import and every kind of breach', () => {
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
    expect(breach('src/store/sealed/x.ts', '../delivery/outbox.ts')).toContain('src/store/sealed may import inside')
    expect(breach('src/store/sealed/x.ts', '../log.ts')).toBeUndefined()
    expect(breach('src/store/x.ts', './sealed/task.ts')).toBeUndefined()
    expect(breach('src/store/x.ts', '../../support/wait.ts')).toContain('not in src')
    expect(breach('src/newcomer/x.ts', '../base/clock.ts')).toContain('no place')
    expect(breach('src/receiver/receiver.ts', 'better-sqlite3')).toContain('only home')
    expect(breach('src/edge/edge.ts', 'mqtt')).toContain('only home')
    expect(breach('src/edge/edge.ts', 'left-pad')).toContain('not listed')
    expect(breach('src/edge/edge.ts', '../broker/broker.ts')).toBeUndefined()
    expect(breach('src/receiver/sqlite/sqlite-sink.ts', 'better-sqlite3')).toBeUndefined()
    const circle = new Map(Object.entries({ a: ['b'], b: ['c'], c: ['b'], d: ['a'] }))
    expect(circlesIn(circle)).toEqual([['b', 'c']])
  })

  it('lets folders and subfolders import only what their place allows, and packages only in their homes', () => {
    expect(sources.length).toBeGreaterThan(0)
    const breaches = sources.flatMap((file) => importsOf(read(file)).map((imported) => breach(file, imported)))
    expect(breaches.filter((one) => one !== undefined)).toEqual([])
  })

  it('has a home for every package that it depends on', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    // ws is a dependency of mqtt; it is listed to pin its version (src/base/pinned-package.ts).
    expect(Object.keys(dependencies).filter((name) => name !== 'ws' && HOMES[name] === undefined)).toEqual([])
  })

  it('has no circle of imports', () => {
    expect(circlesIn(graph)).toEqual([])
  })

  it(`has no file over ${LINES_MAX} lines, no folder over ${FILES_PER_FOLDER_MAX} files and no file for odds and ends`, () => {
    const long = files.filter((file) => linesOver(read(file)))
    const vague = files.filter((file) => /^(utils?|helpers?|common|misc)\.ts$/.test(basename(file)))
    const inFolders = globSync('src/**/*.*', { cwd: ROOT }).map((file) => file.replaceAll('\\', '/'))
    const counts = Map.groupBy(inFolders, (file) => dirname(file))
    const full = [...counts].filter(([, inside]) => inside.length > FILES_PER_FOLDER_MAX).map(([folder]) => folder)
    expect({ long, vague, full }).toEqual({ long: [], vague: [], full: [] })
  })

  it('reads the wall clock only where the time enters', () => {
    const readers = sources.filter((file) => /\bsystemClock\b|\bDate\.now\(\)/.test(read(file)))
    expect(readers.filter((file) => !CLOCK_READERS.some((allowed) => file.startsWith(allowed)))).toEqual([])
  })

  it('logs errors themselves, with stack and cause, never only their message', () => {
    const call = /\blog\.(?:error|warn|info|debug)\(\s*\{[^}]*\b(?:messageOf\(|\w+\.message\b)/i
    expect(sources.filter((file) => call.test(read(file)))).toEqual([])
  })

  it('names every folder with a README in docs/architecture.md', () => {
    const folders = globSync('src/**/README.md', { cwd: ROOT }).map((file) => posix.dirname(file.replaceAll('\\', '/')))
    const page = read('docs/architecture.md')
    expect(folders.filter((folder) => !page.includes(`\`${folder}`))).toEqual([])
  })

  it('tests against real neighbours: no module is mocked', () => {
    expect(files.filter((file) => /\bvi\.(do)?mock\(/i.test(read(file)))).toEqual([])
  })
})
