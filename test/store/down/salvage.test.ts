import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DATABASE_FILE } from '../../../src/store/database.ts'
import { openReader } from '../../../src/store/reader.ts'
import { tempFolder } from '../../../support/folder.ts'
import { lastPageOf, scribble } from '../recovery/damage.ts'
import { openStore } from '../stores.ts'

const COUNT = 300

it('messages from the cloud that are lost with a part of the disk are counted, and no id is assigned again', () => {
  const folder = tempFolder()
  const store = openStore(folder)
  store.write(() => {
    for (let i = 0; i < COUNT; i++) {
      store.delivery.down.add({ topic: `a/${i}`, retain: false, payload: new Uint8Array(200), expiryS: 60 }, 0)
    }
    for (let id = 1; id <= 10; id++) store.delivery.down.remove(id, 'delivered')
  })
  store.close()
  scribble(join(folder, DATABASE_FILE), { pages: [lastPageOf(folder, 'down')], seed: 1 })
  const healed = openStore(folder)
  const before = healed.delivery.down.status()
  healed.write(() =>
    healed.delivery.down.add({ topic: 'new', retain: false, payload: new Uint8Array(1), expiryS: 60 }, 0),
  )
  const ids = healed.delivery.down.heads(0).map(({ id }) => id)
  healed.close()
  expect(before).toMatchObject({ stored: COUNT, delivered: 10 })
  expect(before.damaged).toBeGreaterThan(0)
  expect(ids.at(-1)).toBe(COUNT + 1)
  const reader = openReader(folder)
  expect(reader.down().problems).toEqual([])
  reader.close()
})
