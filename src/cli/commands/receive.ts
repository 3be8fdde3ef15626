import { systemClock } from '../../base/clock.ts'
import { command, shared } from '../command.ts'
import { serve } from '../service.ts'

export const receive = command({
  name: 'receive',
  summary: 'Runs a receiver: it stores what the edges send and answers with receipts',
  notes: ['Prints one line when it has started; its log goes to standard error. SIGINT or SIGTERM stops it in order.'],
  options: { settings: { ...shared.settings, help: 'Settings file of the receiver' } },
  examples: ['receive -s examples/receiver.yaml'],
  async run({ values, output, env }) {
    const { loadReceiverSettings } = await import('../../base/settings-load.ts')
    const settings = loadReceiverSettings(values.settings, env)
    const { createLog } = await import('../../base/log.ts')
    const log = createLog(settings.log.level, settings.cloud.clientId)
    const { startReceiver } = await import('../../receiver/receiver.ts')
    const { SqliteSink } = await import('../../receiver/sqlite-sink.ts')
    return serve(
      output,
      async () => startReceiver(settings, { log, clock: systemClock, sink: SqliteSink.open(settings.data) }),
      () =>
        `receiver ${settings.cloud.clientId} has started: cloud ${new URL(settings.cloud.url).host}, data ${settings.data}`,
    )
  },
})
