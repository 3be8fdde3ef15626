import { randomUUID } from 'node:crypto'
import { systemClock } from '../../../base/clock.ts'
import { Exit, messageOf, OperatorError } from '../../../base/errors.ts'
import { command, shared } from '../../command.ts'
import { withSource } from './source.ts'

export const cloudConfigRestored = command({
  name: 'cloud config restored',
  summary: 'Says that the database of the receiver was set back, so that no revision is named twice',
  notes: [
    'Run it after a backup was put back, while the receiver is stopped and before anybody writes a config. It reads from the broker which incarnation of the cloud is the newest that edges have seen, and goes on in the next one. What edges have gone on to meanwhile is not lost: they propose it.',
  ],
  options: { settings: { ...shared.settings, help: 'Settings file of the receiver' } },
  examples: ['cloud config restored -s examples/receiver.yaml'],
  run: ({ values, output, env }) =>
    withSource(values, { env, write: true }, async ({ store, settings }) => {
      const { newestIncarnation, renewAll } = await import('../../../receiver/config/restored.ts')
      const { limitsOf } = await import('../../../receiver/config/settings.ts')
      const { cloud } = settings!
      const seen = await newestIncarnation(cloud, `tidegate-restored-${randomUUID().slice(0, 8)}`).catch((cause) => {
        throw new OperatorError(`cannot look at what the broker has kept: ${messageOf(cause)}`, {
          remedy: 'start the broker, or look at `cloud` in the settings',
          exitCode: Exit.UNAVAILABLE,
          cause,
        })
      })
      const count = await renewAll(store, { seen, limits: limitsOf(settings!), now: systemClock.now() })
      output.print(`${count} configs go on in a new incarnation; a running receiver publishes them at once`)
      return Exit.OK
    }),
})
