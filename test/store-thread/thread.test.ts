import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../../src/base/errors.ts'
import type { BatchReply } from '../../src/store-thread/protocol.ts'
import { tempFolder } from '../../support/folder.ts'
import { openStore } from '../store/stores.ts'
import { Spine, valuesOf } from './spine.ts'

const TOPIC = 'telemetry/press/force'

/** A batch with a topic number that was never introduced, which would be a bug on our own side. */
function breakPromise({ thread }: Spine): Promise<BatchReply> {
  const numbers = { messagesMax: 8, count: 1, bytes: 0, renumbered: true, returns: 0 }
  const names = { topics: [], clients: [], identifiers: [] }
  return new Promise((resolve) =>
    thread.submit({ kind: 'batch', buffer: new SharedArrayBuffer(8 * 20 + 8), ...numbers, ...names }, resolve),
  )
}

describe('the store thread', () => {
  it('commits everything that was handed over before it stops, and frees the folder', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    const settled = [1, 2, 3].map((value) => spine.publish(TOPIC, `${value}`))
    await new Promise(setImmediate)
    await Promise.all([spine.stop(), spine.stop()])
    expect(await Promise.all(settled)).toEqual([undefined, undefined, undefined])
    openStore(folder).close()
    expect(valuesOf(folder)).toEqual([1, 2, 3])
  })

  it('fails to start with the error of the store, and leaves nothing behind', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    await expect(Spine.start(folder)).rejects.toThrow(`process ${process.pid}`)
    await spine.stop()
    mkdirSync(join(folder, 'below', 'tidegate.db'), { recursive: true })
    const failure: unknown = await Spine.start(join(folder, 'below')).catch((trouble: unknown) => trouble)
    expect(failure).toBeInstanceOf(OperatorError)
    expect((failure as OperatorError).remedy).toContain('permissions')
  })

  it('settles everything when it dies of a broken promise, reports that, and lets the folder be opened again', async () => {
    const folder = tempFolder()
    const spine = await Spine.start(folder)
    expect(await spine.publish(TOPIC, '1')).toBeUndefined()
    const broken = breakPromise(spine)
    const asked = spine.status()
    const behind = spine.publish(TOPIC, '2')
    await expect(asked).rejects.toThrow()
    expect((await broken).refused).toBeDefined()
    expect(await behind).toBeInstanceOf(Error)
    await expect(spine.thread.died).rejects.toThrow()
    expect(await spine.publish(TOPIC, '3')).toBeInstanceOf(Error)
    expect(spine.ingest.pendingBytes).toBe(0)
    expect(spine.ingest.refusedBecause).toBeDefined()
    await expect(spine.next()).rejects.toThrow()
    await spine.stop()
    const again = await Spine.start(folder)
    expect(await again.publish(TOPIC, '4')).toBeUndefined()
    await again.stop()
    expect(valuesOf(folder)).toEqual([1, 4])
  })

  it('refuses calls after it was stopped, and does not count as dead', async () => {
    const spine = await Spine.start(tempFolder())
    await spine.stop()
    expect(await spine.publish(TOPIC, '1')).toBeInstanceOf(Error)
    await expect(spine.status()).rejects.toThrow()
    const fate = spine.thread.died.catch(() => 'died')
    expect(await Promise.race([fate, new Promise(setImmediate).then(() => 'did not')])).toBe('did not')
  })
})
