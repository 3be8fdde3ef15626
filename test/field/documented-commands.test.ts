import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../support/folder.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { describePeer } from '../../support/peers.ts'
import { freePort } from '../../support/port.ts'
import { ROOT, runProcess, startProcess } from '../../support/process.ts'

const TEST_MS = 240_000

/** Lines that this test does not run, and where they are run. */
const ELSEWHERE: readonly (readonly [line: RegExp, where: string])[] = [
  [/^npm ci && npm start/, 'test/demo, and npm run check:install'],
  [/^npm ci && npm test/, 'it is this run'],
  [/\bREV\b(?=[^#]* -s )/, 'REV is a revision that `config history` prints'],
]

/** Lines that end with another exit code here, and why. */
const CODES: readonly (readonly [line: RegExp, code: number, why: string])[] = [
  [/config resolve pump-17/, 1, 'there is no conflict'],
  [/^tidegate restore /, 69, 'the edge runs'],
]

/** The command lines of a page: those of its `sh` blocks, without their comments. */
function linesOf(page: string): string[] {
  const blocks = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)]
  return blocks.flatMap(([, text]) => text!.trim().split('\n')).map((line) => line.trim().replace(/\s+#.*$/, ''))
}

/** A folder like a checkout, with the settings that the pages name. Ports are free ones instead of the usual ones. */
async function checkout(): Promise<{ readonly folder: string; readonly here: (text: string) => string }> {
  const folder = tempFolder()
  const ports = { '1883': await freePort(), '1884': await freePort(), '8080': await freePort() }
  const here = (text: string): string =>
    text
      .replace(/\b(1883|1884|8080)\b/g, (port) => String(ports[port as '1883']))
      .replace(/(-- replay .*)/, `$1 --url mqtt://127.0.0.1:${ports['1883']}`)
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  for (const name of ['src', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name))
  for (const name of ['examples', 'bin', '.config']) mkdirSync(join(folder, name))
  for (const name of ['edge', 'receiver']) {
    const text = here(readFileSync(join(ROOT, `examples/${name}.yaml`), 'utf8'))
    writeFileSync(join(folder, `examples/${name}.yaml`), text)
    writeFileSync(join(folder, `${name}.yaml`), text.replaceAll('./data/', './examples/data/'))
  }
  writeFileSync(join(folder, 'pump.yaml'), 'sampling: { interval_s: 60 }\n')
  writeFileSync(join(folder, '.config/mosquitto_pub'), `-p ${ports['1883']}\n`)
  const tidegate = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'src/main.ts')}' "$@"\n`
  writeFileSync(join(folder, 'bin/tidegate'), tidegate, { mode: 0o755 })
  await startMosquitto({ port: ports['1884'] })
  return { folder, here }
}

describePeer('mosquitto', 'every command line in README and docs', () => {
  it(
    'works as it stands',
    async () => {
      const { folder, here } = await checkout()
      const env = {
        PATH: `${folder}/bin:${folder}/node_modules/.bin:${process.env.PATH}`,
        XDG_CONFIG_HOME: `${folder}/.config`,
      }
      const options = { cwd: folder, env }
      const wrong: string[] = []
      const pages = ['README.md', ...globSync('docs/*.md', { cwd: ROOT }).sort()]
      for (const [page, line] of pages.flatMap((one) => linesOf(one).map((text) => [one, text] as const))) {
        if (line.startsWith('tidegate backup ')) rmSync(join(folder, line.split(' ')[2]!), { force: true }) // of another page
        if (ELSEWHERE.some(([pattern]) => pattern.test(line))) continue
        if (/^npm run -s tidegate -- (?:run|receive) /.test(line)) {
          await startProcess('sh', ['-c', `exec ${here(line)}`], options).waitFor(/ready|started/, 60_000)
          continue
        }
        const { code, stderr } = await runProcess('sh', ['-c', here(line)], options)
        const wanted = CODES.find(([pattern]) => pattern.test(line))?.[1] ?? 0
        if (code !== wanted) wrong.push(`${page}: ${line}\n  exit code ${code} instead of ${wanted}: ${stderr}`)
      }
      expect(wrong).toEqual([])
    },
    TEST_MS,
  )
})
