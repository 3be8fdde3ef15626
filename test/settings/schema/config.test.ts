import { describe, expect, it } from 'vitest'
import { configCarrier } from '../../../src/settings/schema/config.ts'

const aws = { name: 'aws', preset: 'aws-iot-core' }
const azure = { name: 'azure', preset: 'azure-event-grid' }
const plant = { name: 'plant' }

describe('the uplink that carries configs', () => {
  it('is the first one whose broker does not close the connection for a topic outside its policy', () => {
    const config = { enabled: true, uplink: undefined }
    expect(configCarrier(config, [plant, aws])).toBe('plant')
    expect(configCarrier(config, [aws, azure, plant])).toBe('plant')
    expect(configCarrier(config, [aws, azure])).toBeUndefined()
  })

  it('is the one that the settings name, or none when configs are disabled', () => {
    expect(configCarrier({ enabled: true, uplink: 'aws' }, [plant, aws])).toBe('aws')
    expect(configCarrier({ enabled: false, uplink: 'aws' }, [plant, aws])).toBeUndefined()
  })
})
