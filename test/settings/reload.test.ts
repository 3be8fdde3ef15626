import { describe, expect, it } from 'vitest'
import { reloadSettings } from '../../src/settings/reload.ts'

interface Uplink {
  name: string
  url: string
  password?: string
  window: number
  tls?: { key: string; alpn?: string[] }
}
const settings = (level: string, ...uplinks: Uplink[]): { log: { level: string }; uplinks: Uplink[] } => ({
  log: { level },
  uplinks,
})
const scada: Uplink = { name: 'scada', url: 'mqtts://scada', password: 'ebb', window: 64, tls: { key: 'a.key' } }
const cloud: Uplink = { name: 'cloud', url: 'mqtts://cloud', password: 'flood', window: 64 }

describe('a reload', () => {
  it('applies a new level, login and TLS, and reports everything else', () => {
    const running = settings('info', structuredClone(scada), cloud)
    const [uplink] = running.uplinks
    const fresh = settings(
      'debug',
      { ...scada, password: 'tide', window: 9, tls: { key: 'b.key', alpn: ['x'] } },
      cloud,
    )
    expect(reloadSettings(running, fresh)).toEqual({
      applied: ['log.level', 'uplinks[0].password', 'uplinks[0].tls.key', 'uplinks[0].tls.alpn'],
      needRestart: ['uplinks[0].window'],
    })
    expect(running.log.level).toBe('debug')
    expect(uplink).toEqual({ ...fresh.uplinks[0], window: 64 })
    expect(running.uplinks[0]).toBe(uplink) // the part that holds the settings sees the change
  })

  it('never gives the login of one broker to another', () => {
    for (const fresh of [
      settings('info', cloud, scada),
      settings('info', { ...scada, url: 'mqtts://other', password: 'tide' }, cloud),
      settings('info', cloud),
    ]) {
      const running = settings('info', { ...scada }, { ...cloud })
      expect(reloadSettings(running, fresh).applied).toEqual([])
      expect(running).toEqual(settings('info', scada, cloud))
    }
  })

  it('takes a login away that is no longer in the settings', () => {
    const running = settings('info', { ...cloud })
    const { password: _, ...without } = cloud
    expect(reloadSettings(running, settings('info', without)).applied).toEqual(['uplinks[0].password'])
    expect(running.uplinks[0]?.password).toBeUndefined()
  })
})
