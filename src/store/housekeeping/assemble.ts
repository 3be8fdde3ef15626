import type { StoreSettings } from '../../settings/edge.ts'
import type { Catalog } from '../catalog.ts'
import type { HousekeepingContext } from '../sealed/task.ts'
import { Policies } from './policy.ts'
import { Removal } from './removal.ts'
import type { Archive, Retention, SeriesLabel } from './retention.ts'
import { Rollups } from './rollups.ts'

/** Assembles the parts that decide how long readings are kept. */
export function assembleRetention(
  context: HousekeepingContext,
  { settings, archive }: { settings: Pick<StoreSettings, 'retention'>; archive: Archive | undefined },
  catalog: () => Catalog,
): Retention {
  const rollups = new Rollups(context.database)
  const describe = (series: number): SeriesLabel => {
    const { device, metric, unit } = catalog().series(series)!
    return { device: device.name, metric, unit: unit || undefined }
  }
  const policies = new Policies(settings.retention, (series) => {
    const { device, metric } = describe(series)
    return `${device}/${metric}`
  })
  return { context, policies, rollups, removal: new Removal(context, policies, rollups), archive, describe }
}
