import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { commands } from '../../src/cli/commands.ts'
import { tempFolder } from '../../support/folder.ts'
import { ROOT, runTidegate } from '../../support/process.ts'

describe('tidegate as a process', () => {
  it('answers --help and --version on standard output and exits with 0', async () => {
    const help = await runTidegate(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const { name } of commands) expect(help.stdout).toContain(`\n  ${name} `)
    const version = await runTidegate(['--version'])
    expect(version).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  })

  it('reports a usage error with its remedy on standard error and exits with 64', async () => {
    const typo = await runTidegate(['setings', 'check'])
    expect(typo).toMatchObject({ code: 64, stdout: '' })
    expect(typo.stderr).toBe(
      'error: unknown command "setings"; did you mean "settings"?\n  what to do: see `tidegate --help`\n',
    )
    expect(await runTidegate([])).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining('Usage:') })
  })

  it('reports all problems of the settings without a stack, starts nothing and exits with 78', async () => {
    const file = join(tempFolder(), 'edge.yaml')
    writeFileSync(file, 'edge: a\nqualty: []\nweb: { port: x }\ndata: ./made')
    for (const args of [
      ['settings', 'check', file],
      ['run', '-s', file],
    ]) {
      const { code, stdout, stderr } = await runTidegate(args, { env: { TIDEGATE_LGO__LEVEL: 'debug' } })
      expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
      expect(stderr).toContain(`\n  ${file}:2:1 qualty: unknown key "qualty"; did you mean "quality"?\n`)
      expect(stderr).toContain(`\n  ${file}:3:8 web.port: must be a number, not text\n`)
      expect(stderr).toContain('\n  TIDEGATE_LGO__LEVEL names no setting')
      expect(stderr).toContain('\n  what to do: ')
      expect(stderr).not.toMatch(/\n\s+at /)
    }
    expect(existsSync(join(file, '../made'))).toBe(false)
  })

  it('accepts the examples, and does not accept the settings of a receiver for an edge', async () => {
    expect(await runTidegate(['settings', 'check', 'examples/edge.yaml'])).toMatchObject({ code: 0, stderr: '' })
    const receiver = ['settings', 'check', 'examples/receiver.yaml']
    expect(await runTidegate([...receiver, '--receiver'])).toMatchObject({ code: 0, stderr: '' })
    expect(await runTidegate(receiver)).toMatchObject({ code: 78, stdout: '' })
  })

  it('prints a JSON Schema with the rules of the check', async () => {
    const { code, stdout } = await runTidegate(['settings', 'schema'])
    const schema = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(schema).toMatchObject({
      required: ['edge'],
      additionalProperties: false,
      properties: { broker: { properties: { tcp: { properties: { port: { maximum: 65_535 } } } } } },
    })
    expect(Object.keys(schema.properties.uplinks.items.properties)).toContain('password_file')
  })

  it('exits with 0 when its reader stops reading, and with 1 when its output cannot be written', async () => {
    const tidegate = (stdout: number | 'pipe') =>
      spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'settings', 'docs'], { stdio: ['ignore', stdout, 'pipe'] })
    const unread = tidegate('pipe')
    unread.stdout?.destroy()
    let errors = ''
    unread.stderr?.setEncoding('utf8').on('data', (text) => {
      errors += text
    })
    expect(await once(unread, 'close')).toEqual([0, null])
    expect(errors).toBe('')
    if (!existsSync('/dev/full')) return
    const full = openSync('/dev/full', 'w')
    expect(await once(tidegate(full), 'close')).toEqual([1, null])
    closeSync(full)
  })
})
