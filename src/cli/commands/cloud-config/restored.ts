import { randomUUID } from 'node:crypto'
import { systemClock } from '../../../base/clock.ts'
import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { command, shared } from '../../command.ts'
import { withSource } from './source.ts'

export const cloudConfigRestored = command({
  name: 'cloud config restored',
  summary: 'Prevent duplicate revision names after a receiver database was restored',
  notes: [
    'Run this command after you have restored a backup, while the receiver is stopped and before a config is written. It reads from the broker the newest incarnation of the cloud that the edges have seen, and continues every config in the next incarnation. Changes that edges have made since the backup are not lost: the edges propose them.',
  ],
  options: { settings: { ...shared.settings, help: 'Settings file of the receiver' } },
  examples: ['cloud config restored -s examples/receiver.yaml'],
  run: ({ values, output, env }) =>
    withSource(values, { env, write: true }, async ({ store, settings }) => {
      const { newestIncarnation, renewAll } = await import('../../../receiver/config/restored.ts')
      const { limitsOf } = await import('../../../receiver/config/settings.ts')
      const { cloud } = settings!
      const seen = await newestIncarnation(cloud, `tidegate-restored-${randomUUID().slice(0, 8)}`).catch((cause) => {
        throw new OperatorError(`cannot read the retained config messages of the broker: ${messageOf(cause)}`, {
          remedy: 'start the broker, or correct `cloud` in the settings',
          exitCode: Exit.UNAVAILABLE,
          cause,
        })
      })
      const count = await renewAll(store, { seen, limits: limitsOf(settings!), now: systemClock.now() })
      output.print(`${count} configs continue in a new incarnation; the receiver publishes them when it starts`)
      return Exit.OK
    }),
})
