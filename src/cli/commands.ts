import type { Command } from './command.ts'
import { demo } from './commands/demo.ts'
import { exportReadings } from './commands/export.ts'
import { ledger } from './commands/ledger.ts'
import { receive } from './commands/receive.ts'
import { rejectsList, rejectsShow } from './commands/rejects.ts'
import { replay } from './commands/replay.ts'
import { retention } from './commands/retention.ts'
import { run } from './commands/run.ts'
import { settingsCheck, settingsDocs, settingsSchema } from './commands/settings.ts'
import { status } from './commands/status.ts'

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [
  demo,
  run,
  receive,
  replay,
  status,
  ledger,
  retention,
  exportReadings,
  rejectsList,
  rejectsShow,
  settingsCheck,
  settingsSchema,
  settingsDocs,
]
