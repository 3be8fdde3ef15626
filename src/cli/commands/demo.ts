import { resolve } from 'node:path'
import { command, shared } from '../command.ts'

export const demo = command({
  name: 'demo',
  summary: 'Run a whole plant in one process: devices, edge, cloud broker, receiver',
  options: {
    data: {
      kind: 'text',
      value: 'FOLDER',
      help: 'Keep both databases in this folder; by default they are removed at the end',
    },
    devices: { kind: 'number', value: 'N', help: 'Number of simulated devices', fallback: 20, min: 1, max: 1_000 },
    rate: {
      kind: 'number',
      value: 'N',
      help: 'Messages per second of each device',
      fallback: 5,
      min: 0.001,
      max: 1_000,
      fraction: true,
    },
    for: {
      kind: 'number',
      value: 'SECONDS',
      help: 'Stop after this many seconds; by default it runs until Ctrl-C',
      min: 1,
      max: 86_400,
    },
    json: { ...shared.json, help: 'Print one JSON object per line' },
  },
  examples: ['demo', 'demo --devices 100 --rate 10', 'demo --for 30 --json'],
  async run({ values: { data, devices, rate, for: forS, json } }) {
    const { runDemo } = await import('../../demo/demo.ts')
    return runDemo({ data: data === undefined ? undefined : resolve(data), devices, rate, forS, json })
  },
})
