import { describe, expect, it } from 'vitest'
import { cloudTopic, readCloudTopic } from '../../src/config/topics.ts'

describe('a topic of config sync on the cloud broker', () => {
  it('is read back as it was made', () => {
    for (const device of ['pump-17', 'Kühler', '温度', 'solarcharger.279']) {
      expect(readCloudTopic('tidegate', cloudTopic('tidegate', 'site', device, 'head'))).toEqual({
        edge: 'site',
        device,
        what: 'head',
      })
    }
  })

  it('is not read when its device could be two: the MQTT library has replaced ill-formed UTF-8', () => {
    const received = Buffer.from('tidegate/site/config/K\xfchler/head', 'latin1').toString('utf8')
    expect(readCloudTopic('tidegate', received)).toBeUndefined()
  })
})
