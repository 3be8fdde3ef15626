/**
 * A receiver that the system kills between the commit of a head and its publishing: `doomed-authority.ts URL
 * FOLDER`.
 */
import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { ConfigStore } from '../../../src/receiver/config/config-store.ts'
import { startReceiver } from '../../../src/receiver/receiver.ts'
import { SqliteSink } from '../../../src/receiver/sqlite/sqlite-sink.ts'
import { receiverSettings } from '../../../src/settings/receiver.ts'

const [url, folder] = process.argv.slice(2)
const inner = SqliteSink.open(folder!)
const configs: ConfigStore = new Proxy(inner.configs, {
  get: (target, name) => {
    if (name === 'claim') {
      return async (at: number, limit: number) => {
        const messages = await target.claim(at, limit)
        if (messages.length > 0) process.kill(process.pid, 'SIGKILL')
        return messages
      }
    }
    const value: unknown = Reflect.get(target, name)
    return typeof value === 'function' ? value.bind(target) : value
  },
})
const sink = { store: inner.store.bind(inner), configs, close: () => inner.close() }
const settings = receiverSettings.parse({ cloud: { url } })
const receiver = await startReceiver(settings, { log: silentLog, clock: systemClock, sink })
const timer = setInterval(() => {
  if (!receiver.stats().connected) return
  clearInterval(timer)
  process.stdout.write('connected\n')
}, 10)
