import { Exit } from '../../../base/errors.ts'
import { command } from '../../command.ts'

const receiver = { kind: 'flag', help: 'Use the settings of a receiver instead of those of an edge' } as const

export const settingsCheck = command({
  name: 'settings check',
  summary: 'Check a settings file and the environment, and report all problems at once',
  options: { receiver },
  operands: { value: 'FILE', help: 'Settings file', min: 1, max: 1 },
  examples: ['settings check examples/edge.yaml', 'settings check --receiver examples/receiver.yaml'],
  async run({ values, operands: [file = ''], output, env }) {
    const { loadEdgeSettings, loadReceiverSettings } = await import('../../../settings/load/load.ts')
    const { remarksOn } = await import('../../../settings/load/links.ts')
    const warn = (warning: string): void => output.note(`warning: ${warning}`)
    const settings = values.receiver ? loadReceiverSettings(file, env, warn) : loadEdgeSettings(file, env, warn)
    const { loadSchemas } = await import('../../../config/schema-check.ts')
    loadSchemas(settings.config.schemas)
    const whose = 'edge' in settings ? `the edge ${settings.edge}` : `the receiver ${settings.cloud.clientId}`
    const { facts, warnings } = remarksOn(settings)
    for (const warning of warnings) warn(warning)
    output.print([`${file}: no problems in the settings of ${whose}`, ...facts].join('\n'))
    return Exit.OK
  },
})

export const settingsAcl = command({
  name: 'settings acl',
  summary: 'Print the access rules that Mosquitto needs for an edge or a receiver with these settings',
  notes: [
    'For an `acl_file` of Mosquitto. The rules of an edge hold for every edge with these settings that logs in with its own name; `%u` stands for that name.',
  ],
  options: { receiver },
  operands: { value: 'FILE', help: 'Settings file', min: 1, max: 1 },
  examples: ['settings acl examples/edge.yaml', 'settings acl --receiver examples/receiver.yaml'],
  async run({ values, operands: [file = ''], output, env }) {
    const { loadEdgeSettings, loadReceiverSettings } = await import('../../../settings/load/load.ts')
    const { edgeAcl, receiverAcl } = await import('./acl.ts')
    const rules = values.receiver ? receiverAcl(loadReceiverSettings(file, env)) : edgeAcl(loadEdgeSettings(file, env))
    output.print(rules.join('\n'))
    return Exit.OK
  },
})

export const settingsSchema = command({
  name: 'settings schema',
  summary: 'Print the JSON Schema of the settings, for editors that complete and check YAML',
  options: { receiver },
  examples: ['settings schema > edge.schema.json', 'settings schema --receiver'],
  async run({ values, output }) {
    const { edgeOutline, receiverOutline } = await import('../../../settings/load/load.ts')
    output.json(values.receiver ? receiverOutline() : edgeOutline())
    return Exit.OK
  },
})

export const settingsDocs = command({
  name: 'settings docs',
  summary: 'Print all settings as Markdown: path, type, default and meaning',
  options: {},
  examples: ['settings docs > docs/settings.md'],
  async run({ output }) {
    const { settingsDocument } = await import('./reference.ts')
    output.print(settingsDocument())
    return Exit.OK
  },
})
