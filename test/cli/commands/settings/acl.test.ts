import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { edgeAcl, receiverAcl } from '../../../../src/cli/commands/settings/acl.ts'
import { edgeSettings } from '../../../../src/settings/edge.ts'
import { loadReceiverSettings } from '../../../../src/settings/load/load.ts'
import { ROOT } from '../../../../support/process.ts'

const STATUS = 'tidegate/$receiver'

/** The access rules of an edge with this uplink. */
function rulesOf(uplink: object): string[] {
  const uplinks = [{ name: 'cloud', url: 'mqtt://cloud', ...uplink }]
  return edgeAcl(edgeSettings.parse({ edge: 'site', data: './data', uplinks }))
}

describe('the access rules of an edge', () => {
  it('contain the status of the receivers only when the edge subscribes to it', () => {
    expect(rulesOf({})).toContain(`pattern read ${STATUS}`)
    expect(rulesOf({ presence: false }).join()).not.toContain(STATUS)
    expect(rulesOf({ confirm: 'puback' }).join()).not.toContain(STATUS)
  })
})

describe('the access rules of a receiver', () => {
  it('contain its status only when it announces itself', () => {
    const settings = loadReceiverSettings(join(ROOT, 'examples/receiver.yaml'), {})
    const rules = (presence: boolean): string[] => receiverAcl({ ...settings, cloud: { ...settings.cloud, presence } })
    expect(rules(true)).toContain(`topic readwrite ${STATUS}`)
    expect(rules(false).join()).not.toContain(STATUS)
  })
})
