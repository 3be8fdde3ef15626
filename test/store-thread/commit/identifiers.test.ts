import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../support/folder.ts'
import { connect } from '../../store/stores.ts'
import { Spine, valuesOf } from '../spine.ts'

const TOPIC = 'telemetry/press/force'
const id = (messageId: number, client = 'press') => ({ client, messageId })

describe('QoS 2 identifiers', () => {
  it('are stored with their reading, are deleted when they are released, and survive a restart', async () => {
    const folder = tempFolder()
    let spine = await Spine.start(folder)
    await Promise.all([1, 2, 3].map((n) => spine.publish(TOPIC, `${n}`, { incoming: id(n) })))
    await spine.publish(TOPIC, '4', { incoming: id(1, 'oven') })
    expect(await spine.release(id(2))).toBeUndefined()
    expect(await spine.identifiers()).toEqual(['oven/1', 'press/1', 'press/3'])
    await spine.stop()
    spine = await Spine.start(folder)
    expect(await spine.identifiers()).toEqual(['oven/1', 'press/1', 'press/3'])
    expect(await spine.release(id(1))).toBeUndefined()
    expect(await spine.release(id(999))).toBeUndefined()
    await spine.publish(TOPIC, '5', { incoming: id(1) })
    expect(await spine.identifiers()).toEqual(['oven/1', 'press/1', 'press/3'])
    await spine.stop()
  })

  it('of a client that begins a clean session are all deleted, and those of others are kept', async () => {
    const spine = await Spine.start(tempFolder())
    await Promise.all([1, 2, 3].map((n) => spine.publish(TOPIC, `${n}`, { incoming: id(n) })))
    await spine.publish(TOPIC, '4', { incoming: id(2, 'oven') })
    spine.ingest.forget('press')
    expect(await spine.release(id(9, 'unknown'))).toBeUndefined()
    expect(await spine.identifiers()).toEqual(['oven/2'])
    await spine.stop()
  })

  it('change in the order in which a commit received the changes', async () => {
    const spine = await Spine.start(tempFolder())
    const settled = [
      spine.publish(TOPIC, '1', { incoming: id(1, 'a') }),
      spine.release(id(1, 'a')),
      spine.release(id(1, 'b')),
      spine.publish(TOPIC, '2', { incoming: id(1, 'b') }),
      spine.publish(TOPIC, '3', { incoming: id(1, 'c') }),
    ]
    spine.ingest.forget('c')
    spine.ingest.forget('d')
    settled.push(spine.publish(TOPIC, '4', { incoming: id(1, 'd') }))
    expect((await Promise.all(settled)).filter((failure) => failure !== undefined)).toEqual([])
    expect(await spine.identifiers()).toEqual(['b/1', 'd/1'])
    await spine.stop()
  })

  it('stay as they were when a commit fails; only the deletion for a clean session is made up for', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    await spine.publish(TOPIC, '1', { incoming: id(1) })
    await spine.publish(TOPIC, '2', { incoming: id(1, 'oven') })
    const other = connect(folder)
    other.exec('BEGIN IMMEDIATE')
    const failed = [
      spine.publish(TOPIC, '3', { incoming: id(2, 'oven') }),
      spine.release(id(1, 'oven')),
      spine.publish(TOPIC, '4', { incoming: id(2) }),
    ]
    spine.ingest.forget('press')
    expect((await Promise.all(failed)).every((failure) => failure instanceof Error)).toBe(true)
    other.exec('ROLLBACK')
    other.close()
    expect(await spine.identifiers()).toEqual(['oven/1', 'press/1'])
    await spine.publish(TOPIC, '5', { incoming: id(3) })
    expect(await spine.identifiers()).toEqual(['oven/1', 'press/3'])
    await spine.publish(TOPIC, '6')
    expect(await spine.identifiers()).toEqual(['oven/1', 'press/3'])
    await spine.stop()
    expect(valuesOf(folder)).toEqual([1, 2, 5, 6])
  })
})
