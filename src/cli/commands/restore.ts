import { resolve } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { Exit } from '../../base/errors.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'

export const restore = command({
  name: 'restore',
  summary: 'Replace the store with a backup; the edge must not be running',
  notes: [
    'The backup is copied and checked before anything changes; the backup file itself is not changed. The present database is set aside in the data folder as tidegate.db.before-restore-TIME. Remove that file when you no longer need it.',
    'The restored store begins a new epoch. It sends everything that was not confirmed when the backup was made, even if the cloud has received it since. Readings that arrived after the backup are only in the database that was set aside and in the cloud.',
  ],
  options: { ...storeOptions, json: shared.json },
  operands: { value: 'FILE', help: 'A file that `tidegate backup` or `store.backup` has made', min: 1, max: 1 },
  examples: [
    'restore plant-7.db -s examples/edge.yaml',
    'restore examples/data/plant-7/backup/tidegate-20261124T000000Z.db --data examples/data/plant-7',
  ],
  async run({ values, operands: [operand = ''], output, env }) {
    const folder = await dataFolder(values, env)
    const file = resolve(operand)
    const { restore: restoreBackup } = await import('../../store/backup/restore.ts')
    const { epoch, former } = restoreBackup(folder, file, systemClock.now())
    if (values.json) output.json({ folder, file, epoch, former: former ?? null })
    else {
      output.print(`restored ${file} into ${folder}; the new epoch is ${epoch}`)
      if (former !== undefined) output.print(`the previous database is set aside as ${former}`)
    }
    return Exit.OK
  },
})
