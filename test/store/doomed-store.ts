/**
 * Commits and runs housekeeping until it is killed: `doomed-store.ts FOLDER`. The value of a reading is its
 * position. Prints a line on standard output after every commit, with the last position in it.
 */
import { writeSync } from 'node:fs'
import { append, openStore } from './stores.ts'

const COMMIT_ROWS = 100

const store = openStore(process.argv[2]!, { sealRows: 256, uplinks: [] })
for (;;) {
  store.write(() => {
    for (let i = 0; i < COMMIT_ROWS; i++) {
      append(store, { device: `press-${i % 3}`, value: store.lastSeq + 1, ts: Date.now() })
    }
  })
  writeSync(1, `${store.lastSeq}\n`)
  for (let slices = 0; slices < 5 && store.runHousekeeping({ now: Date.now(), busy: false }); slices++);
  store.checkpointIfDue()
}
