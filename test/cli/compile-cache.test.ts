import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT, RunningProcess } from '../../support/process.ts'

it('a command keeps its compiled code for the next one', async () => {
  const folder = join(ROOT, 'node_modules/.cache/tidegate')
  rmSync(folder, { recursive: true, force: true })
  // The tests set the variable for everything they start.
  const command = new RunningProcess('env', ['-u', 'NODE_COMPILE_CACHE', process.execPath, 'src/main.ts', '--version'])
  expect(await command.exit).toBe(0)
  expect(existsSync(folder)).toBe(true)
})
