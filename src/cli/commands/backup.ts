import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Exit, OperatorError } from '../../base/errors.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import { sizeText } from '../progress-bar.ts'

export const backup = command({
  name: 'backup',
  summary: 'Write a complete copy of the store to a file; the edge may be running',
  notes: [
    'The backup contains the store as it is when the command starts to copy. The file appears under its name only when it is checked and on disk; an interrupted backup leaves no file. A backup takes about 10 s per GB and as much space as the store uses. Meanwhile the WAL of a busy edge grows.',
    'With `store.backup` in its settings, an edge makes backups by itself.',
  ],
  options: { ...storeOptions, force: { kind: 'flag', help: 'Replace an existing file' }, json: shared.json },
  operands: { value: 'FILE', help: 'File to write', min: 1, max: 1 },
  examples: [
    'backup plant-7.db -s examples/edge.yaml',
    'backup /mnt/usb/plant-7.db --data examples/data/plant-7 --force',
  ],
  async run({ values, operands: [operand = ''], output, env }) {
    const file = resolve(operand)
    if (existsSync(file) && !values.force) {
      throw new OperatorError(`the file ${file} already exists`, {
        remedy: 'name another file, or add --force to replace this one',
        exitCode: Exit.CANNOT_CREATE,
      })
    }
    const folder = await dataFolder(values, env)
    const { backUp } = await import('../../store/backup/backup.ts')
    const written = backUp(folder, file)
    if (values.json) output.json(written)
    else output.print(`backup complete: ${written.file}, ${sizeText(written.bytes)}`)
    return Exit.OK
  },
})
