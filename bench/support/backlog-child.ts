/** Fills a data folder with readings that no uplink has delivered, as an edge with its cloud away does. Arguments: folder, readings. */

import { edgeSettings } from '../../src/settings/edge.ts'
import { Store } from '../../src/store/store.ts'
import { append } from './layout-tidegate.ts'
import { Plant } from './plant.ts'

const SERIES = 500
const PER_COMMIT = 500

const [folder = '', readings = ''] = process.argv.slice(2)
const { store: settings } = edgeSettings.parse({ edge: 'bench' })
const store = Store.open(folder, settings, [{ name: 'cloud', start: 'all' }])
for (const some of new Plant(SERIES).commits(Number(readings), PER_COMMIT)) {
  store.write(() => append(store, some))
  store.checkpointIfDue()
  for (let more = true; more; ) more = store.runHousekeeping({ now: some.receivedAt[some.count - 1]!, busy: true })
}
store.close()
console.log('stored')
