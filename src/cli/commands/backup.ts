import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Exit, OperatorError } from '../../base/errors.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { sizeText } from '../progress-bar.ts'

export const backup = command({
  name: 'backup',
  summary: 'Writes a whole copy of the store to a file, while the edge runs or not',
  notes: [
    'The copy is what the store is at this moment. The file appears when it has been checked and is on the disk; where this is interrupted, there is none. It takes about 10 s for each GB and as much space as the store has in use; the WAL of a busy edge grows meanwhile.',
    'With `store.backup` in its settings an edge makes such copies by itself.',
  ],
  options: { ...storeOptions, force: { kind: 'flag', help: 'Replace a file that exists' }, json: shared.json },
  operands: { value: 'FILE', help: 'File to write', min: 1, max: 1 },
  examples: ['backup plant-7.db -s examples/edge.yaml', 'backup /mnt/usb/plant-7.db --data ./data --force'],
  async run({ values, operands: [operand = ''], output, env }) {
    const file = resolve(operand)
    if (existsSync(file) && !values.force) {
      throw new OperatorError(`the file ${file} exists`, {
        remedy: 'name another file, or give --force to replace it',
        exitCode: Exit.CANNOT_CREATE,
      })
    }
    const folder = await dataFolder(values, env)
    const { backUp } = await import('../../store/backup/backup.ts')
    const written = backUp(folder, file)
    if (values.json) output.json(written)
    else output.print(`backup ${written.file} is whole: ${sizeText(written.bytes)}`)
    return Exit.OK
  },
})
