/** Holds a data folder until it is killed, and prints every position once it is committed: `holder.ts FOLDER`. */
import { writeSync } from 'node:fs'
import { append, openStore } from './stores.ts'

const store = openStore(process.argv[2]!)
writeSync(1, 'open\n')
setInterval(() => {
  store.write(() => {
    for (let i = 0; i < 5; i++) append(store)
  })
  writeSync(1, `committed ${store.lastSeq}\n`)
}, 1)
