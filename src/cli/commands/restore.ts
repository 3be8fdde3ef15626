import { resolve } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { Exit } from '../../base/errors.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'

export const restore = command({
  name: 'restore',
  summary: 'Puts a backup in the place of the store; the edge must not run',
  notes: [
    'The backup is copied and checked before anything changes, and stays as it is. The present database is set aside in the data folder, as tidegate.db.before-restore- and the time; remove it when nobody needs it any more.',
    'The restored store begins a new epoch: what it had not sent when the backup was made is sent, also where the cloud has got it since, from the store that is now set aside. Readings from after the backup are only in that one and in the cloud.',
  ],
  options: { ...storeOptions, json: shared.json },
  operands: { value: 'FILE', help: 'A file that `tidegate backup` has made', min: 1, max: 1 },
  examples: [
    'restore plant-7.db -s examples/edge.yaml',
    'restore data/backup/tidegate-20261124T000000Z.db --data ./data',
  ],
  async run({ values, operands: [operand = ''], output, env }) {
    const folder = await dataFolder(values, env)
    const file = resolve(operand)
    const { restore: putBack } = await import('../../store/backup/restore.ts')
    const { epoch, former } = putBack(folder, file, systemClock.now())
    if (values.json) output.json({ folder, file, epoch, former: former ?? null })
    else {
      output.print(`the store in ${folder} is that of ${file} now, in a new epoch ${epoch}`)
      if (former !== undefined) output.print(`the database from before is set aside: ${former}`)
    }
    return Exit.OK
  },
})
