import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { edgeAcl, receiverAcl } from '../../src/cli/commands/settings/acl.ts'
import { loadEdgeSettings, loadReceiverSettings } from '../../src/settings/load/load.ts'
import { tempFolder } from '../../support/folder.ts'
import { ROOT } from '../../support/process.ts'

interface Service {
  readonly user?: string
  readonly image: string
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly secrets: readonly string[]
  readonly networks: readonly string[]
  readonly healthcheck?: unknown
}
interface Compose {
  readonly services: Readonly<Record<'mosquitto' | 'edge' | 'receiver', Service>>
  readonly secrets: Readonly<Record<string, unknown>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly networks: Readonly<Record<string, unknown>>
}

const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')) as Compose
const services = Object.values(compose.services)

/** The values of the service's variables here, where the secrets are in another folder. */
function environment(service: Service): Record<string, string> {
  const folder = tempFolder()
  mkdirSync(join(folder, 'run'))
  for (const secret of service.secrets) writeFileSync(join(folder, 'run', secret), `secret of ${secret}\n`)
  const entries = Object.entries(service.environment ?? {})
  return Object.fromEntries(entries.map(([name, value]) => [name, value.replace('/run/secrets', `${folder}/run`)]))
}

describe('docker-compose.yml', () => {
  it('uses only declared names and files of the project, and checks the health of every service', () => {
    for (const service of services) {
      for (const [source] of service.volumes.map((volume) => volume.split(':') as [string, string])) {
        if (source.startsWith('./')) expect(existsSync(join(ROOT, source)), source).toBe(true)
        else expect(Object.keys(compose.volumes)).toContain(source)
      }
      for (const secret of service.secrets) expect(Object.keys(compose.secrets)).toContain(secret)
      for (const network of service.networks) expect(Object.keys(compose.networks)).toContain(network)
      expect(service.healthcheck).toBeDefined()
    }
  })

  it('gives edge and receiver valid settings, with users that the broker knows', () => {
    const { edge, receiver, mosquitto } = compose.services
    const edgeSettings = loadEdgeSettings(join(ROOT, 'examples/edge.yaml'), environment(edge))
    const [uplink] = edgeSettings.uplinks
    expect(edgeSettings).toMatchObject({ data: '/data', web: { host: '0.0.0.0', port: 8080 } })
    expect(uplink).toMatchObject({ url: 'mqtt://mosquitto:1883', username: edgeSettings.edge })
    expect(uplink?.password).toBe(`secret of mqtt-${edgeSettings.edge}`)

    const { cloud, data } = loadReceiverSettings(join(ROOT, 'examples/receiver.yaml'), environment(receiver))
    expect([cloud.url, cloud.password, data]).toEqual(['mqtt://mosquitto:1883', 'secret of mqtt-receiver', '/data'])
    expect(mosquitto.secrets).toEqual([`mqtt-${uplink?.username}`, `mqtt-${cloud.username}`])
  })

  it('has the access rules that its settings need', () => {
    const rules = readFileSync(join(ROOT, 'mosquitto/acl'), 'utf8').split('\n')
    const edge = loadEdgeSettings(join(ROOT, 'examples/edge.yaml'), environment(compose.services.edge))
    const receiver = loadReceiverSettings(join(ROOT, 'examples/receiver.yaml'), environment(compose.services.receiver))
    expect(rules.filter((line) => /^[^#]/.test(line))).toEqual([...edgeAcl(edge), ...receiverAcl(receiver)])
  })

  it('starts the program that the package installs', () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: { tidegate: string } }
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    expect(dockerfile).toContain(`ENTRYPOINT ["node", "/app/${bin.tidegate}"]`)
    expect(dockerfile).toContain(`CMD ["node", "${bin.tidegate}", "status"`)
    expect(compose.services.edge.healthcheck).toMatchObject({ test: expect.arrayContaining([bin.tidegate]) })
  })

  it('runs nothing as root', () => {
    expect(compose.services.mosquitto.user).toMatch(/^[1-9]/)
    const lastStage = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1)
    expect(lastStage).toMatch(/^USER node$/m)
  })
})
