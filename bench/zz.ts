import { stopStarted } from '../test/support/started.ts'
import { BenchEdge, verifyStored } from './support/edge.ts'
import { runLoad } from './support/load.ts'
const load = { connections: 1000, window: 1, messages: 200, qos: 1, payload: 'json' } as const
for (let i = 0; i < 6; i++) {
  const edge = await BenchEdge.start({ log: { level: 'info' } })
  try { const r = await runLoad({ ...load, port: edge.port }); console.log(r.perSecond, r.ackMs50, r.ackMsMax); await edge.stop(); verifyStored(edge.folder, load) } catch (e) { console.log(String(e), edge.process.stderr.slice(-1500)) }
  await stopStarted()
}
