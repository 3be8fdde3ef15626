import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { freePort } from '../../support/port.ts'
import { startProcess } from '../../support/process.ts'
import { until } from '../../support/wait.ts'

/** The arguments of npm that start an edge on free ports. */
async function edge(): Promise<string[]> {
  const file = join(tempFolder(), 'edge.yaml')
  const broker = `broker: { tcp: { host: 127.0.0.1, port: ${await freePort()} } }`
  writeFileSync(file, `edge: site\ndata: ./data\n${broker}\nweb: { port: ${await freePort()} }\n`)
  return ['run', '-s', 'tidegate', '--', 'run', '-s', file]
}

it.each([
  { command: 'npm run tidegate', args: edge, ready: /is ready/ },
  { command: 'npm start', args: async () => ['-s', 'start'], ready: /ready|http:/ },
])('SIGTERM to `$command` stops Tidegate in order, and leaves no process behind', async ({ args, ready }) => {
  const npm = startProcess('npm', await args())
  await npm.waitFor(ready)
  npm.kill('SIGTERM')
  await until(() => npm.ended, { what: 'npm and all that writes to its output have ended' })
  expect(await npm.exit).toBe(0)
})
