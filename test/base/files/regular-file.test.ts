import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readRegularFile } from '../../../src/base/files/regular-file.ts'
import { tempFolder } from '../../../support/folder.ts'
import { onStop } from '../../../support/started.ts'

describe('a file that a person names', () => {
  it('is read whole up to its limit, and refused one byte above', () => {
    const file = join(tempFolder(), 'file')
    writeFileSync(file, Buffer.alloc(200_000, 'x'))
    expect(readRegularFile(file, 200_000).bytes).toHaveLength(200_000)
    expect(() => readRegularFile(file, 199_999)).toThrow('it has 200000 bytes, the limit is 199999')
  })

  it.skipIf(process.platform !== 'linux')('is refused when it has more bytes than its size says', () => {
    expect(() => readRegularFile('/proc/self/maps', 100)).toThrow('it has more than 100 bytes')
    expect(readRegularFile('/proc/self/cmdline', 10_000).bytes.length).toBeGreaterThan(0)
  })

  it.skipIf(process.platform === 'win32')('is refused at once when it is no regular file', async () => {
    const folder = tempFolder()
    const [fifo, socket] = [join(folder, 'fifo'), join(folder, 'socket')]
    execFileSync('mkfifo', [fifo])
    mkdirSync(join(folder, 'folder'))
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    onStop(() => void server.close())
    expect(() => readRegularFile(fifo, 100)).toThrow('a pipe (FIFO), not a regular file')
    expect(() => readRegularFile('/dev/zero', 100)).toThrow('a device, not a regular file')
    expect(() => readRegularFile(join(folder, 'folder'), 100)).toThrow('a folder, not a regular file')
    expect(() => readRegularFile(socket, 100)).toThrow('a socket, not a regular file')
    expect(() => readRegularFile(join(folder, 'none'), 100)).toThrow('there is no such file')
  })
})
