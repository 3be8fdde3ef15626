/**
 * Checks that `npm ci` works on a machine without a compiler: `npm run check:install -- 9 10 11` (npm versions).
 * For each version it copies the package's two manifests into an empty folder and runs `npm ci` there, with an empty
 * HOME, an empty npm cache and a PATH that holds Node.js and a shell only; then it opens a database.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const VERSIONS = ['9', '10', '11.3.0', '11.8.0', '11']
const INSTALL_MS = 300_000
const OPEN_DATABASE = "new (require('better-sqlite3'))(':memory:').close()"

function findNpm(): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .find((folder) => existsSync(join(folder, 'npm')) && existsSync(join(folder, 'node')))
  if (found === undefined) throw new Error('npm is not on the PATH. Install Node.js with the npm that it ships.')
  return found
}

/** A folder to use as the whole PATH: Node.js, npm and a shell, and no compiler, Python or make. */
function pathWithoutCompiler(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const nodeFolder = findNpm()
  for (const name of ['node', 'npm', 'npx']) symlinkSync(join(nodeFolder, name), join(bin, name))
  for (const name of ['sh', 'env', 'uname', 'sed', 'dirname']) {
    const program = [join('/bin', name), join('/usr/bin', name)].find((path) => existsSync(path))
    if (program !== undefined) symlinkSync(program, join(bin, name))
  }
  return bin
}

/** Throws when the installation fails or the installed packages do not work. */
function checkInstall(npmVersion: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-install-'))
  try {
    const app = join(folder, 'a folder with spaces')
    const home = join(folder, 'home')
    for (const one of [app, home]) mkdirSync(one)
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(ROOT, name), join(app, name))
    const npmrc = join(process.env.HOME ?? '', '.npmrc')
    if (existsSync(npmrc)) copyFileSync(npmrc, join(home, '.npmrc')) // which registry; not how packages are built
    const env = { PATH: pathWithoutCompiler(folder), HOME: home, npm_config_cache: join(folder, 'cache') }
    const options = { cwd: app, env, stdio: 'pipe', timeout: INSTALL_MS } as const
    execFileSync('npx', ['--yes', `npm@${npmVersion}`, 'ci', '--no-audit', '--no-fund'], options)
    execFileSync(join(app, 'node_modules/.bin/node'), ['-e', OPEN_DATABASE], options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function main(versions: readonly string[]): number {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  process.stdout.write(`npm ci of tidegate ${version} without a compiler, Node.js in ${dirname(findNpm())}:\n`)
  let failed = 0
  for (const npmVersion of versions) {
    try {
      checkInstall(npmVersion)
      process.stdout.write(`  npm ${npmVersion}: ok\n`)
    } catch (error) {
      failed++
      process.stdout.write(`  npm ${npmVersion}: FAILED\n${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = main(process.argv.length > 2 ? process.argv.slice(2) : VERSIONS)
