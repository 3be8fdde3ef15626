/**
 * Fills a data folder with readings that no uplink has delivered, like an edge whose cloud is unreachable.
 * Arguments: folder, readings. Prints the sum of their values.
 */
import { edgeSettings } from '../../src/settings/edge.ts'
import { Store } from '../../src/store/store.ts'
import { append } from './layout-tidegate.ts'
import { Plant } from './plant.ts'

const SERIES = 500
const PER_COMMIT = 500

const [folder = '', readings = ''] = process.argv.slice(2)
const { store: settings } = edgeSettings.parse({ edge: 'bench' })
const store = Store.open(folder, settings, [{ name: 'cloud', start: 'all' }])
let sum = 0
for (const some of new Plant(SERIES).commits(Number(readings), PER_COMMIT)) {
  store.write(() => append(store, some))
  for (let i = 0; i < some.count; i++) sum += some.value[i]!
  store.checkpointIfDue()
  for (let more = true; more; ) more = store.runHousekeeping({ now: some.receivedAt[some.count - 1]!, busy: true })
}
store.close()
console.log(JSON.stringify({ sum }))
