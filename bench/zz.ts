import { stopStarted } from '../test/support/started.ts'
import { BenchEdge } from './support/edge.ts'
import { runLoad } from './support/load.ts'
const load = { connections: 1000, window: 1, messages: 20, qos: 1, payload: 'json' } as const
for (let i = 0; i < 60; i++) {
  const edge = await BenchEdge.start({ log: { level: 'trace' } })
  try { const r = await runLoad({ ...load, port: edge.port }); console.log(Math.round(performance.now()), Math.round(r.perSecond), Math.round(r.ackMs50), Math.round(r.ackMsMax)); await edge.stop() } catch (e) { console.log('FAILED', performance.now(), String(e), edge.process.ended, edge.process.stderr.slice(-2500)); }
  await stopStarted()
}
await stopStarted()
