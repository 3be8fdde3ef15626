/**
 * Checks that `npm ci` works on other machines than this one: `npm run check:install`, or `npm run check:install -- offline`
 * for the rows with that word. Each row of the matrix is one installation in a new folder with spaces in its name, with an
 * empty HOME and a PATH that holds Node.js, npm and a shell only: no compiler, no Python. Then Tidegate starts and opens a
 * database. The first row fills the npm cache for the others.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { messageOf } from '../src/base/errors.ts'

const ROOT = join(import.meta.dirname, '..')
const COPIED = ['package.json', 'package-lock.json', '.npmrc', 'support/prune-modules.js', 'bin', 'src']
const INSTALL_MS = 300_000
const OPEN_DATABASE = "new (require('better-sqlite3'))(':memory:').close()"
const UNPRIVILEGED = 65_534
const MIB = 1_048_576
/** Systems for which the packages of a production installation must ship binaries. */
const SYSTEMS = ['linux-x64', 'linux-arm64', 'linuxmusl-x64', 'linuxmusl-arm64']

interface Row {
  readonly name: string
  /** The versions of the machine's own Node.js and npm. */
  readonly node: string
  readonly npm: string
  readonly flags?: readonly string[]
  readonly user?: number
  /** Largest size of node_modules (MiB). */
  readonly sizeMax: number
}

const DEVELOPMENT = { sizeMax: 400 }
const PRODUCTION = { sizeMax: 60 }
const ROWS: readonly Row[] = [
  { name: 'npm 10, empty cache', node: '20', npm: '10', ...DEVELOPMENT },
  { name: 'npm 9', node: '20', npm: '9', ...DEVELOPMENT },
  { name: 'npm 10', node: '22', npm: '10', ...DEVELOPMENT },
  { name: 'npm 11.3', node: '24', npm: '11.3.0', ...DEVELOPMENT },
  { name: 'npm 11.8', node: '24', npm: '11.8.0', ...DEVELOPMENT },
  { name: 'npm 11', node: '24', npm: '11', ...DEVELOPMENT },
  { name: 'offline', node: '20', npm: '10', flags: ['--offline'], ...DEVELOPMENT },
  { name: 'not as root', node: '22', npm: '10', user: UNPRIVILEGED, ...DEVELOPMENT },
  { name: 'production', node: '22', npm: '10', flags: ['--omit=dev'], ...PRODUCTION },
  { name: 'without scripts, as on musl', node: '24', npm: '11', flags: ['--ignore-scripts'], ...DEVELOPMENT },
]

/** A folder to use as the whole PATH: this Node.js and npm, and the programs that npm and the shell need. */
function machine(work: string, { node, npm }: Row): string {
  const bin = join(work, `node-${node}-npm-${npm}`)
  if (existsSync(bin)) return bin
  const tools = `${bin}-tools`
  const packages = [`node-${process.platform}-${process.arch}@${node}`, `npm@${npm}`]
  mkdirSync(tools)
  execFileSync('npm', ['install', '--prefix', tools, '--no-audit', '--no-fund', ...packages], { stdio: 'pipe' })
  mkdirSync(bin)
  const installed = join(tools, 'node_modules')
  symlinkSync(join(installed, packages[0]!.replace(/@.*/, ''), 'bin/node'), join(bin, 'node'))
  for (const name of ['npm', 'npx']) symlinkSync(join(installed, '.bin', name), join(bin, name))
  for (const name of ['sh', 'env', 'uname', 'sed', 'dirname', 'readlink']) {
    const program = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path))
    if (program !== undefined) symlinkSync(program, join(bin, name))
  }
  return bin
}

/** @returns the size of node_modules (MiB). @throws Error that says what does not work */
function install(work: string, row: Row): number {
  const folder = mkdtempSync(join(work, 'row-'))
  const app = join(folder, 'a folder with spaces')
  const home = join(folder, 'home')
  for (const one of [app, home]) mkdirSync(one)
  for (const name of COPIED) cpSync(join(ROOT, name), join(app, name), { recursive: true })
  const npmrc = join(process.env.HOME ?? '', '.npmrc')
  if (existsSync(npmrc)) cpSync(npmrc, join(home, '.npmrc')) // which registry; not how packages are built
  let cache = join(work, 'cache')
  if (row.user !== undefined && process.getuid?.() === 0) {
    cpSync(cache, join(folder, 'cache'), { recursive: true })
    cache = join(folder, 'cache')
    execFileSync('chown', ['-R', String(row.user), folder])
  }
  const env = { ...network(), PATH: machine(work, row), HOME: home, npm_config_cache: cache }
  const run = (command: string, ...args: string[]): string => {
    const user = process.getuid?.() === 0 && row.user !== undefined ? { uid: row.user, gid: row.user } : {}
    const done = spawnSync(command, args, { cwd: app, env, timeout: INSTALL_MS, encoding: 'utf8', ...user })
    if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${done.stdout}${done.stderr}`)
    return `${done.stdout}${done.stderr}`
  }
  const noise = twice(() => run('npm', 'ci', '--no-audit', '--no-fund', ...(row.flags ?? [])))
  if (noise.includes('EBADENGINE')) throw new Error(`npm warns about the engine\n${noise}`)
  if (row.flags?.includes('--ignore-scripts')) {
    checkBinaries(app)
    run('node', 'support/prune-modules.js')
  }
  const own = join(app, 'node_modules/.bin/node')
  run(existsSync(own) ? own : 'node', '-e', OPEN_DATABASE)
  run(join(app, 'bin/tidegate'), 'settings', 'docs')
  const size = Number(execFileSync('du', ['-sk', join(app, 'node_modules')], { encoding: 'utf8' }).split('\t')[0])
  rmSync(folder, { recursive: true, force: true })
  if (size * 1_024 > row.sizeMax * MIB) throw new Error(`node_modules has ${size} KiB`)
  return Math.round((size * 1_024) / MIB)
}

/** How this machine reaches the registry. */
function network(): Record<string, string> {
  const names = ['NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

/** npm 10 sometimes ends with this fault of its own when a download stalls. */
function twice<T>(action: () => T): T {
  try {
    return action()
  } catch (failure) {
    if (!String(failure).includes('Exit handler never called')) throw failure
    return action()
  }
}

/** Before anything is removed: the packages must ship binaries for the systems that cannot be tried here. */
function checkBinaries(app: string): void {
  const shipped = readdirSync(join(app, 'node_modules/better-sqlite3/prebuilds'))
  const lacking = SYSTEMS.filter((system) => !shipped.includes(`${system}.node`))
  if (lacking.length > 0) throw new Error(`better-sqlite3 ships no binary for ${lacking.join(', ')}`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function main(terms: readonly string[]): number {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const rows = ROWS.filter(({ name }, index) => terms.every((term) => name.includes(term)) || index === 0)
  // npm run puts the Node.js of this checkout first, and the npm of the machine needs its own.
  process.env.PATH = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter)
  const work = mkdtempSync(join(tmpdir(), 'tidegate-install-'))
  chmodSync(work, 0o755)
  say(`npm ci of tidegate ${version} on ${process.platform}-${process.arch}, no compiler on the PATH:`)
  say('| | Node.js | npm | result | s | MiB |\n|---|---|---|---|---:|---:|')
  let failures = 0
  try {
    for (const row of rows) {
      const start = performance.now()
      const cells = [row.name, row.node, row.npm]
      try {
        const size = install(work, row)
        say(`| ${[...cells, 'ok', Math.round((performance.now() - start) / 1_000), size].join(' | ')} |`)
      } catch (failure) {
        failures++
        say(`| ${[...cells, 'FAILED', '', ''].join(' | ')} |`)
        process.stderr.write(`${row.name}: ${messageOf(failure)}\n`)
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return failures === 0 ? 0 : 1
}

process.exitCode = main(process.argv.slice(2))
