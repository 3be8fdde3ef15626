import { cloudConfigHistory } from './cloud/history.ts'
import { cloudConfigConflicts, cloudConfigList, cloudConfigShow } from './cloud/look.ts'
import { cloudConfigRestored } from './cloud/restored.ts'
import {
  cloudConfigRollout,
  cloudConfigRolloutAbort,
  cloudConfigRolloutResume,
  cloudConfigRolloutStatus,
} from './cloud/rollout.ts'
import { cloudConfigResolve, cloudConfigRollback, cloudConfigSet } from './cloud/write.ts'
import type { Command } from './command.ts'
import { backup } from './commands/backup.ts'
import { check } from './commands/check.ts'
import { configConflicts, configDiff, configHistory, configList, configShow } from './commands/config.ts'
import { configResolve, configRetry } from './commands/config-decide.ts'
import { configDelete, configPatch, configRollback, configSet } from './commands/config-edit.ts'
import { demo } from './commands/demo.ts'
import { devices } from './commands/devices.ts'
import { exportReadings } from './commands/export.ts'
import { history } from './commands/history.ts'
import { ledger } from './commands/ledger.ts'
import { receive } from './commands/receive.ts'
import { receiveFleet } from './commands/receive-fleet.ts'
import { receiveGaps } from './commands/receive-gaps.ts'
import { rejectsList, rejectsShow } from './commands/rejects.ts'
import { rejectsDrop, rejectsReplay } from './commands/rejects-orders.ts'
import { replay } from './commands/replay.ts'
import { restore } from './commands/restore.ts'
import { retention } from './commands/retention.ts'
import { run } from './commands/run.ts'
import { settingsCheck, settingsDocs, settingsSchema } from './commands/settings.ts'
import { sql } from './commands/sql.ts'
import { status } from './commands/status.ts'

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [
  demo,
  run,
  receive,
  receiveFleet,
  receiveGaps,
  cloudConfigSet,
  cloudConfigShow,
  cloudConfigList,
  cloudConfigConflicts,
  cloudConfigResolve,
  cloudConfigHistory,
  cloudConfigRollback,
  cloudConfigRollout,
  cloudConfigRolloutStatus,
  cloudConfigRolloutResume,
  cloudConfigRolloutAbort,
  cloudConfigRestored,
  replay,
  status,
  devices,
  history,
  sql,
  ledger,
  retention,
  exportReadings,
  rejectsList,
  rejectsShow,
  rejectsReplay,
  rejectsDrop,
  configList,
  configShow,
  configSet,
  configPatch,
  configDelete,
  configHistory,
  configDiff,
  configRollback,
  configConflicts,
  configResolve,
  configRetry,
  check,
  backup,
  restore,
  settingsCheck,
  settingsSchema,
  settingsDocs,
]
