import type { Command } from './command.ts'
import { backup } from './commands/backup.ts'
import { check } from './commands/check.ts'
import { clock, clockAccept, clockReject } from './commands/clock.ts'
import { cloudConfigResolve, cloudConfigRollback, cloudConfigSet } from './commands/cloud-config/edit.ts'
import { cloudConfigHistory } from './commands/cloud-config/history.ts'
import { cloudConfigRestored } from './commands/cloud-config/restored.ts'
import {
  cloudConfigRollout,
  cloudConfigRolloutAbort,
  cloudConfigRolloutResume,
  cloudConfigRolloutStatus,
} from './commands/cloud-config/rollout.ts'
import { cloudConfigConflicts, cloudConfigList, cloudConfigShow } from './commands/cloud-config/show.ts'
import { configDelete, configPatch, configRollback, configSet } from './commands/config/edit.ts'
import { configResolve, configRetry } from './commands/config/resolve.ts'
import { configConflicts, configDiff, configHistory, configList, configShow } from './commands/config/show.ts'
import { demo } from './commands/demo.ts'
import { devices } from './commands/devices.ts'
import { devicesForget } from './commands/devices-forget.ts'
import { downDrop } from './commands/down/drop.ts'
import { downList } from './commands/down/list.ts'
import { exportReadings } from './commands/export.ts'
import { history } from './commands/history/history.ts'
import { ledger } from './commands/ledger.ts'
import { receiveFleet } from './commands/receive/fleet.ts'
import { receiveGaps } from './commands/receive/gaps.ts'
import { receive } from './commands/receive/receive.ts'
import { rejectsList, rejectsShow } from './commands/rejects/list.ts'
import { rejectsDrop, rejectsReplay } from './commands/rejects/replay-drop.ts'
import { replay } from './commands/replay/replay.ts'
import { restore } from './commands/restore.ts'
import { retention } from './commands/retention.ts'
import { run } from './commands/run.ts'
import { settingsAcl, settingsCheck, settingsDocs, settingsSchema } from './commands/settings/settings.ts'
import { sql } from './commands/sql/sql.ts'
import { status } from './commands/status/status.ts'
import { unroutedList } from './commands/unrouted/list.ts'
import { unroutedDrop, unroutedReplay } from './commands/unrouted/replay-drop.ts'
import { uplinkResume } from './commands/uplink/resume.ts'

/** All commands, in the order of the help. */
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
  devicesForget,
  history,
  sql,
  ledger,
  retention,
  clock,
  clockAccept,
  clockReject,
  exportReadings,
  uplinkResume,
  rejectsList,
  rejectsShow,
  rejectsReplay,
  rejectsDrop,
  unroutedList,
  unroutedReplay,
  unroutedDrop,
  downList,
  downDrop,
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
  settingsAcl,
  settingsSchema,
  settingsDocs,
]
