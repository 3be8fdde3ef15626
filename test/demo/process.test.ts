import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/errors.ts'
import type { DemoAccount } from '../../src/demo/account.ts'
import type { Intro } from '../../src/demo/display.ts'
import { type RunningProcess, startTidegate } from '../../support/process.ts'
import { onStop } from '../../support/started.ts'

/** A demo starts, drains and counts in a few seconds; on a busy machine it may take longer. */
const RUN_MS_MAX = 60_000

/** Ensures that this process or another one listens on this port. */
async function occupy(port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (trouble) => (codeOf(trouble) === 'EADDRINUSE' ? resolve() : reject(trouble)))
    server.listen(port, '127.0.0.1', () => resolve())
  })
  onStop(() => void server.close())
}

function lines(process: RunningProcess): { event: string }[] {
  return process.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string })
}

describe('the demo as a process', () => {
  it(
    'reports ports in use, takes free ones, and ends by itself after it has delivered all stored readings',
    async () => {
      for (const port of [1883, 1884, 8080]) await occupy(port)
      const demo = startTidegate(['demo', '--for', '6', '--json'])
      expect(await demo.exit, demo.stderr).toBe(0)
      const events = lines(demo)
      const intro = events[0] as { event: string } & Intro
      expect(intro.event).toBe('started')
      expect(intro.moved.map(({ wanted }) => wanted)).toEqual([1883, 1884, 8080])
      expect([intro.mqtt.port, intro.cloud.port, intro.web?.port]).toEqual(intro.moved.map(({ got }) => got))
      expect(events.filter(({ event }) => event === 'state').length).toBeGreaterThan(0)
      const summary = events.at(-1) as { event: string } & DemoAccount
      expect(summary).toMatchObject({ event: 'summary', waiting: 0, lost: 0, twice: 0, problems: [] })
      expect(summary.stored).toBeGreaterThan(0)
      expect(summary.different).toBe(summary.stored)
      expect(existsSync(intro.data)).toBe(false)
    },
    RUN_MS_MAX,
  )

  it(
    'writes plain lines when its output is not a terminal, and prints its account after a signal',
    async () => {
      const demo = startTidegate(['demo'])
      const [, data] = await demo.waitFor(/Data: +(\S+) /, RUN_MS_MAX)
      await demo.waitFor(/confirmed [1-9]/, RUN_MS_MAX)
      demo.kill('SIGINT')
      expect(await demo.exit, demo.stderr).toBe(0)
      expect(demo.stdout).toMatch(/^ {2}taken +[1-9]/m)
      expect(demo.stdout).toMatch(/^ {2}lost +0 /m)
      expect(demo.stdout).toMatch(/^ {2}twice +0 /m)
      expect(demo.stdout + demo.stderr).not.toContain('\u001b')
      expect(demo.stderr).toBe('')
      expect(existsSync(data!)).toBe(false)
    },
    RUN_MS_MAX,
  )

  it(
    'ends at once at a second signal, and still leaves no temporary data',
    async () => {
      const demo = startTidegate(['demo'])
      const [, data] = await demo.waitFor(/Data: +(\S+) /, RUN_MS_MAX)
      demo.kill('SIGTERM')
      demo.kill('SIGINT')
      expect([130, 143]).toContain(await demo.exit)
      expect(existsSync(data!)).toBe(false)
    },
    RUN_MS_MAX,
  )
})
