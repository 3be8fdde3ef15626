/** A receiver that the system kills right after its first commit: `doomed-receiver.ts URL FOLDER`. */
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { startReceiver } from '../../src/receiver/receiver.ts'
import type { Sink } from '../../src/receiver/sink.ts'
import { SqliteSink } from '../../src/receiver/sqlite/sqlite-sink.ts'
import { receiverSettings } from '../../src/settings/receiver.ts'

const [url, folder] = process.argv.slice(2)
const inner = SqliteSink.open(folder!)
const sink: Sink = {
  store: async (deliveries, receivedAt) => {
    await inner.store(deliveries, receivedAt)
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  },
  close: () => inner.close(),
}
const settings = receiverSettings.parse({ cloud: { url } })
const receiver = await startReceiver(settings, { log: silentLog, clock: systemClock, sink })
const timer = setInterval(() => {
  if (!receiver.stats().connected) return
  clearInterval(timer)
  process.stdout.write('connected\n')
}, 10)
