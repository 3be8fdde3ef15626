import { Exit } from '../../base/errors.ts'
import type { CheckReport } from '../../store/recovery/check.ts'
import type { Damage } from '../../store/recovery/damages.ts'
import { command, shared } from '../command.ts'
import { dataFolder, storeOptions } from '../data-folder.ts'
import type { Output } from '../output.ts'
import { countText, progressBar } from '../progress-bar.ts'
import { textTable } from '../table.ts'

export const check = command({
  name: 'check',
  summary: 'Looks at everything in the store; exits with 1 when something is wrong',
  notes: [
    'Looks at every page of the database, opens every block, and compares blocks, their directory and the ledger. It changes nothing and works beside a running edge, whose WAL grows while the pages and the ledger are looked at; a large store takes minutes.',
    'A store that was damaged is salvaged when the edge starts. What that has cost is told here and is a problem of its health until somebody acknowledges it.',
  ],
  options: {
    ...storeOptions,
    acknowledge: { kind: 'flag', help: 'Says that the damage told so far is known, and checks nothing' },
    json: shared.json,
  },
  examples: ['check -s examples/edge.yaml', 'check --data ./data --acknowledge'],
  async run({ values, output, env }) {
    const folder = await dataFolder(values, env)
    if (values.acknowledge) return acknowledgeAll(folder, output)
    const { checkStore } = await import('../../store/recovery/check.ts')
    const { describeDamage } = await import('../../store/recovery/damages.ts')
    const report = checkStore(folder, (share) => output.progress(progressBar(share)))
    const sound = report.problems.length === 0 && report.damages.length === 0
    if (values.json) output.json({ sound, ...report })
    else {
      for (const problem of report.problems) output.print(`problem: ${problem}`)
      for (const damage of report.damages) tellDamage(damage, describeDamage(damage), output)
      output.print(summary(report, sound))
    }
    return sound ? Exit.OK : Exit.FAILED
  },
})

function summary({ problems, damages, blocks, readings }: CheckReport, sound: boolean): string {
  const looked = `${countText(readings)} readings in ${countText(blocks)} blocks were opened`
  if (sound) return `all is well: ${looked}`
  const seen = damages.length === 0 ? '' : '; when the damage is known, say so with --acknowledge'
  return `${problems.length + damages.length} problems: ${looked}${seen}`
}

/** What a damage has cost: by device, and the places of each table that could not be read. */
function tellDamage({ report }: Damage, sentence: string, output: Output): void {
  output.print(`problem: ${sentence}`)
  output.print(`  SQLite said: ${report.cause}`)
  const torn = Object.entries(report.tables).filter(([, { gaps }]) => gaps > 0)
  if (report.devices.length > 0) {
    output.print(
      textTable(
        ['device', 'readings lost'],
        report.devices.map((one) => [one.device, one.readings]),
      ),
    )
  }
  if (torn.length > 0) {
    const rows = torn.map(([table, { rows: kept, gaps }]) => [table, kept, gaps])
    output.print(textTable(['table', 'rows now', 'unreadable places'], rows))
  }
}

async function acknowledgeAll(folder: string, output: Output): Promise<typeof Exit.OK> {
  const { openReadOnly } = await import('../../store/database.ts')
  const { acknowledge, describeDamage, openDamages, readDamages } = await import('../../store/recovery/damages.ts')
  const database = openReadOnly(folder)
  try {
    const damages = readDamages(database)
    const open = openDamages(folder, damages)
    acknowledge(folder, damages)
    for (const damage of open) output.print(`acknowledged: ${describeDamage(damage)}`)
    if (open.length === 0) output.print('there is no damage to acknowledge')
    return Exit.OK
  } finally {
    database.close()
  }
}
