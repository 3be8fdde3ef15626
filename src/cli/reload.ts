import { type Log, type LogLevel, setLogLevel } from '../base/log.ts'
import { reloadSettings } from '../settings/reload.ts'

/**
 * What a service does at SIGHUP: reads its settings again and uses what can be used without a restart. Settings that
 * cannot be read change nothing.
 * @param load reads the settings as the start did; throws if they cannot be used
 */
export function settingsReloader<S extends { readonly log: { readonly level: LogLevel } }>(
  running: S,
  log: Log,
  load: (warn: (text: string) => void) => S,
): () => void {
  return () => {
    try {
      const { applied, needRestart } = reloadSettings(
        running,
        load((warning) => log.warn(warning)),
      )
      setLogLevel(log, running.log.level)
      log.info({ applied }, 'the settings were read again')
      if (needRestart.length > 0) log.warn({ needRestart }, 'these settings take effect at the next start')
    } catch (err) {
      log.error({ err }, 'the settings cannot be read again: those from before stay in use')
    }
  }
}
