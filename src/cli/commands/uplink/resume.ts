import { systemClock } from '../../../base/clock.ts'
import { Exit, OperatorError } from '../../../base/errors.ts'
import { suggestion } from '../../../base/nearest.ts'
import { command } from '../../command.ts'
import { dataFolder, storeOptions } from '../../data-folder.ts'
import { withReader } from '../../reader.ts'

export const uplinkResume = command({
  name: 'uplink resume',
  summary: 'Let an uplink send again that was paused because another edge has the same name',
  notes: [
    'An uplink is paused when its receiver finds that two edges send under one name, and this one came later. Stop the other edge first, or give one of the two another name (`edge` in the settings, then `tidegate run --adopt`), which ends the pause as well. If both still send, the uplink is paused again.',
    'The command stores an order in the database. A running edge carries it out within a second, a stopped one when it starts.',
  ],
  options: storeOptions,
  operands: { value: 'NAME', help: 'Name of the uplink', min: 1, max: 1 },
  examples: ['uplink resume cloud -s examples/edge.yaml'],
  async run({ values, operands: [uplink = ''], output, env }) {
    const folder = await dataFolder(values, env)
    const { known, since } = await withReader(folder, (reader) => {
      return { known: reader.summary().backlogs.map((one) => one.uplink), since: reader.pausedSince(uplink) }
    })
    if (!known.includes(uplink)) {
      throw new OperatorError(`the store has no uplink "${uplink}"${suggestion(uplink, known)}`, {
        remedy: known.length === 0 ? 'start the edge once with its uplinks' : `use one of ${known.join(', ')}`,
      })
    }
    if (since === undefined) {
      output.print(`nothing to resume: the uplink ${uplink} is not paused`)
      return Exit.OK
    }
    const { placeOrder } = await import('../../../store/orders.ts')
    placeOrder(folder, { kind: 'uplink-resume', uplink }, systemClock.now())
    output.print('ordered; a running edge carries it out within a second')
    return Exit.OK
  },
})
