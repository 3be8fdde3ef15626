import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { serve } from '../../src/cli/service.ts'
import { ROOT, type RunningProcess, startProcess } from '../../support/process.ts'

/** A process that runs a service; `start` and `stop` are the source text of asynchronous function bodies. */
function startService({ start = '', stop = '', stopMsMax = 10_000, reload = 'undefined' }): RunningProcess {
  const modules = (file: string): string => pathToFileURL(join(ROOT, 'src/cli', file)).href
  const text = `
    import { ProcessOutput } from '${modules('output.ts')}'
    import { serve } from '${modules('service.ts')}'
    const output = new ProcessOutput()
    const forever = new Promise(() => setInterval(() => {}, 1000))
    const start = async () => { ${start}; return { stop: async () => { console.log('stopping'); ${stop} } } }
    process.exit(await serve(output, start, () => 'ready', { stopMsMax: ${stopMsMax}, reload: ${reload} }))`
  return startProcess(process.execPath, ['--input-type=module', '--eval', text])
}

describe('a service', () => {
  it('stops in order at the first signal, whichever it is', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const service = startService({})
      await service.waitFor(/^tidegate: ready$/m)
      service.kill(signal)
      expect(await service.exit).toBe(0)
      expect(service.stdout).toContain('stopping')
    }
  })

  it('that gets a signal while it starts stops as soon as it has started', async () => {
    const service = startService({
      start: `console.log('starting'); await new Promise((go) => process.once('SIGTERM', go))`,
    })
    await service.waitFor(/starting/)
    service.kill('SIGTERM')
    expect(await service.exit).toBe(0)
    expect(service.stdout).toContain('stopping')
  })

  it('ends at once at the second signal', async () => {
    const service = startService({ stop: 'await forever' })
    await service.waitFor(/ready/)
    service.kill('SIGTERM')
    await service.waitFor(/stopping/)
    service.kill('SIGINT')
    expect(await service.exit).toBe(130)
  })

  it('reloads at every SIGHUP and goes on, also while it starts', async () => {
    const service = startService({
      start: `console.log('starting'); await new Promise((go) => process.once('SIGHUP', go))`,
      reload: `() => console.log('reloaded')`,
    })
    await service.waitFor(/starting/)
    service.kill('SIGHUP')
    await service.waitFor(/reloaded[\s\S]*ready/)
    service.kill('SIGHUP')
    await service.waitFor(/reloaded[\s\S]*ready[\s\S]*reloaded/)
    service.kill('SIGTERM')
    expect(await service.exit).toBe(0)
  })

  it('that does not stop in time ends with 1', async () => {
    const service = startService({ stop: 'await forever', stopMsMax: 100 })
    await service.waitFor(/ready/)
    service.kill('SIGTERM')
    expect(await service.exit).toBe(1)
  })

  it('that fails is stopped, and its error is reported', async () => {
    let stopped = false
    const ignore = (): void => {}
    const output = {
      print: ignore,
      data: ignore,
      json: ignore,
      drained: async () => true,
      note: ignore,
      progress: ignore,
    }
    const start = async () => ({
      failed: Promise.reject<never>(new Error('the disk is gone')),
      stop: async () => {
        stopped = true
      },
    })
    await expect(serve(output, start, () => 'ready')).rejects.toThrow('the disk is gone')
    expect(stopped).toBe(true)
  })
})
