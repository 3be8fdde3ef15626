import { Exit } from '../../base/errors.ts'
import { command } from '../command.ts'

export const demo = command({
  name: 'demo',
  summary: 'Runs all in one process: simulated devices, edge, cloud broker, receiver',
  options: {},
  examples: ['demo'],
  async run() {
    const { runDemo } = await import('../../demo.ts')
    await runDemo({})
    return Exit.OK
  },
})
