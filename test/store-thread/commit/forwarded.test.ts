import { expect, it } from 'vitest'
import { tempFolder } from '../../../support/folder.ts'
import { Spine, valuesOf } from '../spine.ts'

const ROUTES = [{ topic: 'telemetry/{device}/{metric}' }, { topic: 'events/#', forward: true }]

it('a forwarded message that does not fit is not acknowledged and leaves no identifier; readings of the same commit are stored', async () => {
  const folder = tempFolder()
  const spine = await Spine.start(folder, { routes: ROUTES, store: { forwardBytesMax: 65_536 } })
  const incoming = (messageId: number) => ({ incoming: { client: 'tester', messageId } })
  const answers = await Promise.all([
    spine.publish('telemetry/press/force', '1'),
    spine.publish('events/small', 'x', incoming(1)),
    spine.publish('events/image', Buffer.alloc(70_000), incoming(2)),
    spine.publish('telemetry/press/force', '2'),
    spine.publish('events/small', 'y'),
  ])
  expect(answers.map((failure) => failure?.message)).toEqual([
    undefined,
    undefined,
    expect.stringContaining('store.forwardBytesMax'),
    undefined,
    undefined,
  ])
  expect(await spine.identifiers()).toEqual(['tester/1'])
  expect((await spine.status()).forwards).toMatchObject({ refused: 1, uplinks: [{ waiting: 2 }] })
  await spine.stop()
  expect(valuesOf(folder)).toEqual([1, 2])
})
