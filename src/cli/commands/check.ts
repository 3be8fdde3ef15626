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
  summary: 'Check the whole store; exit code 1 if there is a problem',
  notes: [
    'Checks every page of the database, opens every block, and compares the blocks with their summaries, their directory and the ledger. Changes nothing without --repair. The edge may be running; its WAL grows while the pages and the ledger are checked. A large store takes minutes.',
    'An edge with a damaged store salvages it at the start. This command reports what was lost. The loss counts as a problem here and in the health of the edge until you acknowledge it with --acknowledge.',
  ],
  options: {
    ...storeOptions,
    acknowledge: { kind: 'flag', help: 'Acknowledge all damage reported so far; check nothing' },
    repair: {
      kind: 'flag',
      help: 'First compute again the summaries that do not match the readings of their blocks; stop the edge before',
    },
    json: shared.json,
  },
  examples: ['check -s examples/edge.yaml', 'check --data examples/data/plant-7 --acknowledge'],
  async run({ values, output, env }) {
    const folder = await dataFolder(values, env)
    if (values.acknowledge) return acknowledgeAll(folder, output)
    const repaired = values.repair ? await repair(folder, output) : undefined
    const { checkStore } = await import('../../store/recovery/check.ts')
    const { describeDamage } = await import('../../store/recovery/damages.ts')
    const report = checkStore(folder, (share) => output.progress(progressBar(share)))
    const sound = report.problems.length === 0 && report.damages.length === 0
    if (values.json) output.json({ sound, ...report, repaired })
    else {
      if (repaired !== undefined)
        output.print(`${countText(repaired)} ${repaired === 1 ? 'summary' : 'summaries'} repaired`)
      for (const problem of report.problems) output.print(`problem: ${problem}`)
      for (const damage of report.damages) printDamage(damage, describeDamage(damage), output)
      output.print(summary(report, sound))
    }
    return sound ? Exit.OK : Exit.FAILED
  },
})

async function repair(folder: string, output: Output): Promise<number> {
  const { repairSummaries } = await import('../../store/recovery/repair-summaries.ts')
  return repairSummaries(folder, (share) => output.progress(progressBar(share)))
}

function summary({ problems, damages, blocks, readings }: CheckReport, sound: boolean): string {
  if (sound && readings === 0) return 'no problems: the store holds no readings yet'
  const checked = `checked ${countText(readings)} readings in ${countText(blocks)} blocks`
  if (sound) return `no problems: ${checked}`
  const count = problems.length + damages.length
  const advice = damages.length === 0 ? '' : '; run again with --acknowledge to confirm that you know of the damage'
  return `${count} ${count === 1 ? 'problem' : 'problems'}: ${checked}${advice}`
}

/** Prints what was lost: readings per device, and the unreadable places of each table. */
function printDamage({ report }: Damage, sentence: string, output: Output): void {
  output.print(`problem: ${sentence}`)
  output.print(`  SQLite error: ${report.cause}`)
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
    if (open.length === 0) output.print('no damage to acknowledge')
    return Exit.OK
  } finally {
    database.close()
  }
}
