/**
 * removes files from node_modules that Tidegate never reads: 90 MB of 470, and half of a production install. `npm ci` runs
 * it; after `npm ci --ignore-scripts`, run it by hand. For another machine: `npm ci --omit=dev --os=linux --cpu=arm64`
 * keeps the binaries for that one. Plain JavaScript, because the Node.js of the machine may be one that runs no TypeScript.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const MODULES = join(import.meta.dirname, '../node_modules')
const { npm_config_os: os = process.platform, npm_config_cpu: cpu = process.arch } = process.env

/** @param {string} folder @returns {string[]} */
function entries(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

/** Binaries for other systems. `linuxmusl-…` stays with `linux-…`: the folder may be copied into an Alpine container. */
function foreignBinaries() {
  const ours = new RegExp(`^${os}(musl)?-${cpu}\\.node$`)
  const binaries = entries(join(MODULES, 'better-sqlite3/prebuilds'))
  const kept = binaries.filter((path) => ours.test(path.slice(path.lastIndexOf('prebuilds') + 'prebuilds/'.length)))
  return kept.length === 0 ? [] : binaries.filter((path) => !kept.includes(path)) // an unknown system: keep all
}

const unused = [
  ...foreignBinaries(),
  // C sources: nothing is compiled at the installation.
  join(MODULES, 'better-sqlite3/deps'),
  join(MODULES, 'better-sqlite3/src'),
  ...entries(join(MODULES, 'node/node_modules')).map((folder) => join(folder, 'include')),
]
for (const path of unused) rmSync(path, { recursive: true, force: true })
