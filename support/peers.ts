/**
 * Programs that some suites test against. `npm test` runs this file first: it installs missing programs where it can
 * (root on Debian), and otherwise prints the names of the suites that will be skipped. With CI=true no program may
 * be missing.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { findFaketime } from './faketime.ts'
import { findFirst, findPostgres } from './find.ts'
import { findPython } from './python.ts'
import { findStrace } from './strace.ts'

const ROOT = join(import.meta.dirname, '..')
const INSTALL_MS = 240_000
const RABBITMQ = '/usr/lib/rabbitmq/bin/rabbitmq-server'

/** The path of each peer; undefined: not installed. */
export const peers = {
  get mosquitto(): string | undefined {
    return findFirst('mosquitto')
  },
  get mosquittoPub(): string | undefined {
    return findFirst('mosquitto_pub')
  },
  get mosquittoSub(): string | undefined {
    return findFirst('mosquitto_sub')
  },
  get openssl(): string | undefined {
    return findFirst('openssl')
  },
  /** A Python with cbor2 and zstandard. */
  get python(): string | undefined {
    return findPython()
  },
  /** The protobuf decoder of Google. */
  get protoc(): string | undefined {
    return findFirst('protoc')
  },
  /** An strace that is allowed to trace. */
  get strace(): string | undefined {
    return findStrace()
  },
  /** The server itself: the script on the PATH changes the user and the folders. */
  get rabbitmq(): string | undefined {
    return existsSync(RABBITMQ) ? RABBITMQ : undefined
  },
  get nats(): string | undefined {
    return findFirst('nats-server')
  },
  /** The library that moves the clock of a process. */
  get faketime(): string | undefined {
    return findFaketime()
  },
  /** The server; the other programs of PostgreSQL are in the same folder. */
  get postgres(): string | undefined {
    return findPostgres()
  },
}
export type Peer = keyof typeof peers

const PROGRAMS: Record<Peer, { what: string; packages: readonly string[] }> = {
  mosquitto: { what: 'mosquitto', packages: ['mosquitto'] },
  mosquittoPub: { what: 'mosquitto_pub', packages: ['mosquitto-clients'] },
  mosquittoSub: { what: 'mosquitto_sub', packages: ['mosquitto-clients'] },
  openssl: { what: 'openssl', packages: ['openssl'] },
  python: { what: 'Python with cbor2 and zstandard', packages: ['python3-cbor2', 'python3-zstandard'] },
  protoc: { what: 'protoc', packages: ['protobuf-compiler'] },
  strace: { what: 'strace with the permission to trace', packages: ['strace'] },
  faketime: { what: 'libfaketime', packages: ['faketime'] },
  rabbitmq: { what: 'RabbitMQ', packages: ['rabbitmq-server'] },
  nats: { what: 'nats-server', packages: ['nats-server'] },
  postgres: { what: 'PostgreSQL', packages: ['postgresql'] },
}

/** A suite that needs a peer; without the peer the suite is skipped with a name that says why. */
export function describePeer(peer: Peer, name: string, suite: () => void): void {
  if (peers[peer] !== undefined) describe(name, suite)
  else describe.skip(`${name} (skipped: ${PROGRAMS[peer].what} is not installed)`, suite)
}

function missing(): Peer[] {
  return (Object.keys(PROGRAMS) as Peer[]).filter((peer) => peers[peer] === undefined)
}

function install(packages: readonly string[]): void {
  const policy = '/usr/sbin/policy-rc.d' // exit 101: a package must not start its service
  const ours = !existsSync(policy)
  const run = (...args: string[]): void => {
    execFileSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: INSTALL_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  }
  try {
    if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    run('update')
    run('install', '-y', '--no-install-recommends', ...packages)
  } catch {
    // The programs that are still missing are reported below.
  } finally {
    if (ours) rmSync(policy, { force: true })
  }
}

/** Names of the suites that need one of the peers, as `file: name`. */
function suitesOf(absent: readonly Peer[]): string[] {
  return globSync('test/**/*.test.ts', { cwd: ROOT }).flatMap((file) => {
    const found = readFileSync(join(ROOT, file), 'utf8').matchAll(/describePeer\(\s*'(\w+)',\s*(['"`])(.+?)\2/g)
    return [...found].filter(([, peer]) => absent.some((one) => one === peer)).map((suite) => `${file}: ${suite[3]}`)
  })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function main(): number {
  const before = missing()
  const packages = [...new Set(before.flatMap((peer) => PROGRAMS[peer].packages))]
  say(
    'All tests take five to eight minutes on two cores. `npm run test:quick` takes less than one, and needs no other program.',
  )
  if (before.length > 0)
    say(`Some suites need programs that are not installed: ${before.map((peer) => PROGRAMS[peer].what).join(', ')}.`)
  if (before.length > 0 && process.getuid?.() === 0 && findFirst('apt-get') && existsSync('/etc/debian_version')) {
    say(`Installing Debian packages with apt-get, without starting their services: ${packages.join(' ')}`)
    install(packages)
  }
  const absent = missing()
  for (const peer of absent) {
    say(`not installed: ${PROGRAMS[peer].what} (Debian: ${PROGRAMS[peer].packages.join(' ')})`)
  }
  for (const suite of suitesOf(absent)) say(`  will be skipped: ${suite}`)
  return absent.length > 0 && process.env.CI === 'true' ? 1 : 0
}

if (process.argv[1] === import.meta.filename) process.exitCode = main()
