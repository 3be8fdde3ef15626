import { resolve } from 'node:path'
import { command, shared } from '../command.ts'

export const demo = command({
  name: 'demo',
  summary: 'Runs all in one process: simulated devices, edge, cloud broker, receiver',
  options: {
    data: { kind: 'text', value: 'FOLDER', help: 'Keep both databases here; without it they are removed at the end' },
    devices: { kind: 'number', value: 'N', help: 'Simulated devices', fallback: 20, min: 1, max: 1_000 },
    rate: {
      kind: 'number',
      value: 'N',
      help: 'Messages per second of each',
      fallback: 5,
      min: 0.001,
      max: 1_000,
      fraction: true,
    },
    for: { kind: 'number', value: 'SECONDS', help: 'End after so long; without it at ctrl-c', min: 1, max: 86_400 },
    json: { ...shared.json, help: 'Print JSON lines' },
  },
  examples: ['demo', 'demo --devices 100 --rate 10', 'demo --for 30 --json'],
  async run({ values: { data, devices, rate, for: forS, json } }) {
    const { runDemo } = await import('../../demo/demo.ts')
    return runDemo({ data: data === undefined ? undefined : resolve(data), devices, rate, forS, json })
  },
})
