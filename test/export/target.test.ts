import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Exit } from '../../src/base/errors.ts'
import { FileTarget, ReaderGone, StreamTarget } from '../../src/export/target.ts'
import { tempFolder } from '../../support/folder.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

describe('a file target', () => {
  it('creates its folders, and has its name only when it is complete', () => {
    const folder = tempFolder()
    const file = join(folder, 'a', 'b', 'some.csv')
    const target = FileTarget.open(file, false)
    target.write(bytes('one,'))
    target.write(bytes('two'))
    expect(readdirSync(join(folder, 'a', 'b'))).not.toContain('some.csv')
    target.complete()
    expect(readFileSync(file, 'utf8')).toBe('one,two')
    expect(readdirSync(join(folder, 'a', 'b'))).toEqual(['some.csv'])
  })

  it('leaves nothing when it is discarded, and does not change an existing file', () => {
    const folder = tempFolder()
    const file = join(folder, 'some.csv')
    const target = FileTarget.open(file, false)
    target.write(bytes('half'))
    target.discard()
    expect(readdirSync(folder)).toEqual([])
    writeFileSync(file, 'whole')
    const second = FileTarget.open(file, true)
    second.write(bytes('half'))
    second.discard()
    expect(readdirSync(folder)).toEqual(['some.csv'])
    expect(readFileSync(file, 'utf8')).toBe('whole')
  })

  it('replaces an existing file only with force, even if that file was created meanwhile', () => {
    const folder = tempFolder()
    const file = join(folder, 'some.csv')
    const refusal = expect.objectContaining({ exitCode: Exit.CANNOT_CREATE, message: expect.stringContaining(file) })
    const target = FileTarget.open(file, false)
    target.write(bytes('ours'))
    writeFileSync(file, 'theirs')
    expect(() => target.complete()).toThrow(refusal)
    expect(() => FileTarget.open(file, false)).toThrow(refusal)
    expect(readdirSync(folder)).toEqual(['some.csv'])
    const forced = FileTarget.open(file, true)
    forced.write(bytes('ours'))
    forced.complete()
    expect(readFileSync(file, 'utf8')).toBe('ours')
  })

  it('is refused with exit code 73 when it cannot be created', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), '')
    const refusal = expect.objectContaining({ exitCode: Exit.CANNOT_CREATE })
    expect(() => FileTarget.open(join(folder, 'file', 'some.csv'), false)).toThrow(refusal)
  })
})

describe('a stream target', () => {
  it('resolves a write only when the reader has taken it', async () => {
    const taken: (() => void)[] = []
    const slow = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) })
    let resolved = false
    const written = new StreamTarget(slow).write(bytes('some')).then(() => {
      resolved = true
    })
    await new Promise(setImmediate)
    expect({ waiting: taken.length, resolved }).toEqual({ waiting: 1, resolved: false })
    taken[0]!()
    await written
  })

  it('rejects with ReaderGone when its reader has gone, and with the cause when it fails', async () => {
    const gone = new PassThrough()
    gone.destroy()
    await expect(new StreamTarget(gone).write(bytes('x'))).rejects.toThrow(ReaderGone)
    const failing = (code: string): Writable => {
      const failure = Object.assign(new Error(code), { code })
      return new Writable({ write: (_chunk, _encoding, done) => done(failure) }).on('error', () => {})
    }
    await expect(new StreamTarget(failing('EPIPE')).write(bytes('x'))).rejects.toThrow(ReaderGone)
    await expect(new StreamTarget(failing('ENOSPC')).write(bytes('x'))).rejects.toThrow(/standard output: ENOSPC/)
  })
})
